//! Formats the plan as text for `harness check`.

use std::fmt;

use super::{Plan, matrix, pod, span};
use crate::measure::LedgerRule;
use crate::measure::metric::{self, Unit};
use crate::verdict::claim::Claim;
use crate::work::Stage;
use harness_base::units::{Bytes, Nanos, grouped, three_digits};
use harness_load::spec::{Body, Framing, Request, StreamedBody};
use harness_rig::target::spec::{
    CommandSpec, ContainerSpec, EgressAnswers, EgressHost, External, ImageSpec, Launch, Upstream,
};

/// Width of a line.
const WIDTH: usize = 80;

/// Width of the labels, and of a stage's name if it is longer.
const LABEL: usize = 10;

impl fmt::Display for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quick = if self.scenario.quick { ", quick" } else { "" };
        line(
            out,
            "scenario",
            &format!("{} ({}, seed {}{quick})", self.scenario.name, self.path.display(), self.scenario.seed),
        )?;
        self.describe_target(out)?;
        if !matches!(self.target.launch, Launch::Command(_)) {
            line(out, "upstream", &self.upstreams())?;
        }
        if !self.egress.is_empty() {
            line(out, "egress", &self.foreign_hosts())?;
        }
        if let Some(wires) = self.wires() {
            line(out, "wire", &wires)?;
        }
        if let Some(networks) = self.networks() {
            line(out, "network", &networks)?;
        }
        if let Some(fleet) = &self.fleet {
            line(out, "fleet", &super::fleet::describe(fleet))?;
        }
        for request in self.requests() {
            line(out, "request", &describe_request(request))?;
        }
        writeln!(out)?;
        let stages = self.described_stages();
        let longest = stages.iter().map(|(name, _)| name.chars().count() + 2).max().unwrap_or(LABEL);
        for (name, text) in &stages {
            columns(out, longest.max(LABEL), name, text)?;
        }
        self.describe_claims(out)?;
        self.describe_gates(out)?;
        for warning in &self.warnings {
            line(out, "warning", warning)?;
        }
        writeln!(out)?;
        let pods = pod::starts(self);
        line(out, "takes", &format!("about {}{pods}, more where rounds must be repeated", self.expected_duration()))
    }
}

impl Plan {
    fn describe_target(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe_launch(out, "target", &self.target.launch)?;
        if let Some(base) = &self.base {
            describe_launch(out, "against", &base.launch)?;
        }
        if let Launch::Command(command) = &self.target.launch {
            return describe_command(out, command);
        }
        if let Launch::Stdio(_) = &self.target.launch {
            return Ok(());
        }
        let endpoints = &self.target.endpoints;
        line(out, "", &format!("proxy  {}", endpoints.proxy))?;
        for (name, url) in [("health", &endpoints.health), ("ready ", &endpoints.ready)] {
            if let Some(url) = url {
                line(out, "", &format!("{name} {url}"))?;
            }
        }
        line(out, "", &format!("ready within {}", span(self.target.deadline)))
    }

    /// Describes the upstream, and the stages in which it differs.
    fn upstreams(&self) -> String {
        let describe = |stage: &Stage| stage.upstream.as_ref().map_or_else(|| "none".to_owned(), describe_upstream);
        by_text(self.stages.iter().map(|stage| (describe(stage), self.matrix.stage_of(&stage.name))))
    }

    /// Describes the foreign hosts that the harness plays.
    fn foreign_hosts(&self) -> String {
        let describe = |host: &EgressHost| {
            let answers = match &host.answers {
                EgressAnswers::Slack { .. } => "the API of Slack".to_owned(),
                EgressAnswers::Routes(routes) => format!("{} routes", routes.len()),
            };
            let asked =
                if host.is_asked() { format!(", approves after {}", span(host.approve_after)) } else { String::new() };
            let direct = if host.direct { ", at its name in the container" } else { "" };
            format!("{} ({answers}{asked}{direct})", host.host)
        };
        self.egress.iter().map(describe).collect::<Vec<_>>().join("; ")
    }

