//! Defines what a kind of stage adds to judging.

use super::judgement::metric::Measured;
use super::judgement::target::{FailedRuns, TargetErrors};
use crate::measure::Arm;
use crate::measure::metric::{Absent, Metric};
use crate::measure::reason::Problem;
use crate::measure::record::StageRecord;
use harness_base::units::grouped;

/// How a kind is judged.
pub(crate) struct Judging {
    /// The source of one of its values, for example a round.
    pub(crate) noun: &'static str,
    /// Whether only the head is measured, so that its metrics have no base in the same run.
    pub(crate) head_alone: bool,
    /// Whether the stage as a whole has a bottleneck.
    pub(crate) has_bottleneck: bool,
    /// Whether errors are results of the stage, which it judges itself.
    pub(crate) errors_are_results: bool,
    /// Returns why a stage that ran to its end is invalid.
    pub(crate) flaws: fn(&StageRecord) -> Vec<Problem>,
    /// Counts the runs of a command that failed; `None` if none did, and for a stage without commands.
    pub(crate) failed_runs: fn(&StageRecord) -> Option<FailedRuns>,
    /// Counts the errors of the target in a stage without rounds; `None` if there were none.
    pub(crate) errors: fn(&StageRecord) -> Option<TargetErrors>,
    /// Explains metrics of the stage that seem to contradict each other.
    pub(crate) notes: fn(&[&Measured]) -> Vec<String>,
    /// Returns why the value of a metric must not gate.
    pub(crate) advisory: fn(&Metric, &StageRecord) -> Option<String>,
}

impl Judging {
    /// A kind with one value per round.
    pub(crate) const ROUNDS: Self = Self {
        noun: "round",
        head_alone: false,
        has_bottleneck: true,
        errors_are_results: false,
        flaws: |_| Vec::new(),
        failed_runs: |_| None,
        errors: |_| None,
        notes: |_| Vec::new(),
        advisory: |metric, stage| {
            let of = |arm: Arm| {
                let trials = stage.valid_rounds().filter_map(move |round| round.trial(arm));
                trials.map(|trial| trial.load.scheduled).reduce(|sum, scheduled| sum + scheduled)
            };
            let arms = [Arm::Direct, Arm::Proxied];
            too_few_requests(metric, arms.into_iter().filter_map(of).min()?, "an arm")
        },
    };

    /// A kind with one value per launch.
    pub(crate) const LAUNCHES: Self = Self { noun: "launch", advisory: |_, _| None, ..Self::ROUNDS };
}

/// Explains why a far quantile of so few requests must not gate: the part with the fewest decides.
pub(crate) fn too_few_requests(metric: &Metric, fewest: u64, part: &str) -> Option<String> {
    (fewest < metric.requests).then(|| {
        format!("{} requests {part}, {} needed to gate", grouped(fewest as f64), grouped(metric.requests as f64))
    })
}

/// Explains that a stage has no separate value for a metric that is judged as a whole.
pub(crate) fn no_trend(metric: &Metric, stage: &str) -> Absent {
    Absent(format!("{} has no trend in stage {stage}", metric.id))
}
