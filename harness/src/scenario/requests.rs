//! Reads the requests of a scenario and those of one stage.

use super::request::{Around, is_single, read_request};
use crate::spec::Section;
use harness_base::words::nearest;
use harness_load::spec::Request;

/// Reads `[request]` or every `[request.NAME]`.
pub(super) fn read_all(root: &Section<'_>, around: Around<'_>) -> Vec<Request> {
    const ABOUT: &str = "one request, or several as [request.NAME]";
    if root.describing() {
        read_request("request", &root.table("request", ABOUT), around);
        return named(root, around);
    }
    if !root.has("request") {
        root.table("request", ABOUT);
        return Vec::new();
    }
    let single = {
        let peek = root.peek("request");
        peek.is_none_or(|section| is_single(&section))
    };
    if single { vec![read_request("request", &root.table("request", ABOUT), around)] } else { named(root, around) }
}

fn named(root: &Section<'_>, around: Around<'_>) -> Vec<Request> {
    let sections = root.named("request", "a request with a name");
    sections
        .iter()
        .map(|(name, section)| {
            if let Err(message) = super::check_name(name)
                && !section.describing()
            {
                section.mistake("", message, None);
            }
            read_request(name, section, around)
        })
        .collect()
}

/// Reads the `request` of a stage: the names of some requests of the scenario, or a request of its own. Without the
/// key, all requests.
pub(super) fn of_stage(section: &Section<'_>, all: &[Request], around: Around<'_>) -> Vec<Request> {
    const ABOUT: &str = "names of the requests to send, or a request of its own; default: all";
    if section.describing() || section.has_table("request") {
        return vec![read_request("request", &section.table("request", ABOUT), around)];
    }
    let names: Option<Vec<String>> = section.field("request", ABOUT).optional();
    let Some(names) = names else {
        if all.is_empty() && !section.has("request") {
            section.mistake(
                "",
                "sends requests, but the scenario has no [request]",
                Some("add [request] with a path".to_owned()),
            );
        }
        return all.to_vec();
    };
    if names.is_empty() {
        section.mistake("request", "must name at least one request; leave the key out to send all", None);
    }
    let find = |(index, name): (usize, &String)| {
        let found = all.iter().find(|request| request.name == *name);
        if found.is_none() {
            let near = nearest(name, all.iter().map(|request| request.name.as_str()));
            let hint = near.map(|near| format!("did you mean {near:?}?"));
            section.mistake(&format!("request.{index}"), format!("there is no [request.{name}]"), hint);
        }
        found.cloned()
    };
    names.iter().enumerate().filter_map(find).collect()
}

/// Checks that all requests have one rule, because the audit applies one rule per trial to the count of the upstream.
pub(super) fn check_one_rule(section: &Section<'_>, requests: &[Request]) {
    let Some((first, others)) = requests.split_first() else {
        return;
    };
    if let Some(other) = others.iter().find(|other| other.expect.upstream_hits != first.expect.upstream_hits) {
        let message = format!("mixes requests with different upstream_hits ({} and {})", first.name, other.name);
        section.mistake("request", message, Some("give each rule a stage of its own".to_owned()));
    }
}
