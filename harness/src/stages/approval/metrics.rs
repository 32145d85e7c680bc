//! Defines the metrics of approvals.

use super::derive::{median_ms, of_launch};
use super::facts::Approval;
use crate::measure::kind::StageKind;
use crate::measure::metric::bencher::{ERRORS, LATENCY, OVERHEAD};
use crate::measure::metric::fact::Fact;
use crate::measure::metric::row::{Metric, Values, row};
use crate::measure::metric::unit::Unit::{Millis, Percent};
use crate::measure::metric::values::{failed_percent, per_launch};
use crate::measure::record::StageRecord;

pub(crate) const METRICS: &[Metric] = &[
    row(
        "approval/overhead",
        Millis,
        StageKind::Approval,
        &OVERHEAD,
        "Time from a request of the agent to the request of the target that asks a foreign host for approval: the median of a launch, one value per launch.",
        overhead,
    )
    .key()
    .req("M-APPR-001", 500.0),
    row(
        "approval/decision",
        Millis,
        StageKind::Approval,
        &LATENCY,
        "Time from the approval to the last byte of the answer to the agent. Contains what is left until the target asks for the decision again.",
        decision,
    )
    .key(),
    row(
        "approval/total",
        Millis,
        StageKind::Approval,
        &LATENCY,
        "Time from a request of the agent to the last byte of its answer. Contains the time until the approval, which the scenario sets.",
        total,
    ),
    row(
        "errors/approval_percent",
        Percent,
        StageKind::Approval,
        &ERRORS,
        "Requests that were answered otherwise than expected, or without exactly one approval in time ÷ all requests.",
        failed,
    )
    .exact(),
];

pub(crate) const FACTS: &[Fact] = &[];

fn each(stage: &StageRecord, of: fn(&Approval) -> u64) -> Values {
    per_launch(stage, "a launch has no approved request", |instance| median_ms(of_launch(instance)?, of))
}

fn overhead(stage: &StageRecord) -> Values {
    each(stage, |approval| approval.overhead_ns)
}

fn decision(stage: &StageRecord) -> Values {
    each(stage, |approval| approval.decision_ns)
}

fn total(stage: &StageRecord) -> Values {
    each(stage, |approval| approval.total_ns)
}

fn failed(stage: &StageRecord) -> Values {
    failed_percent(stage.counted_launches().filter_map(of_launch).map(|launch| &launch.outcomes))
}
