//! Divides a stage into its instances.

use super::stage::judging;
use crate::measure::record::{InstanceRecord, RoundStatus, StageRecord};
use crate::measure::trial::Build;
use harness_stats::FEWEST_UNITS;

/// Iterates over the instances that have valid rounds.
pub(crate) fn instances(stage: &StageRecord) -> impl Iterator<Item = &InstanceRecord> {
    let is_valid = |instance: &&InstanceRecord| instance.rounds.iter().any(|round| round.status == RoundStatus::Valid);
    stage.instances.iter().filter(is_valid)
}

/// Returns the source of one value of a stage: an instance if the head has enough of them, otherwise what the kind says.
pub(crate) fn noun(stage: &StageRecord) -> &'static str {
    let of_head = instances(stage).filter(|instance| instance.build == Build::Head).count();
    if of_head < FEWEST_UNITS { judging(stage.kind()).noun } else { "instance" }
}
