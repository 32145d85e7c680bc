//! Reads the keys that every stage has, with their defaults.

use super::limits;
use super::load::{self, Defaults, at_least};
use crate::measure::audit::Limits;
use crate::measure::group::ResourceLimits;
use crate::scenario::network::{self, Ends, Network};
use crate::scenario::request::Around;
use crate::scenario::requests;
use crate::scenario::target::read_builtin;
use crate::scenario::wire;
use crate::scenario::workload;
use crate::spec::Section;
use crate::work::load::LoadWork;
use harness_load::spec::{Body, GeneratorSpec, Request, WireSpec};
use harness_rig::paths::Paths;
use harness_rig::target::spec::{Builtin, EgressHost, Launch, Spec as TargetSpec, StdioSpec, Upstream};

/// Defaults of all stages.
pub(crate) struct Base<'a> {
    pub(crate) target: &'a TargetSpec,
    pub(crate) upstream: Option<&'a Upstream>,
    pub(crate) egress: &'a [EgressHost],
    pub(crate) network: Network,
    pub(crate) generator: &'a GeneratorSpec,
    pub(crate) requests: &'a [Request],
    /// The requests of `[workload.mcp]`.
    pub(crate) agents: Option<&'a Request>,
    pub(crate) audit: Limits,
    pub(crate) around: Around<'a>,
}

/// Keys that all stages have.
pub(crate) struct Common {
    pub(crate) upstream: Option<Upstream>,
    pub(crate) requests: Vec<Request>,
    pub(crate) audit: Limits,
    pub(crate) limits: ResourceLimits,
    pub(crate) cpuset: Option<Vec<u64>>,
    pub(crate) wire: Option<WireSpec>,
    pub(crate) network: Paths,
}

impl Base<'_> {
    /// Returns whether the target runs already.
    pub(crate) fn is_external(&self, section: &Section<'_>) -> bool {
        matches!(self.target.launch, Launch::External(_)) && !section.describing()
    }

    /// Returns whether the target runs to its end.
    pub(crate) fn is_command(&self, section: &Section<'_>) -> bool {
        matches!(self.target.launch, Launch::Command(_)) && !section.describing()
    }

    /// Returns the shim that stands between pipes, if the target is one.
    pub(crate) fn stdio(&self, section: &Section<'_>) -> Option<&StdioSpec> {
        match &self.target.launch {
            Launch::Stdio(stdio) if !section.describing() => Some(stdio),
            _ => None,
        }
    }

    /// Returns the defaults of a stage.
    pub(crate) fn common(&self) -> Common {
        Common {
            upstream: self.upstream.cloned(),
            requests: Vec::new(),
            audit: self.audit,
            limits: ResourceLimits::default(),
            cpuset: None,
            wire: None,
            network: Paths::default(),
        }
    }
}

impl Common {
    /// Reads the upstream and the CPUs of a stage that launches the target.
    pub(crate) fn read_surroundings(&mut self, section: &Section<'_>, base: &Base<'_>) {
        if base.is_command(section) {
            let hint = "measure a command with [stage.command], or start a server with [target.process]".to_owned();
            section.mistake("", "needs a server, and [target.command] runs to its end", Some(hint));
        }
        if base.stdio(section).is_some() {
            let hint = "measure it with [stage.stdio], or start a server with [target.process]".to_owned();
            section.mistake("", "needs a server that listens, and [target.stdio] has pipes", Some(hint));
        }
        self.upstream = read_upstream(section, base.upstream);
        self.cpuset = section.cpuset();
        if base.is_external(section) && self.cpuset.is_some() {
            section.mistake("cpuset", "harness cannot set the CPUs of an external target", None);
        }
    }

    /// Reads the limits of a stage that has none by default.
    pub(crate) fn read_limits(&mut self, section: &Section<'_>, base: &Base<'_>) {
        self.read_limits_or(section, base, ResourceLimits::default());
    }

    pub(crate) fn read_limits_or(&mut self, section: &Section<'_>, base: &Base<'_>, default: ResourceLimits) {
        self.limits = limits::read(section, default, base.is_external(section));
    }

