//! Defines the metrics of the fleet that sent the load of a stage. Every kind of stage can have one, so they belong to none of the tables of
//! the kinds, and only stages with a fleet have them.

use super::bencher::DURATION;
use super::row::{Metric, Values, row};
use super::unit::Unit::Millis;
use super::values::per_round;
use crate::measure::kind::StageKind;
use crate::measure::record::StageRecord;
use crate::measure::trial::TrialRecord;
use harness_base::units::Nanos;

/// Why these values never decide.
pub const ADVISORY: &str = "it describes the nodes that sent the load, not the target";

const NO_SKEW: &str = "a node released no request in a round";

const ABOUT: &str =
    "How far apart the nodes of a fleet released their first requests of a round, each compared with its order";

/// The metrics of a stage with a fleet.
pub const FLEET: &[Metric] = &[
    row("fleet/skew_p50", Millis, StageKind::ALL[0], &DURATION, ABOUT, skew).quantile(0.5),
    row("fleet/skew_p99", Millis, StageKind::ALL[0], &DURATION, ABOUT, skew).quantile(0.99),
];

/// Returns whether a fleet sent the load of a stage.
pub fn has_fleet(stage: &StageRecord) -> bool {
    stage.valid_rounds().flat_map(|round| &round.trials).any(|trial| trial.fleet.is_some())
}

/// Takes the larger skew of both arms of each valid round.
fn skew(stage: &StageRecord) -> Values {
    let of = |trial: &TrialRecord| trial.fleet.as_ref()?.skew_ns;
    per_round(stage, NO_SKEW, |round| {
        let skews = round.trials.iter().map(of).collect::<Option<Vec<u64>>>()?;
        skews.into_iter().max().map(|skew| Nanos(skew).as_millis_f64())
    })
}