    /// Describes what is spoken in the stages that say so; `None` if none does.
    fn wires(&self) -> Option<String> {
        let describe = |stage: &Stage| {
            let wire = stage.wire?;
            let streams = if wire.is_http2() { self.generator.http2.streams } else { 1 };
            let shared = if streams == 1 { String::new() } else { format!(", {streams} users per connection") };
            Some(format!("{} ({}{shared})", wire.word(), wire.describe()))
        };
        let stages = self.stages.iter().filter_map(|stage| Some((describe(stage)?, self.matrix.stage_of(&stage.name))));
        Some(by_text(stages)).filter(|text| !text.is_empty())
    }

    /// Describes each stage, with its name; the cells of a stage together.
    fn described_stages(&self) -> Vec<(String, String)> {
        let mut cells = matrix::describe(&self.matrix, &self.stages).into_iter();
        let mut described: Vec<(String, String)> = Vec::new();
        for stage in &self.stages {
            let Some(cell) = self.matrix.cell(&stage.name) else {
                described.push((stage.name.clone(), describe_stage(stage)));
                continue;
            };
            if !described.iter().any(|(name, _)| *name == cell.facts.stage) {
                described.extend(cells.next());
            }
        }
        described
    }

    /// Describes the impaired paths of the stages that have some; `None` if none has.
    fn networks(&self) -> Option<String> {
        let impaired = self.stages.iter().filter(|stage| !stage.network.is_empty());
        let paths: Vec<(String, &str)> =
            impaired.map(|stage| (stage.network.to_string(), self.matrix.stage_of(&stage.name))).collect();
        let mut names: Vec<&str> = paths.iter().map(|(_, name)| *name).collect();
        // The cells of a stage stand together.
        names.dedup();
        let everywhere = paths.first().filter(|(first, _)| paths.iter().all(|(text, _)| text == first));
        match everywhere {
            Some((text, _)) if paths.len() < self.stages.len() => Some(format!("{text} in {}", names.join(", "))),
            _ => Some(by_text(paths.iter().map(|(text, name)| (text.clone(), *name)))).filter(|text| !text.is_empty()),
        }
    }

    /// Lists every request that a stage sends, once.
    fn requests(&self) -> Vec<&Request> {
        let mut requests: Vec<&Request> = Vec::new();
        for request in self.stages.iter().flat_map(|stage| &stage.requests) {
            if !requests.contains(&request) {
                requests.push(request);
            }
        }
        requests
    }

    fn describe_claims(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, claim) in self.claims.iter().enumerate() {
            if index == 0 {
                writeln!(out)?;
            }
            line(out, "claim", &describe_claim(claim))?;
        }
        Ok(())
    }
}

/// Lists texts once, with the names that have each, unless there is only one text.
fn by_text<'n>(all: impl Iterator<Item = (String, &'n str)>) -> String {
    let mut kinds: Vec<(String, Vec<&str>)> = Vec::new();
    for (text, name) in all {
        match kinds.iter_mut().find(|(known, _)| *known == text) {
            Some((_, names)) if names.contains(&name) => {}
            Some((_, names)) => names.push(name),
            None => kinds.push((text, vec![name])),
        }
    }
    match kinds.as_slice() {
        [(text, _)] => text.clone(),
        several => {
            let parts: Vec<String> =
                several.iter().map(|(text, names)| format!("{text} in {}", names.join(", "))).collect();
            parts.join("; ")
        }
    }
}

/// Describes how a build is started, and with which environment.
fn describe_launch(out: &mut fmt::Formatter<'_>, label: &str, launch: &Launch) -> fmt::Result {
    let (how, env) = match launch {
        Launch::Process(process) => (process.command.join(" "), Some(&process.env)),
        Launch::Container(container) => (describe_container(container), Some(&container.env)),
        Launch::Command(command) => (command.run.command.join(" "), Some(&command.run.env)),
        Launch::Stdio(stdio) => (stdio.shim.command.join(" "), Some(&stdio.shim.env)),
        Launch::Pod(pod) => (super::pod::describe(pod), pod.made().map(|made| &made.env)),
        Launch::External(External::Pid(pid)) => (format!("process {pid}, which runs already"), None),
        Launch::External(External::Port(port)) => (format!("the process that listens on port {port}"), None),
    };
    line(out, label, &how)?;
    let env: Vec<String> = env.into_iter().flatten().map(|(name, value)| format!("{name}={value}")).collect();
    if env.is_empty() { Ok(()) } else { line(out, "", &format!("with {}", env.join(" "))) }
}

