//! Defines the reasons why a stage has no numbers: the cause, the build, limits or fault that it concerns, and
//! warnings.

mod text;

use serde::{Deserialize, Serialize};

use super::audit::{Blame, Check};
use super::disturber::Disturber;
use super::trial::Build;
use harness_base::error::causes;
use harness_base::exit::Exit;
use harness_load::facts::Arm;
use harness_load::lost::LostWhy;
use harness_load::outcome::{Outcome, Outcomes};
use harness_rig::group::ResourceLimits;
use harness_rig::launch::Ending;

/// The part of a stage that a reason concerns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Scope {
    /// One of two builds; the program is known once it has started.
    Build { build: Build, program: Option<String> },
    /// One set of limits, in stage `limits`.
    Limits(ResourceLimits),
    /// A part that the stage names, for example one fault.
    Part(String),
}

/// One rule that rejected rounds of a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rejection {
    /// The check of the first of those rounds.
    pub check: Check,
    /// Rounds that it rejected. A round that violates two rules counts for both.
    pub rounds: u64,
    /// Valid and rejected rounds together.
    pub of: u64,
    /// The only arm that violates it; absent if there are several.
    pub arm: Option<Arm>,
}

/// Why the numbers of a stage are not valid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// The outermost first; empty for the whole stage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<Scope>,
    pub problem: Problem,
}

/// A problem of the numbers of a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Problem {
    /// A rule of the audit rejected rounds.
    Rejected(Rejection),
    /// A rule of the audit does not hold, and there is only one round.
    Broken(Check),
    /// The rounds that were dropped are not a random part of all rounds.
    Selection(Selection),
    /// The direct arms of two builds differ, although no build is on that way.
    Blank { base_ns: u64, head_ns: u64, p: f64 },
    /// A process outside the run disturbed rounds.
    Disturber(Disturber),
    /// A rule of the audit left launches out.
    Disturbed {
        /// The check of the first of them.
        check: Check,
        launches: u64,
        /// Launches that count and launches that do not, together.
        of: u64,
    },
    /// Too many launches were left out.
    TooFewLaunches { counted: u64, wanted: u64, left_out: u64 },
    /// The permitted number of rejected rounds is exceeded.
    TooFewRounds { valid: u64, wanted: u64, rejected: u64 },
    /// The first request through an arm was not answered as expected.
    Preflight {
        /// Absent if the scenario has one request.
        request: Option<String>,
        arm: Arm,
        outcome: Outcome,
        /// The actual answer.
        example: Option<String>,
    },
    /// A soak has too few whole windows for a slope.
    TooFewWindows { whole: u64, needed: u64 },
    /// The stage that is described by what its targets reported is not valid.
    Described { stage: String },
    /// A node of the fleet was lost.
    NodeLost {
        /// From 0.
        node: u64,
        /// Number of nodes.
        of: u64,
        name: String,
        /// The instance that was running, from 0 within the stage.
        instance: u32,
        /// Time since the instance began; absent if it had not begun.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after_ns: Option<u64>,
        why: LostWhy,
    },
    /// A quantity could not be read in some windows of a soak.
    Unread { quantity: String, missing: u64, windows: u64 },
}

/// How dropped rounds differ from the others. Shares are from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Selection {
    /// The shares of disturbed trials of both arms differ; p is that of Fisher's exact test.
    Arms { direct: f64, proxied: f64, p: f64 },
    /// The same for both builds.
    Builds { base: f64, head: f64, p: f64 },
    /// The median response time with the dropped rounds is outside the interval of the valid ones, with a tolerance.
    Moved { without_ns: u64, with_ns: u64 },
}

/// Why a stage or a run could not continue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// The outermost first; empty for the whole stage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<Scope>,
    /// Time since the load of a soak began, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_ns: Option<u64>,
    pub cause: Cause,
    /// What to change, if the log shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// The last lines of the log; empty if nothing was printed, absent if there is no log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Vec<String>>,
    /// Its exit code.
    pub exit: Exit,
}

