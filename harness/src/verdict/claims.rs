//! Compares claims with metrics, at the end of the interval.

use super::claim::Claim;
use super::judgement::{ClaimFinding, ClaimState, Measured, Value};
use super::tail;
use crate::measure::metric::{Kind, Unit, find};
use crate::measure::record::Record;
use harness_base::units::Nanos;
use harness_stats::Estimate;

/// Judges every claim, in the order of the scenario.
pub(super) fn judge(claims: &[Claim], metrics: &[Measured], record: &Record) -> Vec<ClaimFinding> {
    let one = |claim: &Claim| {
        let metric = metrics.iter().find(|metric| metric.id == claim.metric);
        match too_young(claim, metric, record) {
            Some(message) => finding(claim, ClaimState::Undecided, message),
            None => judge_one(claim, metric),
        }
    };
    claims.iter().map(one).collect()
}

/// Explains that no target was as old as a claim demands.
fn too_young(claim: &Claim, metric: Option<&Measured>, record: &Record) -> Option<String> {
    let (age, metric) = (claim.age?, metric?);
    let stage = record.stages.iter().find(|stage| stage.name == metric.stage)?;
    let oldest = tail::oldest(stage).unwrap_or(Nanos::ZERO);
    (oldest < age).then(|| {
        format!(
            "the target was observed up to an age of {oldest}, and the claim is up to {age}; lengthen `tail_window`"
        )
    })
}

fn judge_one(claim: &Claim, metric: Option<&Measured>) -> ClaimFinding {
    let (state, message) = match metric.map(|metric| (metric, &metric.value)) {
        None => (ClaimState::Absent, "no stage of this run measures it".to_owned()),
        Some((_, Value::Absent { reason })) => (ClaimState::Absent, reason.clone()),
        Some((metric, Value::Estimated { estimate, .. })) => match &metric.advisory {
            Some(advisory) => (ClaimState::Undecided, format!("advisory: {advisory}")),
            None if metric.kind == Kind::Exact => by_value(claim, metric.unit, estimate.point),
            None => by_interval(claim, metric.unit, estimate),
        },
    };
    finding(claim, state, message)
}

fn finding(claim: &Claim, state: ClaimState, message: String) -> ClaimFinding {
    ClaimFinding { metric: claim.metric.clone(), limit: limit(claim), state, required: claim.required, message }
}

/// Formats the claim; without a unit if the id is unknown.
fn limit(claim: &Claim) -> String {
    let bound = find(&claim.metric).map_or_else(|| claim.bound.to_string(), |row| row.unit.show_bound(claim.bound));
    format!("{} {bound}", if claim.below { '<' } else { '>' })
}

/// Returns whether a value is strictly on the good side of the bound.
fn keeps(claim: &Claim, value: f64) -> bool {
    if claim.below { value < claim.bound } else { value > claim.bound }
}

fn by_value(claim: &Claim, unit: Unit, value: f64) -> (ClaimState, String) {
    let state = if keeps(claim, value) { ClaimState::Met } else { ClaimState::NotMet };
    (state, unit.show_beside(claim.bound, value, None))
}

/// Decides by the interval: a claim is met if both ends are on the good side, and not met if neither is.
fn by_interval(claim: &Claim, unit: Unit, estimate: &Estimate) -> (ClaimState, String) {
    let shown = |ends: Option<(f64, f64)>| unit.show_beside(claim.bound, estimate.point, ends);
    let Some(interval) = estimate.interval else {
        let why = estimate.why_no_interval().unwrap_or_default();
        return (ClaimState::Undecided, format!("{}, and {why}", shown(None)));
    };
    let (worse, better) = if claim.below { (interval.high, interval.low) } else { (interval.low, interval.high) };
    let state = match (keeps(claim, worse), keeps(claim, better)) {
        (true, _) => ClaimState::Met,
        (false, true) => ClaimState::Undecided,
        (false, false) => ClaimState::NotMet,
    };
    (state, shown(Some((interval.low, interval.high))))
}