/// Describes what a command needs beside itself.
fn describe_command(out: &mut fmt::Formatter<'_>, command: &CommandSpec) -> fmt::Result {
    for (name, input) in &command.inputs {
        let files = input.files.map_or_else(String::new, |files| format!("{files} files of "));
        line(out, "", &format!("{{file.{name}}}: {files}{} of {}", input.size.notation(), input.content.word()))?;
    }
    if let Some(folder) = &command.folder {
        line(out, "", &format!("in {}", folder.display()))?;
    }
    for (key, words) in [("prepare", &command.prepare), ("cleanup", &command.cleanup)] {
        if !words.is_empty() {
            line(out, "", &format!("{key} {}", words.join(" ")))?;
        }
    }
    Ok(())
}

/// Describes what the scenario changes in `[gate]`.
impl Plan {
    fn describe_gates(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, gate) in self.gates.changes().iter().enumerate() {
            if index == 0 {
                writeln!(out)?;
            }
            line(out, "gate", gate)?;
        }
        Ok(())
    }
}

fn describe_container(container: &ContainerSpec) -> String {
    let made_of = match &container.image {
        ImageSpec::Image(image) => format!("container of image {image}"),
        ImageSpec::Binary(binary) => format!("container of an image built from {binary}"),
    };
    let command =
        if container.command.is_empty() { String::new() } else { format!(": {}", container.command.join(" ")) };
    let kept = if container.capabilities.is_empty() {
        String::new()
    } else {
        format!(", capabilities {}", container.capabilities.join(" "))
    };
    format!("{made_of}, network {}{kept}{command}", container.network.name())
}

fn describe_upstream(upstream: &Upstream) -> String {
    match upstream {
        Upstream::Builtin(builtin) => {
            let args = if builtin.args.is_empty() { String::new() } else { format!(", {}", builtin.args.join(" ")) };
            let delay = match builtin.delay {
                Nanos::ZERO => "no delay".to_owned(),
                delay => format!("delay {}", span(delay)),
            };
            let place = match (builtin.unix, builtin.address) {
                (true, _) => " at a unix socket".to_owned(),
                (false, Some(address)) => format!(" at {address}"),
                (false, None) => String::new(),
            };
            let mcp =
                builtin.mcp.as_ref().map(|server| format!(", MCP with {} tools", server.tools)).unwrap_or_default();
            format!("bundled{place}, bodies of {}, {delay}{mcp}{args}", builtin.body.notation())
        }
        Upstream::Process { process, url } => format!("{} at {url}", process.command.join(" ")),
        Upstream::Url(url) => format!("{url}, which runs already"),
        Upstream::Stdio(stdio) => format!("{}, over its stdin and stdout", stdio.server.join(" ")),
    }
}

fn describe_streamed(body: &StreamedBody) -> String {
    let rate = body.per_second.map(|rate| format!(", {} per second", rate.notation())).unwrap_or_default();
    let framing = match body.framing {
        Framing::Length => "",
        Framing::Chunked => ", chunked",
    };
    let awaits = if body.awaits_continue { ", after 100 Continue" } else { "" };
    format!("streamed body of {} in chunks of {}{rate}{framing}{awaits}", body.size.notation(), body.chunk.notation())
}

