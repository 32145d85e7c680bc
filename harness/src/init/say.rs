//! Describes what was found, what was not, and what to type next.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::draft::Draft;
use super::found::{Found, Port, Roles, Speech};

/// What `harness init` did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The findings about the program; empty for a template.
    pub(super) found: String,
    /// The scenario and its files, the scenario first.
    pub(super) files: Vec<PathBuf>,
    /// The parts that are missing in the scenario.
    pub(super) missing: Vec<String>,
}

impl std::fmt::Display for Written {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.found)?;
        for (index, file) in self.files.iter().enumerate() {
            let label = if index == 0 { "wrote" } else { "" };
            writeln!(out, "{label:<9}{}", file.display())?;
        }
        for missing in &self.missing {
            writeln!(out, "{:<9}{missing}", "missing")?;
        }
        let file = self.files.first().map(|file| file.display().to_string()).unwrap_or_default();
        writeln!(out, "{:<9}harness check {file}", "next")?;
        writeln!(out, "{:<9}harness run {file} --quick", "")
    }
}

/// Describes the ports and the request.
pub(super) fn found(found: &Found, roles: &Roles, draft: &Draft) -> String {
    let mut text = String::new();
    for (index, port) in found.ports.iter().enumerate() {
        let label = if index == 0 { "listens" } else { "" };
        let _ = writeln!(text, "{label:<9}{:<22}{}", port.address.to_string(), of_port(port, roles));
    }
    let arrived = match (roles.upstream, draft.counts) {
        (Some(upstream), _) if found.taken.contains(&upstream) => {
            format!(" (a process of yours listens at {upstream}; the scenario starts the bundled upstream instead)")
        }
        (Some(upstream), true) => format!(" and arrived at its upstream {upstream}"),
        (Some(upstream), false) => format!(" and arrived at its upstream {upstream}, which stays at this port"),
        (None, _) => String::new(),
    };
    let length = roles.answer.length.map_or_else(String::new, |length| format!(", {length} bytes"));
    let _ = writeln!(text, "{:<9}{} answered {}{length}{arrived}", "request", roles.request, roles.answer.status);
    let ports = if draft.fixed.is_empty() {
        "on free ports".to_owned()
    } else {
        format!("with {} as before", listed(&draft.fixed))
    };
    let _ = writeln!(text, "{:<9}the scenario started it again {ports}, and the same request was answered", "tried");
    text
}

fn of_port(port: &Port, roles: &Roles) -> String {
    let speech = match port.speech {
        Speech::Http => "HTTP",
        Speech::Https => "HTTP over TLS",
        Speech::Other => return "no HTTP; left out".to_owned(),
        Speech::Elsewhere => return "not at loopback; left out".to_owned(),
    };
    let role = if port.address == roles.proxy { ", takes the requests" } else { "" };
    let own = match port.paths.as_slice() {
        _ if port.answers_all => ", answers every path".to_owned(),
        [] => String::new(),
        paths => format!(", answers {}", paths.join(", ")),
    };
    format!("{speech}{role}{own}")
}

fn listed(ports: &[u16]) -> String {
    ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

/// Lists what the scenario does not have, with what to do. `folder` is that in which the command was typed.
pub(super) fn missing(roles: &Roles, draft: &Draft, shown: &Path, folder: &Path) -> Vec<String> {
    let mut missing = Vec::new();
    if roles.health.is_none() && roles.ready.is_none() {
        missing.push(format!(
            "a health or ready path, so startup ends when it listens; if it has one, write it into [target.endpoints] of {}",
            shown.display()
        ));
    }
    if roles.upstream.is_none() {
        missing.push(
            "an upstream: no request was passed on to an address of the command, so the scenario has no overhead stage"
                .to_owned(),
        );
    }
    if !draft.fixed.is_empty() {
        let ports = listed(&draft.fixed);
        missing.push(format!(
            "free ports instead of {ports}: two builds in one run cannot both have them, so --against does not work"
        ));
    }
    if draft.text.contains(&*folder.to_string_lossy()) {
        missing
            .push(format!("portable paths: {} names files of this machine by their absolute paths", shown.display()));
    }
    missing
}
