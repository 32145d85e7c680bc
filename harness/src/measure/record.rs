//! Defines the record of a run. It contains facts only and is never changed; everything that can be computed again is
//! in the judgement.

use serde::{Deserialize, Serialize};

use super::audit::{Check, rejecting};
use super::calibration::Calibration;
use super::cell::CellFacts;
use super::disturber::Disturber;
use super::facts::{InstanceFacts, StageFacts};
use super::fleet::FleetFacts;
use super::profile::Profile;
use super::reason::{Failure, Reason, Warning};
use super::trial::{Build, TrialRecord};
use harness_base::exit::Exit;
use harness_load::pace::Pace;
use harness_rig::group::ResourceLimits;
use harness_rig::host::{GitFacts, HostFacts, Reference, ToolFacts};
use harness_rig::launch::LaunchRecord;
use harness_rig::paths::Paths;
use harness_rig::usage::{Reading, Series};

pub use super::kind::StageKind;

/// Layout version of [`Record`]; a reader refuses a higher one.
pub const SCHEMA_VERSION: u32 = 2;

/// The facts of one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// See [`SCHEMA_VERSION`].
    #[cfg_attr(feature = "schema", schemars(extend("const" = SCHEMA_VERSION)))]
    pub schema_version: u32,
    /// Unique name of the run, sortable by time.
    pub run_id: String,
    /// RFC 3339, UTC.
    #[cfg_attr(feature = "schema", schemars(with = "crate::measure::shape::Utc"))]
    pub started_at: String,
    /// Wall-clock length of the run in nanoseconds.
    pub took_ns: u64,
    pub scenario: ScenarioFacts,
    /// State of the working copy the run was started in.
    pub git: Option<GitFacts>,
    pub tool: ToolFacts,
    /// The builds measured, the head first; one unless builds are compared.
    pub targets: Vec<BuildFacts>,
    pub host: HostFacts,
    /// The nodes that sent the load; absent if a process of the host did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetFacts>,
    /// The calibration of the host, if there was one; it may belong to another host, see [`Calibration::unfit`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// How fast the machine was before and after the stages; absent if it could not be measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<References>,
    /// Warnings for the author of the scenario, for example that a request has no `expect`.
    pub warnings: Vec<String>,
    /// The stages, in the order they ran.
    pub stages: Vec<StageRecord>,
    /// Whether the run was stopped by ctrl-c or SIGTERM.
    pub interrupted: bool,
    /// CPU time the sampler used ÷ the time it ran, as a share of one core.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub sampler_cost_ratio: Option<f64>,
    /// Earlier attempts of this run that ended INVALID, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retries: Vec<Retry>,
}

/// Two measurements of the speed of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct References {
    pub before: Reference,
    /// Absent if the run did not reach its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Reference>,
}

impl References {
    /// Returns the faster value of each part: others can only slow a measurement down.
    pub fn fastest(&self) -> Reference {
        let after = self.after.unwrap_or(self.before);
        Reference {
            cpu_ns: self.before.cpu_ns.min(after.cpu_ns),
            memory_ns: self.before.memory_ns.min(after.memory_ns),
            wakeup_ns: self.before.wakeup_ns.min(after.wakeup_ns),
        }
    }
}

/// An attempt of a run that was repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// The name of its folder, next to that of the run.
    pub run_id: String,
    #[cfg_attr(feature = "schema", schemars(extend("const" = Exit::Invalid)))]
    pub exit: Exit,
    /// Its reasons, most urgent first.
    pub reasons: Vec<String>,
}

/// The scenario as written, with the changes of the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ScenarioFacts {
    /// `name` of the scenario.
    pub name: String,
    pub text: String,
    /// SHA-256 of the text, hexadecimal.
    pub sha256: String,
    /// SHA-256 of what the scenario means for a measurement, with every default filled in and without the program of the target,
    /// hexadecimal. A comment changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::measure::shape::Sha256>"))]
    pub plan_sha256: Option<String>,
    /// `--set` arguments, in order, and `--against` as the key that it sets.
    pub overrides: Vec<String>,
    /// Whether `--quick` was given.
    pub quick: bool,
    pub seed: u64,
}

/// One build of the target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BuildFacts {
    pub build: Build,
    /// The program as the scenario names it, with placeholders filled in.
    pub program: String,
    /// Whether it is one of the bundled programs.
    pub builtin: bool,
    /// Size of the executable in bytes.
    pub size_bytes: Option<u64>,
    /// SHA-256 of the executable, hexadecimal.
    pub sha256: Option<String>,
    /// Arguments and environment that affect numbers, as `NAME=value` (for example `RUST_LOG=error`).
    pub env: Vec<String>,
}

/// The outcome of a stage.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StageStatus {
    /// Its numbers are valid.
    Valid,
    /// Its numbers are not valid, with the reasons.
    Invalid(Vec<Reason>),
    /// The target or a tool failed.
    Failed(Failure),
    /// It could not run and is optional, with the reason.
    Skipped(Failure),
    /// The run was stopped before it was complete.
    #[default]
    Incomplete,
}

