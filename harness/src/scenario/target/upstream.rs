//! Reads `[upstream]`.

use std::net::IpAddr;

use super::check_url;
use super::met::Met;
use crate::spec::Section;
use harness_base::units::Ratio;
use harness_fleet::spec::Range;
use harness_rig::target::spec::{Builtin, McpServer, Upstream};

/// Reads `[upstream]`; `None` if it is not written. `in_pod` says whether the target is in a pod, whose address its URL may contain.
pub(in crate::scenario) fn read_upstream(section: &Section<'_>, reach: &[Range], in_pod: bool) -> Option<Upstream> {
    if !section.is_written() && !section.describing() {
        return None;
    }
    if !section.describing() {
        section.exactly_one(&["builtin", "process", "url"]);
    }
    let url = read_url(section, reach, in_pod).map(Upstream::Url);
    let process = section.optional_table("process", "a program to start").map(|process| read_process(&process, reach));
    let builtin = section.optional_table("builtin", "the bundled mock upstream");
    let builtin = builtin.map(|builtin| Upstream::Builtin(read_builtin(&builtin, &Builtin::default())));
    builtin.or(process).or(url)
}

/// Reads the settings of the bundled upstream; missing keys are taken from `base`.
pub(in crate::scenario) fn read_builtin(section: &Section<'_>, base: &Builtin) -> Builtin {
    let builtin = Builtin {
        body: section.field("body", "size of its response bodies").default(base.body),
        delay: section.field("delay", "constant delay of every response").default(base.delay),
        tls: section.field("tls", "whether it speaks TLS, with the certificate of the run").default(base.tls),
        unix: section
            .field(
                "unix",
                "whether it listens at a unix socket in the run's scratch folder, whose path is {upstream.path}",
            )
            .default(base.unix),
        address: section
            .field("address", "loopback address that it listens on, for example \"::1\"; default: 127.0.0.1")
            .check(
                |address: &IpAddr| {
                    if address.is_loopback() { Ok(()) } else { Err(format!("{address} is not a loopback address")) }
                },
            )
            .optional()
            .or(base.address),
        mcp: match section.optional_table("mcp", "its MCP server, with sessions and event streams, at /mcp and /mcp/v1")
        {
            Some(server) => Some(read_mcp(&server, &base.mcp.clone().unwrap_or_default())),
            None => base.mcp.clone(),
        },
        args: section
            .field("args", "additional flags of `harness __upstream`, for example [\"--error-every\", \"10\"]")
            .default(base.args.clone()),
        cpuset: section.cpuset().or_else(|| base.cpuset.clone()),
    };
    let is_written = |key: &str| section.has("unix") || section.has(key);
    if builtin.unix && builtin.tls && is_written("tls") {
        section.mistake("unix", "a unix socket is measured without TLS", Some("remove tls or unix".to_owned()));
    }
    if builtin.unix && builtin.address.is_some() && is_written("address") {
        section.mistake("unix", "a unix socket has no IP address", Some("remove address or unix".to_owned()));
    }
    builtin
}

/// Reads the settings of its MCP server; missing keys are taken from `base`.
fn read_mcp(section: &Section<'_>, base: &McpServer) -> McpServer {
    let within = |least: u64, most: u64| {
        move |number: &u64| match (least..=most).contains(number) {
            true => Ok(()),
            false => Err(format!("must be between {least} and {most}, is {number}")),
        }
    };
    let about =
        "share of the answers to tools/call that are event streams; default: those whose request has a progress token";
    let whole = |share: &Ratio| match (0.0..=1.0).contains(&share.0) {
        true => Ok(()),
        false => Err(format!("must be between 0% and 100%, is {}", share.notation())),
    };
    let progress = "progress notifications before the result in an event stream whose request has a progress token";
    McpServer {
        tools: section
            .field("tools", "number of tools that tools/list answers")
            .check(within(1, 10_000))
            .default(base.tools),
        sse: section.field("sse", about).check(whole).optional().or(base.sse),
        progress: section.field("progress", progress).check(within(0, 1_000)).default(base.progress),
        progress_every: section
            .field("progress_every", "time before each event of such a stream except the first")
            .default(base.progress_every),
    }
}

fn read_url(section: &Section<'_>, reach: &[Range], in_pod: bool) -> Option<String> {
    let url: Option<String> = section.field("url", "URL of an upstream that already runs").optional();
    let mut met = Met::default();
    let template = met.note(section, "", "url", url.as_ref()?);
    if let Some(Err(error)) = template.map(|template| check_url(&template, true, reach)) {
        section.mistake("url", error.to_string(), None);
    }
    if !in_pod {
        met.check_pod(section, false);
    }
    if !met.places().is_empty() {
        section.mistake(
            "url",
            "cannot contain a free port or socket, because the upstream runs already",
            Some("write where it listens".to_owned()),
        );
    }
    url
}

fn read_process(section: &Section<'_>, reach: &[Range]) -> Upstream {
    let mut met = Met::default();
    let process = super::read_process(section, "", &mut met);
    let passed_on = met.places();
    let url: String =
        section.field("url", "where it answers, for example \"http://127.0.0.1:{port.upstream}\"").required();
    if section.has("url")
        && let Some(template) = met.note(section, "", "url", &url)
        && let Err(error) = check_url(&template, true, reach)
    {
        section.mistake("url", error.to_string(), None);
    }
    met.check_places(section, &passed_on, "url");
    met.check_upstream(section);
    Upstream::Process { process, url }
}
