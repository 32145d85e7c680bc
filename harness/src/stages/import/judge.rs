//! Judges samples of another tool.

use super::metrics::imports;
use crate::measure::metric::Metric;
use crate::measure::record::StageRecord;
use crate::verdict::judging::Judging;

pub(crate) const JUDGING: Judging = Judging { noun: "sample", advisory, ..Judging::LAUNCHES };

fn advisory(metric: &Metric, stage: &StageRecord) -> Option<String> {
    imports(stage).iter().find(|import| import.metric == metric.id)?.advisory.clone()
}