fn describe_request(request: &Request) -> String {
    if let (Body::Mcp(workload), "") = (&request.body, request.method.as_str()) {
        let (revision, text) = (workload.revision.word(), workload.text.median.notation());
        let timeout = span(request.timeout);
        return format!(
            "tools/call of MCP {revision} over pipes, texts of {text}, timeout {timeout}; expects valid messages"
        );
    }
    if let Body::Echo(workload) = &request.body {
        let (what, timeout) = (workload.describe(), span(request.timeout));
        return format!("{what}, timeout {timeout}; expects every byte back");
    }
    let body = match &request.body {
        Body::Empty => "no body".to_owned(),
        Body::Fixed(text) => format!("body of {}", Bytes(text.len() as u64)),
        Body::Template(_) => "seeded body".to_owned(),
        Body::Streamed(body) => describe_streamed(body),
        Body::Mcp(workload) => workload.describe(),
        Body::Echo(workload) => workload.describe(),
    };
    let expect = &request.expect;
    let mut parts = vec![match (&request.body, expect.status) {
        (Body::Mcp(_), _) => "valid messages".to_owned(),
        (_, None) => "any 2xx".to_owned(),
        (_, Some(status)) => status.to_string(),
    }];
    parts.extend(expect.headers.iter().map(|(name, value)| format!("{name}: {value}")));
    parts.extend(expect.present.iter().map(|pointer| format!("{pointer} present")));
    parts.extend(expect.absent.iter().map(|pointer| format!("{pointer} absent")));
    parts.extend(expect.equals.iter().map(|(pointer, value)| format!("{pointer} = {value}")));
    parts.extend(expect.matches.iter().map(|(pointer, pattern)| format!("{pointer} matches {pattern:?}")));
    parts.extend(expect.events.map(|events| format!("{} events", grouped(events as f64))));
    parts.extend(expect.stamped.map(|events| format!("{} stamped events", grouped(events as f64))));
    parts.extend(expect.length.map(|length| format!("{} bytes", grouped(length as f64))));
    parts.push(
        match expect.upstream_hits {
            LedgerRule::Exact => "hits the upstream once",
            LedgerRule::AtLeast => "hits the upstream at least once",
            LedgerRule::None => "never hits the upstream",
            LedgerRule::Unknown => "upstream's hits unknown",
        }
        .to_owned(),
    );
    let weight = if request.weight == 1 { String::new() } else { format!(", weight {}", request.weight) };
    format!(
        "{}: {} {}, {body}{weight}, timeout {}; expects {}",
        request.name,
        request.method,
        request.path,
        span(request.timeout),
        parts.join(", ")
    )
}

fn describe_stage(stage: &Stage) -> String {
    let kind = stage.kind().name();
    let named = if stage.name == kind { String::new() } else { format!("{kind}: ") };
    let what = stage.work.planned().describe();
    let limits = if stage.limits.is_empty() { String::new() } else { format!(", within {}", stage.limits) };
    let compared = if stage.compared && stage.work.planned().launches_builds() { ", each build in turn" } else { "" };
    let optional = if stage.optional { ", optional" } else { "" };
    let takes = match stage.expected_duration() {
        Nanos::ZERO => String::new(),
        takes => format!("; about {takes}"),
    };
    format!("{named}{what}{limits}{compared}{optional}{takes}")
}

fn describe_claim(claim: &Claim) -> String {
    let sign = if claim.below { '<' } else { '>' };
    let required = if claim.required { " (required)" } else { "" };
    let bound = match metric::find(&claim.metric).map(|row| row.unit) {
        Some(Unit::Bytes) if claim.bound % 1e6 == 0.0 => format!("{} MB", claim.bound / 1e6),
        Some(Unit::Bytes) => Bytes(claim.bound as u64).notation(),
        Some(unit @ (Unit::PerSecond | Unit::ConnectionsPerSecond)) => {
            format!("{} {}", grouped(claim.bound), unit.label())
        }
        Some(Unit::Count) => grouped(claim.bound),
        Some(unit) => format!("{} {}", three_digits(claim.bound), unit.label()),
        None => claim.bound.to_string(),
    };
    format!("{} {sign} {bound}{required}", claim.metric)
}

/// Writes a label and a text.
fn line(out: &mut fmt::Formatter<'_>, label: &str, text: &str) -> fmt::Result {
    columns(out, LABEL, label, text)
}

/// Writes a label in its own column and a text, wrapped between words.
fn columns(out: &mut fmt::Formatter<'_>, indent: usize, label: &str, text: &str) -> fmt::Result {
    let mut column = indent;
    write!(out, "{label:<indent$}")?;
    let mut first = true;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if !first && column + 1 + length > WIDTH {
            write!(out, "\n{:indent$}", "")?;
            column = indent;
            first = true;
        }
        if !first {
            write!(out, " ")?;
            column += 1;
        }
        write!(out, "{word}")?;
        column += length;
        first = false;
    }
    writeln!(out)
}