    /// Reads the requests of a stage with load, whose hits are counted, and the limits of its audit.
    pub(crate) fn read_requests(&mut self, section: &Section<'_>, base: &Base<'_>) {
        self.read_uncounted_requests(section, base);
        requests::check_one_rule(section, &self.requests);
        self.read_network(section, base);
    }

    pub(crate) fn read_uncounted_requests(&mut self, section: &Section<'_>, base: &Base<'_>) {
        self.audit = Limits::read(&section.table("audit", "limits of the audit for this stage"), base.audit);
        self.requests = requests::of_stage(section, base.requests, base.around);
        self.wire = wire::read(section, &base.target.endpoints.proxy).or(base.generator.wire);
        let waits = |request: &Request| matches!(&request.body, Body::Streamed(body) if body.awaits_continue);
        if self.wire.is_some_and(WireSpec::is_http2) && self.requests.iter().any(waits) {
            let hint = "set wire = \"h1\" or \"tls\" in this stage, or remove continue".to_owned();
            section.mistake("request", "waits for 100 Continue, which is done over HTTP/1.1 only", Some(hint));
        }
    }

    /// Reads a stage that consists of rounds and has no limits by default.
    pub(crate) fn read_rounds(&mut self, section: &Section<'_>, base: &Base<'_>, defaults: &Defaults) -> LoadWork {
        self.read_surroundings(section, base);
        self.read_limits(section, base);
        self.read_requests(section, base);
        self.read_arms(section, base, defaults)
    }

    /// Reads the agents of a stage, whose hits are counted, and the limits of its audit.
    pub(crate) fn read_workload(&mut self, section: &Section<'_>, base: &Base<'_>) {
        self.audit = Limits::read(&section.table("audit", "limits of the audit for this stage"), base.audit);
        self.requests = workload::of_stage(section, base.agents, base.around);
        self.wire = wire::read(section, &base.target.endpoints.proxy).or(base.generator.wire);
        self.read_network(section, base);
    }

    /// Reads the impaired paths of a stage whose audit knows what the relays did.
    fn read_network(&mut self, section: &Section<'_>, base: &Base<'_>) {
        let ends = Ends { target: base.target, upstream: self.upstream.as_ref() };
        self.network = network::read_stage(section, base.network, ends);
    }

    /// Reads the messages of a stage whose arms are the pipes of a server, and the limits of its audit.
    pub(crate) fn read_messages(&mut self, section: &Section<'_>, base: &Base<'_>) {
        self.audit = Limits::read(&section.table("audit", "limits of the audit for this stage"), base.audit);
        self.requests = vec![workload::of_pipes(section, base.around)];
        self.upstream = base.stdio(section).cloned().map(Upstream::Stdio);
        self.cpuset = section.cpuset();
    }

    /// Reads the load of a stage whose direct arm may run too, and checks that both arms can speak the same.
    pub(crate) fn read_arms(&self, section: &Section<'_>, base: &Base<'_>, defaults: &Defaults) -> LoadWork {
        let load = load::read(section, defaults, base.is_external(section));
        let paired = load::read_paired(section, self.upstream.is_some(), true);
        if paired {
            self.check_arms(section);
        }
        LoadWork { paired, ..load }
    }

    /// Checks what a stage with both arms needs: an upstream that speaks what the target speaks.
    pub(crate) fn check_arms(&self, section: &Section<'_>) {
        wire::check_direct(section, self.wire, self.upstream.as_ref());
    }
}

pub(crate) fn read_launches(section: &Section<'_>, default: u64) -> u64 {
    section.field("launches", "fresh starts of the target, one value each").check(at_least(1, "")).default(default)
}

/// Reads the upstream of a stage: the bundled one with changed settings.
fn read_upstream(section: &Section<'_>, base: Option<&Upstream>) -> Option<Upstream> {
    const ABOUT: &str = "changes to [upstream.builtin] for this stage";
    match base {
        Some(Upstream::Builtin(builtin)) => {
            let changes = section.table("upstream", ABOUT);
            Some(Upstream::Builtin(read_builtin(&changes, builtin)))
        }
        _ if section.describing() => {
            read_builtin(&section.table("upstream", ABOUT), &Builtin::default());
            None
        }
        other => {
            section.refuse(
                "upstream",
                "changes the bundled upstream, which this scenario does not use",
                "add [upstream.builtin]",
            );
            other.cloned()
        }
    }
}
