//! Compares the setups of two runs: their numbers are comparable only if scenario, options, harness and host match.

use super::record::Promoted;
use crate::measure::Record;
use crate::measure::{FleetFacts, FleetShape, HostFacts, ToolFacts};

/// How and where a run was made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setup<'a> {
    scenario_sha256: &'a str,
    plan_sha256: Option<&'a str>,
    quick: bool,
    overrides: &'a [String],
    tool: &'a ToolFacts,
    host: &'a HostFacts,
    fleet: Option<FleetShape>,
}

impl<'a> Setup<'a> {
    /// Returns the setup of a new run.
    pub(super) fn of_record(record: &'a Record) -> Self {
        let facts = &record.scenario;
        Self {
            scenario_sha256: &facts.sha256,
            plan_sha256: facts.plan_sha256.as_deref(),
            quick: facts.quick,
            overrides: &facts.overrides,
            tool: &record.tool,
            host: &record.host,
            fleet: record.fleet.as_ref().map(FleetFacts::shape),
        }
    }

    pub(super) fn of_promoted(run: &'a Promoted) -> Self {
        Self {
            scenario_sha256: &run.scenario_sha256,
            plan_sha256: run.plan_sha256.as_deref(),
            quick: run.quick,
            overrides: &run.overrides,
            tool: &run.tool,
            host: &run.host,
            fleet: run.fleet,
        }
    }

    /// Describes each difference in scenario, options or harness in a sentence.
    pub(super) fn other_measurement(&self, there: &Self) -> Vec<String> {
        let mut differs = Vec::new();
        // A plan without a digest was made by an older harness; then the text decides, and what was changed on the command line.
        let is_same_plan = self.plan_sha256.is_some() && self.plan_sha256 == there.plan_sha256;
        if !is_same_plan && self.scenario_sha256 != there.scenario_sha256 {
            let (here, there) = (shortened(self.scenario_sha256), shortened(there.scenario_sha256));
            differs.push(format!("the text of the scenario differs ({here}, in the baseline {there})"));
        }
        if !is_same_plan && self.overrides != there.overrides {
            let shown = |set: &[String]| if set.is_empty() { "none".to_owned() } else { set.join(" ") };
            let (here, there) = (shown(self.overrides), shown(there.overrides));
            differs.push(format!("the --set arguments differ ({here}, in the baseline {there})"));
        }
        differs.extend(self.other_files(there));
        if self.quick != there.quick {
            let (with, without) = if self.quick { ("this run", "the baseline") } else { ("the baseline", "this run") };
            differs.push(format!("{with} is from --quick, {without} is not"));
        }
        if self.tool.profile != there.tool.profile {
            let (here, there) = (&self.tool.profile, &there.tool.profile);
            differs.push(format!("the harness is a {here} build, that of the baseline a {there} build"));
        }
        if self.fleet != there.fleet {
            let named = |fleet: Option<FleetShape>| {
                fleet.map_or_else(|| "a process of the host".to_owned(), |fleet| fleet.to_string())
            };
            let (here, there) = (named(self.fleet), named(there.fleet));
            differs.push(format!("the load came from {here}, in the baseline from {there}"));
        }
        differs
    }

    /// Describes that the scenario has the same text and names files that say something else, for example the manifest of a pod. Versions of the
    /// harness compute the digest of a plan in different ways, so it decides nothing between two of them.
    fn other_files(&self, there: &Self) -> Option<String> {
        let is_as_written = self.scenario_sha256 == there.scenario_sha256 && self.overrides == there.overrides;
        let is_decided = is_as_written && self.tool.version == there.tool.version;
        let (here, there) =
            self.plan_sha256.zip(there.plan_sha256).filter(|(here, there)| is_decided && here != there)?;
        let (here, there) = (shortened(here), shortened(there));
        Some(format!("the files that the scenario names differ (its plan is {here}, in the baseline {there})"))
    }

    /// Describes the difference of the hosts in a sentence, if there is one.
    pub(super) fn other_host(&self, there: &Self) -> Option<String> {
        let differs = self.host.differs(there.host);
        (!differs.is_empty()).then(|| format!("the hosts differ ({})", differs.join("; ")))
    }

    /// Explains why times and rates of alike hosts are not comparable, unless one machine made both runs since it started.
    pub(super) fn other_machine(&self, there: &Self) -> Option<String> {
        let cpus = |host: &HostFacts| (host.cpus, host.cpu_quota);
        let is_here = self.host.machine.is_some() && self.host.machine == there.host.machine;
        let same = is_here && cpus(self.host) == cpus(there.host);
        (!same).then(|| {
            "another machine, or this one with other CPUs or before it was restarted, and machines of one type can differ by a third".to_owned()
        })
    }

    pub(super) fn differs(&self, there: &Self) -> Vec<String> {
        let mut differs = self.other_measurement(there);
        differs.extend(self.other_host(there));
        differs
    }
}

impl Promoted {
    /// Describes every difference in scenario, options, harness or host in a sentence; empty if the runs are
    /// comparable.
    pub fn differs(&self, other: &Self) -> Vec<String> {
        Setup::of_promoted(self).differs(&Setup::of_promoted(other))
    }
}

fn shortened(digest: &str) -> String {
    digest.chars().take(12).collect()
}
