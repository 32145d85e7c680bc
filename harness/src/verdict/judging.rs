//! What the judging of one kind of stage adds to that of all.

use crate::measure::metric::{Absent, Metric};
use crate::measure::reason::Problem;
use crate::measure::record::StageRecord;
use harness_base::units::grouped;

/// How a kind is judged.
pub(crate) struct Judging {
    /// What one of its values is taken from, for example a round.
    pub(crate) noun: &'static str,
    /// Only the head runs through it, so its metrics have no base in the same run.
    pub(crate) head_alone: bool,
    /// What bounds its rate holds for the stage as a whole.
    pub(crate) has_bottleneck: bool,
    /// Returns what makes a stage invalid that ran to its end.
    pub(crate) flaws: fn(&StageRecord) -> Vec<Problem>,
    /// Returns why the value of a metric must not gate.
    pub(crate) advisory: fn(&Metric, &StageRecord) -> Option<String>,
}

impl Judging {
    /// A kind whose values are those of rounds.
    pub(crate) const ROUNDS: Self = Self {
        noun: "round",
        head_alone: false,
        has_bottleneck: true,
        flaws: |_| Vec::new(),
        advisory: |metric, stage| {
            let trials = stage.valid_rounds().flat_map(|round| &round.trials);
            too_few_requests(metric, trials.map(|trial| trial.load.scheduled).min()?, "round")
        },
    };

    /// A kind whose values are those of launches.
    pub(crate) const LAUNCHES: Self = Self { noun: "launch", advisory: |_, _| None, ..Self::ROUNDS };
}

/// Explains why a far quantile of so few requests must not gate: the smallest round decides.
pub(crate) fn too_few_requests(metric: &Metric, fewest: u64, noun: &str) -> Option<String> {
    (fewest < metric.requests).then(|| {
        format!("{} requests a {noun}, {} needed to gate", grouped(fewest as f64), grouped(metric.requests as f64))
    })
}

/// Explains that a stage has no value of its own for a metric that is judged as a whole.
pub(crate) fn no_trend(metric: &Metric, stage: &str) -> Absent {
    Absent(format!("{} has no trend in stage {stage}", metric.id))
}
