//! Writes the scenario of a program that was looked at.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use super::command::Command;
use super::found::{At, Roles};
use super::request::Kind;
use super::rewrite::{Rewritten, Slots, rewrite};
use super::slots::{SERVER, SIDECAR, fill, quoted};

/// A scenario that is not written to disk yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) text: String,
    /// The templates of `[target.files]`: paths relative to the scenario, and texts.
    pub(super) files: Vec<(PathBuf, String)>,
    /// The ports of the program that are the same in every run.
    pub(super) fixed: Vec<u16>,
    /// Whether the upstream is at a free port and counts its requests.
    pub(super) counts: bool,
}

/// Where a scenario is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Goal {
    pub(super) name: String,
    /// The file as the user would type it.
    pub(super) shown: PathBuf,
    /// Its folder, absolute.
    pub(super) folder: PathBuf,
    /// The folder in which the command was typed, absolute.
    pub(super) typed_in: PathBuf,
}

/// How much of what was seen the scenario relies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Variant {
    /// Whether ports become free ones.
    pub(super) free_ports: bool,
    /// Whether answers must have the length of the one that was seen.
    pub(super) length: bool,
}

impl Draft {
    /// Writes the scenario of a command and the roles of its ports.
    pub(super) fn new(command: &Command, roles: &Roles, goal: &Goal, variant: Variant) -> Self {
        let named = roles.ports().into_iter().map(|(port, name)| (port, name.to_owned()));
        let ports = if variant.free_ports { named.collect() } else { Default::default() };
        let rewritten = rewrite(command, &Slots { ports, upstream: roles.upstream.filter(|_| variant.free_ports) });
        let folder = PathBuf::from("conf").join(&goal.name);
        let files: Vec<(PathBuf, String)> =
            rewritten.files.iter().map(|(name, text)| (folder.join(name), text.clone())).collect();
        let counts = roles.upstream.is_some() && rewritten.is_upstream_free;
        let slots: [(&str, &str); 8] = [
            ("what", command.argv.first().map_or("", |program| program.trim_start_matches("./"))),
            ("file", &goal.shown.display().to_string()),
            ("name", &goal.name),
            ("upstream", &roles.upstream.map_or_else(String::new, |address| upstream(address, counts))),
            ("command", &listed(&rewritten.argv, goal)),
            ("files", &templates(&rewritten, &folder)),
            ("endpoints", &endpoints(roles, &rewritten)),
            ("request", &request(roles, counts, variant.length)),
        ];
        let template = if roles.upstream.is_some() { SIDECAR } else { SERVER };
        let ports = roles.ports().into_iter().map(|(port, _)| port);
        let fixed = ports.filter(|port| !rewritten.ports.contains(port)).collect();
        Self { text: fill(template, &slots), files, fixed, counts }
    }
}

fn upstream(address: SocketAddr, counts: bool) -> String {
    if counts {
        return "# What stands behind the program: the bundled upstream answers every path with 1 KiB and counts the requests that arrive.\n\
            [upstream.builtin]\nbody = \"1KiB\""
            .to_owned();
    }
    format!(
        "# What stands behind the program: the bundled upstream, at the address that the program expects. With {{upstream.url}} or\n\
         # {{upstream.address}} in the command or in a file of the program, [upstream.builtin] can replace this table; it counts the requests\n\
         # that arrive.\n\
         [upstream.process]\ncommand = [\"builtin:upstream\", \"--listen\", \"{address}\", \"--body\", \"1KiB\"]\nurl = \"http://{address}\""
    )
}

/// Writes the words of the command, a flag and its value on one line.
fn listed(argv: &[String], goal: &Goal) -> String {
    let program = argv.first().map(|program| program_from(program, goal)).unwrap_or_default();
    let mut lines = vec![quoted(&program)];
    let mut is_flag = false;
    for word in argv.iter().skip(1) {
        match lines.last_mut() {
            Some(line) if is_flag && !word.starts_with('-') => *line = format!("{line}, {}", quoted(word)),
            _ => lines.push(quoted(word)),
        }
        is_flag = word.starts_with('-') && !word.contains('=');
    }
    lines.iter().map(|line| format!("    {line},")).collect::<Vec<_>>().join("\n")
}

