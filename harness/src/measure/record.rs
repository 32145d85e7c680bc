//! The record of a run: facts only, never changed after the run. Whatever can be computed again lives in the judgement.

use serde::{Deserialize, Serialize};

use super::calibration::Calibration;
use super::facts::{InstanceFacts, StageFacts};
use super::profile::Profile;
use super::reason::{Failure, Reason, Warning};
use super::trial::{Build, TrialRecord};
use harness_base::exit::Exit;
use harness_load::pace::Pace;
use harness_rig::group::ResourceLimits;
use harness_rig::host::{GitFacts, HostFacts, ToolFacts};
use harness_rig::launch::LaunchRecord;
use harness_rig::usage::{Reading, Series};

pub use super::kind::StageKind;

/// Version of [`Record`]'s layout; a reader refuses a higher one.
pub const SCHEMA_VERSION: u32 = 2;

/// Everything one run found out.
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
    /// What the host had been calibrated to, where it had; it may be of another host, see [`Calibration::unfit`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// What the scenario's author should know, for example that a request has no `expect`.
    pub warnings: Vec<String>,
    /// The stages, in the order they ran.
    pub stages: Vec<StageRecord>,
    /// The run was stopped by ctrl-c or SIGTERM.
    pub interrupted: bool,
    /// CPU time the sampler used ÷ the time it ran, as a share of one core.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub sampler_cost_ratio: Option<f64>,
    /// Earlier attempts of this run that ended INVALID, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retries: Vec<Retry>,
}

/// An attempt of a run that was repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// The name of its folder, beside that of the run.
    pub run_id: String,
    #[cfg_attr(feature = "schema", schemars(extend("const" = Exit::Invalid)))]
    pub exit: Exit,
    /// Why it ended so, most urgent first.
    pub reasons: Vec<String>,
}

/// The scenario as written, with what the command line changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ScenarioFacts {
    /// `name` of the scenario.
    pub name: String,
    pub text: String,
    /// SHA-256 of the text, hexadecimal.
    pub sha256: String,
    /// `--set` arguments, in order, and `--against` as the key that it sets.
    pub overrides: Vec<String>,
    /// `--quick` was given.
    pub quick: bool,
    pub seed: u64,
}

/// One build of the target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BuildFacts {
    pub build: Build,
    /// The program as the scenario names it, after placeholders.
    pub program: String,
    /// It is one of the bundled programs.
    pub builtin: bool,
    /// Size of the executable in bytes.
    pub size_bytes: Option<u64>,
    /// SHA-256 of the executable, hexadecimal.
    pub sha256: Option<String>,
    /// Arguments and environment that change numbers, as `NAME=value` (for example `RUST_LOG=error`).
    pub env: Vec<String>,
}

/// What became of a stage.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StageStatus {
    /// Its numbers mean what they say.
    Valid,
    /// They do not; why, and what to change.
    Invalid(Vec<Reason>),
    /// The target or a tool failed.
    Failed(Failure),
    /// It could not run and is optional; why.
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
    pub status: StageStatus,
    /// The scenario says that the run may do without it.
    pub optional: bool,
    /// The load offered in each trial; absent for stages without load.
    pub offered: Option<Pace>,
    /// Delay of the upstream as configured, in nanoseconds; absent for an upstream that is not ours.
    pub upstream_delay_ns: Option<u64>,
    /// What the target may use; absent where nothing is limited, and where each instance has limits of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<ResourceLimits>,
    /// What `--profile` left; absent where none was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// Its kind, and what only stages of its kind record.
    pub facts: StageFacts,
    /// Launches, rounds, windows or faults that had to be valid, of each build and within each set of limits.
    pub wanted: u64,
    pub instances: Vec<InstanceRecord>,
    /// What a reader must know beside the numbers.
    pub warnings: Vec<Warning>,
}

/// One start of the target and what was measured on it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct InstanceRecord {
    /// From 0 within the stage.
    pub index: u32,
    pub build: Build,
    /// What it may use; absent where nothing is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<ResourceLimits>,
    pub launch: LaunchRecord,
    /// Readings of the window in which it ended by itself: the last that is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Series<Reading>>,
    /// What only instances of such a stage record.
    pub facts: InstanceFacts,
    pub rounds: Vec<RoundRecord>,
}

/// What became of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RoundStatus {
    /// The warm-up round of an instance: never counted.
    WarmUp,
    /// All its trials are valid.
    Valid,
    /// A trial of it is not valid; kept, not counted, and repeated.
    Rejected,
    /// Stopped before all its trials were done.
    Incomplete,
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
    /// The word for it in reports.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid(_) => "invalid",
            Self::Failed(_) => "failed",
            Self::Skipped(_) => "skipped",
            Self::Incomplete => "incomplete",
        }
    }

    /// Why the stage is not valid, as sentences; empty where it is.
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

    /// Rounds that count, over all instances, in order.
    pub fn valid_rounds(&self) -> impl Iterator<Item = &RoundRecord> {
        let rounds = self.instances.iter().flat_map(|instance| &instance.rounds);
        rounds.filter(|round| round.status == RoundStatus::Valid)
    }

    /// Rounds kept but not counted, over all instances.
    pub fn rejected_rounds(&self) -> impl Iterator<Item = &RoundRecord> {
        let rounds = self.instances.iter().flat_map(|instance| &instance.rounds);
        rounds.filter(|round| round.status == RoundStatus::Rejected)
    }
}

impl RoundRecord {
    /// The trial of one arm.
    pub fn trial(&self, arm: harness_load::facts::Arm) -> Option<&TrialRecord> {
        self.trials.iter().find(|trial| trial.arm == arm)
    }
}
