//! Removes values that may be secrets from what a run records about its scenario.

/// Replacement of a value.
const HIDDEN: &str = "…";

/// Environment variables that hold no secret, whose values are recorded. Others are recorded by name.
const PUBLIC: [&str; 16] = [
    "GODEBUG",
    "GOGC",
    "GOMAXPROCS",
    "GOMEMLIMIT",
    "LANG",
    "LC_ALL",
    "MALLOC_ARENA_MAX",
    "MALLOC_CONF",
    "NODE_ENV",
    "OMP_NUM_THREADS",
    "PATH",
    "PYTHONUNBUFFERED",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "TOKIO_WORKER_THREADS",
    "TZ",
];

/// Tables of a scenario whose values are passed on: headers of requests, environment variables and files.
const TABLES: [&str; 4] = ["headers", "env", "files", "build_args"];

/// Returns `NAME=value` for the record: the value of a variable that holds no secret, or a reference such as `${NAME}`.
pub(crate) fn variable(name: &str, value: &str) -> String {
    let shown = if PUBLIC.contains(&name) || is_reference(value) { value } else { HIDDEN };
    format!("{name}={shown}")
}

/// Returns whether a value only names a variable.
fn is_reference(value: &str) -> bool {
    let name = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
}

/// Returns a `--set` argument for the record: without its value if that goes into a header, a variable or a file, or contains the user
/// of a URL.
pub(super) fn setting(argument: &str) -> String {
    let Some((key, value)) = argument.split_once('=') else { return argument.to_owned() };
    let is_passed_on = key.split('.').any(|part| TABLES.contains(&part.trim().trim_matches(['"', '\''])));
    if is_passed_on || has_user(value) { format!("{key}={HIDDEN}") } else { argument.to_owned() }
}

/// Returns whether a text contains a URL with a user, and so perhaps with a password.
fn has_user(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| rest.split(['/', '?', '#']).next().is_some_and(|host| host.contains('@')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_variables_that_hold_no_secret_are_recorded() {
        assert_eq!(variable("RUST_LOG", "error"), "RUST_LOG=error");
        assert_eq!(variable("UPSTREAM", "${UPSTREAM}"), "UPSTREAM=${UPSTREAM}");
        for name in ["API_TOKEN", "DATABASE_URL", "PASSPHRASE", "DSN", "ANYTHING"] {
            assert_eq!(variable(name, "s3cr3t"), format!("{name}=…"));
        }
        assert_eq!(variable("DSN", "${DSN:-s3cr3t}"), "DSN=…");
    }

    #[test]
    fn settings_of_headers_variables_and_files_are_recorded_without_value() {
        for key in [
            "request.headers.authorization",
            "target.process.env.DSN",
            "requests.call.headers.\"x-a\"",
            "target.files.x",
        ] {
            assert_eq!(setting(&format!("{key}=Bearer s3cr3t")), format!("{key}=…"));
        }
        assert_eq!(setting("upstream.url=http://u:p@127.0.0.1/"), "upstream.url=…");
        for argument in
            ["stage.overhead.rate=500/s", "targets.\"latency/p50\".limit=< 1ms", "no value", "x=http://h/a@b"]
        {
            assert_eq!(setting(argument), argument);
        }
    }
}