/// One stage of the scenario.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StageRecord {
    /// Its name in the scenario.
    pub name: String,
    /// Its place in the matrix; absent for a stage that the scenario names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<CellFacts>,
    pub status: StageStatus,
    /// Whether the stage is optional.
    pub optional: bool,
    /// The load offered in each trial; absent for stages without load.
    pub offered: Option<Pace>,
    /// Configured delay of the upstream in nanoseconds; absent for an upstream that is not the bundled one.
    pub upstream_delay_ns: Option<u64>,
    /// The limits of the target; absent if nothing is limited, and if each instance has its own limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<ResourceLimits>,
    /// The impaired paths; absent if nothing crosses a relay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Paths>,
    /// The result of `--profile`; absent if no profile was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// Its kind, and the facts that only this kind records.
    pub facts: StageFacts,
    /// Number of launches, rounds, windows or faults that have to be valid, for each build and each set of limits.
    pub wanted: u64,
    pub instances: Vec<InstanceRecord>,
    /// Warnings about the numbers.
    pub warnings: Vec<Warning>,
    /// Processes outside the run that disturbed it, in order; a few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disturbers: Vec<Disturber>,
}

/// One start of the target and its measurements.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct InstanceRecord {
    /// From 0 within the stage.
    pub index: u32,
    pub build: Build,
    /// Its limits; absent if nothing is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<ResourceLimits>,
    pub launch: LaunchRecord,
    /// The last readings of an instance that ended by itself, from the window in which it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Series<Reading>>,
    /// Why no value of this launch counts, in stages with one value per launch; empty if they count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<Check>,
    /// Facts that only instances of such a stage record.
    pub facts: InstanceFacts,
    pub rounds: Vec<RoundRecord>,
}

/// The outcome of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RoundStatus {
    /// The warm-up round of an instance: never counted.
    WarmUp,
    /// All its trials are valid.
    Valid,
    /// A trial of it is not valid; the round is recorded, does not count, and is repeated.
    Rejected,
    /// Stopped before all its trials were done.
    Incomplete,
    /// The long window of the last instance, for the far quantiles.
    Tail,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RoundRecord {
    /// From 0 within the instance.
    pub index: u32,
    pub status: RoundStatus,
    /// In the order they ran.
    pub trials: Vec<TrialRecord>,
}

impl StageStatus {
    /// Returns the word for reports.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid(_) => "invalid",
            Self::Failed(_) => "failed",
            Self::Skipped(_) => "skipped",
            Self::Incomplete => "incomplete",
        }
    }

    /// Returns why the stage is not valid, as sentences; empty if it is valid.
    pub fn reasons(&self) -> Vec<String> {
        match self {
            Self::Valid => Vec::new(),
            Self::Invalid(reasons) => reasons.iter().map(ToString::to_string).collect(),
            Self::Failed(failure) | Self::Skipped(failure) => vec![failure.to_string()],
            Self::Incomplete => vec!["stopped before it was complete".to_owned()],
        }
    }
}

impl StageRecord {
    pub const fn kind(&self) -> StageKind {
        self.facts.kind()
    }

    /// Iterates over the valid rounds of all instances, in order.
    pub fn valid_rounds(&self) -> impl Iterator<Item = &RoundRecord> {
        let rounds = self.instances.iter().flat_map(|instance| &instance.rounds);
        rounds.filter(|round| round.status == RoundStatus::Valid)
    }

    /// Returns the trial of the long window, with its instance, if it is valid.
    pub fn tail(&self) -> Option<(&InstanceRecord, &TrialRecord)> {
        let mut rounds =
            self.instances.iter().flat_map(|instance| instance.rounds.iter().map(move |round| (instance, round)));
        let (instance, round) = rounds.rfind(|(_, round)| round.status == RoundStatus::Tail)?;
        let trial = round.trials.first()?;
        rejecting(&trial.audit).is_none().then_some((instance, trial))
    }

    /// Iterates over the launches whose values count.
    pub fn counted_launches(&self) -> impl Iterator<Item = &InstanceRecord> {
        self.instances.iter().filter(|instance| instance.left_out.is_empty())
    }

    /// Iterates over the rejected rounds of all instances.
    pub fn rejected_rounds(&self) -> impl Iterator<Item = &RoundRecord> {
        let rounds = self.instances.iter().flat_map(|instance| &instance.rounds);
        rounds.filter(|round| round.status == RoundStatus::Rejected)
    }
}

impl InstanceRecord {
    /// Iterates over its valid rounds, in order.
    pub fn valid_rounds(&self) -> impl Iterator<Item = &RoundRecord> {
        self.rounds.iter().filter(|round| round.status == RoundStatus::Valid)
    }
}

impl RoundRecord {
    /// Returns the trial of one arm.
    pub fn trial(&self, arm: harness_load::facts::Arm) -> Option<&TrialRecord> {
        self.trials.iter().find(|trial| trial.arm == arm)
    }
}