/// What failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Cause {
    /// The target ended by itself.
    TargetEnded { ending: Ending, when: When },
    /// The kernel killed processes of the target, but the target as a whole lives on.
    ProcessesKilled { ending: Ending, killed: u64 },
    /// The target failed more than half of the requests of a trial.
    MostlyErrors {
        outcomes: Outcomes,
        /// Example of a wrong answer.
        example: Option<String>,
    },
    /// An error: its text, and the text of each of its causes.
    Error(#[cfg_attr(feature = "schema", schemars(length(min = 1)))] Vec<String>),
}

/// When a target ended unexpectedly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// While it was measured.
    Measured,
    /// Before it was stopped.
    Early,
}

/// A warning about the numbers of a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Warning {
    /// The run has two builds, but this stage measured only the head.
    HeadOnly,
    /// The target may open fewer descriptors than its connections may need.
    FewDescriptors { pid: i32, limit: u64, connections: u64 },
    /// The target did not end within the time between SIGTERM and SIGKILL.
    IgnoredSigterm {
        /// Absent if there is one build.
        build: Option<Build>,
        patience_ns: u64,
    },
    /// The target asked the proxy of the foreign hosts for one that is not declared, and was refused.
    UndeclaredEgress { host: String, requests: u64 },
    /// The TLS handshake with a foreign host that the harness plays failed.
    UntrustedEgress { handshakes: u64 },
    /// Only one arm speaks TLS or HTTP/2, or both speak them differently.
    OtherTls {
        /// Absent for HTTP/1.1 without TLS.
        direct: Option<String>,
        proxied: Option<String>,
    },
    /// The journal could not be written completely; the record is complete.
    JournalIncomplete { folder: String, cause: String },
}

impl From<Problem> for Reason {
    fn from(problem: Problem) -> Self {
        Self { scope: Vec::new(), problem }
    }
}

impl Reason {
    /// Assigns the reason to a part of the stage.
    #[must_use]
    pub fn within(mut self, scope: Scope) -> Self {
        self.scope.insert(0, scope);
        self
    }

    /// Returns who is at fault; `None` if other reasons of the stage say so.
    pub const fn blame(&self) -> Option<Blame> {
        match &self.problem {
            Problem::Rejected(Rejection { check, .. }) | Problem::Broken(check) | Problem::Disturbed { check, .. } => {
                check.blame
            }
            Problem::TooFewRounds { .. } | Problem::TooFewLaunches { .. } | Problem::Described { .. } => None,
            Problem::Disturber(_) | Problem::Blank { .. } => Some(Blame::Host),
            Problem::Selection(_) => Some(Blame::Instrument),
            Problem::Preflight { arm: Arm::Direct, .. } => Some(Blame::Upstream),
            Problem::Preflight { arm: Arm::Proxied, .. } => Some(Blame::Target),
            Problem::NodeLost { .. } => Some(Blame::Generator),
            Problem::TooFewWindows { .. } | Problem::Unread { .. } => Some(Blame::Instrument),
        }
    }
}

impl Failure {
    /// Creates a failure without a log.
    pub const fn new(cause: Cause, exit: Exit) -> Self {
        Self { scope: Vec::new(), after_ns: None, cause, advice: None, log: None, exit }
    }

    /// Creates a failure from an error and its causes.
    pub fn of(error: &dyn std::error::Error, exit: Exit) -> Self {
        Self::new(Cause::Error(causes(error)), exit)
    }

    /// Adds the last lines of a log.
    #[must_use]
    pub fn with_log(mut self, lines: Vec<String>) -> Self {
        self.log = Some(lines);
        self
    }

    /// Assigns the failure to a part of the stage.
    #[must_use]
    pub fn within(mut self, scope: Scope) -> Self {
        self.scope.insert(0, scope);
        self
    }
}
