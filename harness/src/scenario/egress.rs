//! Reads `egress`: foreign HTTPS hosts that the harness plays.

use crate::spec::Section;
use harness_base::units::Nanos;
use harness_rig::target::spec::{EgressAnswers, EgressHost, EgressRoute, Launch, Spec as TargetSpec};
use serde_json::json;

/// The host whose API is bundled.
const SLACK: &str = "slack.com";
/// The word of the bundled API.
const BUILTIN: &str = "slack";
/// What is written instead of a table for it.
pub(super) const SHORT: &str = "builtin:slack";
const ABOUT: &str = "foreign HTTPS hosts that the harness plays; the target reaches no others through {egress.proxy}";
/// The reaction that approves, unless the scenario names another.
const REACTION: &str = "+1";
const APPROVE_AFTER: Nanos = Nanos::from_secs(1);

/// Reads every `[egress.NAME]`, or `egress = "builtin:slack"`.
pub(super) fn read_all(root: &Section<'_>) -> Vec<EgressHost> {
    if root.has("egress") && !root.has_table("egress") {
        root.field::<String>("egress", ABOUT).one_of(&[SHORT]).default(SHORT.to_owned());
        return vec![EgressHost {
            name: BUILTIN.to_owned(),
            host: SLACK.to_owned(),
            answers: EgressAnswers::Slack { reaction: REACTION.to_owned() },
            approve_after: APPROVE_AFTER,
            direct: false,
        }];
    }
    let sections = root.named("egress", ABOUT);
    let mut hosts: Vec<EgressHost> = Vec::new();
    for (name, section) in &sections {
        if let Err(message) = super::check_name(name)
            && !section.describing()
        {
            section.mistake("", message, None);
        }
        let host = read(name, section);
        if let Some(other) = hosts.iter().find(|other| other.host == host.host) {
            section.mistake("host", format!("{} is that of [egress.{}] already", host.host, other.name), None);
        }
        hosts.push(host);
    }
    hosts
}

fn read(name: &str, section: &Section<'_>) -> EgressHost {
    if !section.describing() {
        section.exactly_one(&["builtin", "routes"]);
    }
    let builtin = section.field("builtin", "the bundled API that it has: slack").one_of(&[BUILTIN]).optional();
    let about = "its DNS name; default: slack.com with builtin = \"slack\"";
    let host: Option<String> = section.field("host", about).check(is_host).optional();
    if host.is_none() && builtin.is_none() && !section.has("host") && !section.describing() {
        section.mistake("host", "is missing", Some("write the name that the target calls".to_owned()));
    }
    let about = "name of the reaction that approves, with builtin = \"slack\"";
    let reaction = section.field("reaction", about).optional();
    if builtin.is_none() && section.has("reaction") {
        section.mistake("reaction", "is part of builtin = \"slack\"", Some("write approved in a route".to_owned()));
    }
    let routes = section.named("routes", "answers by method and path, for example \"POST /alerts\"");
    let routes = routes.iter().map(|(route, section)| read_route(route, section)).collect();
    let answers = match builtin {
        Some(_) => EgressAnswers::Slack { reaction: reaction.unwrap_or_else(|| REACTION.to_owned()) },
        None => EgressAnswers::Routes(routes),
    };
    EgressHost {
        name: name.to_owned(),
        host: host.unwrap_or_else(|| SLACK.to_owned()).to_ascii_lowercase(),
        answers,
        approve_after: section
            .field("approve_after", "time from a request for approval until the approval is given")
            .default(APPROVE_AFTER),
        direct: section
            .field(
                "direct",
                "whether a container finds the host by its name, at port 443 of this host, instead of through {egress.proxy}",
            )
            .default(false),
    }
}

fn read_route(route: &str, section: &Section<'_>) -> EgressRoute {
    let (method, path) = route.split_once(' ').unwrap_or((route, ""));
    let is_plain = path.starts_with('/') && !path.contains(['?', '#', ' ']);
    if !section.describing()
        && (!is_plain || method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()))
    {
        let hint = "write a method and a path without a query, for example \"POST /alerts\"".to_owned();
        section.mistake("", format!("{route:?} is not a route"), Some(hint));
    }
    let within = |status: &u64| match (200..=599).contains(status) {
        true => Ok(()),
        false => Err(format!("must be from 200 to 599, is {status}")),
    };
    EgressRoute {
        method: method.to_owned(),
        path: path.to_owned(),
        status: section.field("status", "status of the answer").check(within).default(200),
        json: section.field("json", "body of the answer; default: {}").optional().unwrap_or_else(|| json!({})),
        approved: section.field("approved", "body of the answer once the approval is given").optional(),
        asks: section.field("asks", "whether a request to it asks for approval").default(false),
    }
}

/// Checks a DNS name. The certificate of the host contains it, and the target must not ask a server of names for it.
fn is_host(host: &String) -> Result<(), String> {
    let is_label = |label: &str| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(is_part)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_number = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if host.len() <= 253 && !is_number && host.split('.').all(is_label) {
        Ok(())
    } else {
        Err(format!("{host:?} is not a DNS name such as \"api.example.com\""))
    }
}

/// Checks that the target can reach the hosts in the way that they are declared.
pub(super) fn check(root: &Section<'_>, hosts: &[EgressHost], target: &TargetSpec) {
    if root.describing() || hosts.is_empty() {
        return;
    }
    match &target.launch {
        Launch::Container(_) => {}
        Launch::Process(_) => {
            for host in hosts.iter().filter(|host| host.direct) {
                let hint =
                    "remove it, and set HTTPS_PROXY = \"{egress.proxy}\" in the environment of the process".to_owned();
                let message = "a process finds names as the whole host does, so only a container can be directed";
                root.mistake(&format!("egress.{}.direct", host.name), message, Some(hint));
            }
        }
        Launch::External(_) | Launch::Command(_) | Launch::Stdio(_) | Launch::Pod(_) => {
            let hint = Some("start it with [target.process] or [target.container]".to_owned());
            root.mistake("egress", "needs a target that the harness starts as a server on this machine", hint);
        }
    }
}