/// Returns the path of a program as seen from the scenario. A bare name is searched in PATH, and an absolute path stays.
fn program_from(program: &str, goal: &Goal) -> String {
    if !program.contains('/') || program.starts_with('/') {
        return program.to_owned();
    }
    let path = goal.typed_in.join(program.trim_start_matches("./"));
    relative(&path, &goal.folder).unwrap_or(path).to_string_lossy().into_owned()
}

/// Returns `path` as seen from `folder`. Both are absolute.
fn relative(path: &Path, folder: &Path) -> Option<PathBuf> {
    let common = folder.ancestors().find(|above| path.starts_with(above))?;
    let up = folder.strip_prefix(common).ok()?.components().map(|_| "..");
    let down = path.strip_prefix(common).ok()?;
    let relative = up.collect::<PathBuf>().join(down);
    Some(if relative.components().count() == 1 { Path::new(".").join(relative) } else { relative })
}

fn templates(rewritten: &Rewritten, folder: &Path) -> String {
    if rewritten.files.is_empty() {
        return String::new();
    }
    let line = |name: &String| format!("{} = {}", quoted(name), quoted(&folder.join(name).to_string_lossy()));
    let lines: Vec<String> = rewritten.files.iter().map(|(name, _)| line(name)).collect();
    format!(
        "# Templates: copies of the program's files, whose placeholders are filled in for each start.\n[target.files]\n{}",
        lines.join("\n")
    )
}

fn endpoints(roles: &Roles, rewritten: &Rewritten) -> String {
    let names = roles.ports();
    let url = |address: SocketAddr, path: &str| {
        let name = names.iter().find(|(port, _)| *port == address.port() && rewritten.ports.contains(port));
        let port = name.map_or_else(|| address.port().to_string(), |(_, name)| format!("{{port.{name}}}"));
        let host = match address.ip() {
            IpAddr::V4(host) => host.to_string(),
            IpAddr::V6(host) => format!("[{host}]"),
        };
        quoted(&format!("http://{host}:{port}{path}"))
    };
    let line = |name: &str, at: Option<At>, paths: &str| match at {
        Some((address, path)) => format!("{name} = {}", url(address, path)),
        None => format!("# {name} = {}   # the program itself answers none of {paths}", url(roles.proxy, "/PATH")),
    };
    let mut lines = vec![format!("proxy = {}", url(roles.proxy, ""))];
    lines.push(line("health", roles.health, "/health, /healthz, /livez"));
    lines.push(line("ready", roles.ready, "/ready, /readyz"));
    let metrics = roles.metrics.map(|(address, path)| format!("# Metrics for Prometheus: {}", url(address, path)));
    lines.extend(metrics);
    lines.join("\n")
}

fn request(roles: &Roles, counts: bool, length: bool) -> String {
    let mut lines =
        vec![format!("method = {}", quoted(roles.request.method())), format!("path = {}", quoted(&roles.request.path))];
    let mut expected = vec![format!("status = {}", roles.answer.status)];
    match roles.request.kind {
        Kind::Call(body) => {
            lines.push(
                "headers = { content-type = \"application/json\", accept = \"application/json, text/event-stream\" }"
                    .to_owned(),
            );
            lines.push(format!("body = '{body}'"));
            if roles.answer.excerpt.contains("\"result\"") {
                expected.push("json = { present = [\"/result\"], absent = [\"/error\"] }".to_owned());
            }
        }
        Kind::Get => expected.extend(roles.answer.length.filter(|_| length).map(|length| format!("length = {length}"))),
    }
    if counts {
        expected.push("upstream_hits = \"exact\"".to_owned());
    }
    lines.push(format!("expect = {{ {} }}", expected.join(", ")));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_seen_from_the_folder_of_the_scenario() {
        let seen =
            |path: &str, folder: &str| relative(Path::new(path), Path::new(folder)).unwrap().display().to_string();
        assert_eq!(seen("/a/b/x", "/a/b/scenarios"), "../x");
        assert_eq!(seen("/a/b/x", "/a/b"), "./x");
        assert_eq!(seen("/a/b/c/x", "/a/b"), "c/x");
        assert_eq!(seen("/usr/x", "/a/b"), "../../usr/x");
    }
}
