//! Removes values that may be secrets from what a run records about its scenario.

use crate::spec::{Tree, parse_value};

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

/// A key that the command line sets, as `KEY=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub argument: String,
    /// Whether its value is recorded wherever it goes.
    pub is_public: bool,
}

impl Setting {
    /// Creates one from `--set`.
    pub fn new(argument: impl Into<String>) -> Self {
        Self { argument: argument.into(), is_public: false }
    }

    /// Creates one from `--set-public`.
    pub fn public(argument: impl Into<String>) -> Self {
        Self { argument: argument.into(), is_public: true }
    }

    /// Returns it for the record: without its value if that is not public and goes into a header, a variable or a file, or contains the
    /// user of a URL.
    pub(super) fn recorded(&self) -> String {
        let Some((key, value)) = self.argument.split_once('=').filter(|_| !self.is_public) else {
            return self.argument.clone();
        };
        let names_a_table = key.split('.').any(|part| TABLES.contains(&part.trim().trim_matches(['"', '\''])));
        let hidden = names_a_table || has_table(&parse_value(value)) || has_user(value);
        if hidden { format!("{key}={HIDDEN}") } else { self.argument.clone() }
    }
}

/// Returns whether a value contains one of [`TABLES`].
fn has_table(value: &Tree) -> bool {
    match value {
        Tree::Table(entries) => {
            entries.iter().any(|(name, node)| TABLES.contains(&name.as_str()) || has_table(&node.tree))
        }
        Tree::List(items) => items.iter().any(|node| has_table(&node.tree)),
        _ => false,
    }
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
            let argument = format!("{key}=Bearer s3cr3t");
            assert_eq!(Setting::new(argument.as_str()).recorded(), format!("{key}=…"));
            assert_eq!(Setting::public(argument.as_str()).recorded(), argument);
        }
        let setting = |argument: &str| Setting::new(argument).recorded();
        assert_eq!(setting("upstream.url=http://u:p@127.0.0.1/"), "upstream.url=…");
        for inline in [
            "request={ path = \"/\", headers = { authorization = \"s3cr3t\" } }",
            "target={ process = { command = [\"x\"], \"env\".DSN = \"s3cr3t\" } }",
        ] {
            let key = inline.split_once('=').unwrap().0;
            assert_eq!(setting(inline), format!("{key}=…"));
        }
        for argument in [
            "stage.overhead.rate=500/s",
            "targets.\"latency/p50\".limit=< 1ms",
            "no value",
            "x=http://h/a@b",
            "x={ a = 1 }",
        ] {
            assert_eq!(setting(argument), argument);
        }
    }
}
