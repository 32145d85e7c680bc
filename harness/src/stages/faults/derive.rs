//! Selects the trial that shows a fault, or the reason why it was not measured.

use super::facts::{FaultKind, FaultRecord, StreamsMet, errors_before};
use crate::measure::audit::{Blame, Check, Found};
use crate::measure::facts::InstanceFacts;
use crate::measure::reason::{Problem, Reason, Scope};
use crate::measure::record::{InstanceRecord, RoundStatus, StageRecord};
use crate::measure::trial::TrialRecord;
use harness_base::units::Nanos;
use harness_load::facts::Ticks;

/// Applies the rule `errors` to the time before a fault, because a target that fails without a fault shows nothing
/// about it.
pub(crate) fn check_before(ticks: &Ticks, before: Nanos, example: Option<&String>) -> Check {
    let (errors, of) = errors_before(ticks, before.0);
    let example = example.filter(|_| errors > 0).cloned();
    Check::new(Found::ErrorsBefore { errors, of, example }, errors == 0 && of > 0, Blame::Target)
}

/// Applies the rule `errors` to the streams that ended before the target was stopped.
pub(crate) fn check_streams_before(streams: &StreamsMet, example: Option<&String>) -> Check {
    let StreamsMet { before: of, failed_before: errors, .. } = *streams;
    let example = example.filter(|_| errors > 0).cloned();
    Check::new(Found::ErrorsBefore { errors, of, example }, errors == 0 && of > 0, Blame::Target)
}

/// Returns the streams that were open when the target was stopped; `None` if their load was disturbed, or there were none.
pub(crate) fn streams_met(stage: &StageRecord) -> Option<StreamsMet> {
    let (_, fault, trial) = trial_of(stage, FaultKind::StopStreams)?;
    fault.streams.filter(|streams| trial.is_valid() && streams.open > 0 && streams.contradicted == 0)
}

/// Returns the trial of a fault with its instance: a valid one, else the last attempt.
pub(crate) fn trial_of(stage: &StageRecord, kind: FaultKind) -> Option<(&InstanceRecord, &FaultRecord, &TrialRecord)> {
    let met = stage.instances.iter().filter_map(|instance| {
        let fault = fault_of(instance).filter(|fault| fault.kind == kind)?;
        let round = instance.rounds.last()?;
        Some((round.status == RoundStatus::Valid, (instance, fault, round.trials.last()?)))
    });
    met.max_by_key(|(valid, _)| *valid).map(|(_, met)| met)
}

/// Returns whether the load of a fault was offered as planned, so that its outcomes are effects of the fault.
pub(crate) fn is_measured(stage: &StageRecord, kind: FaultKind) -> bool {
    trial_of(stage, kind).is_some_and(|(_, _, trial)| trial.is_valid())
}

/// Returns what prevented faults from being measured: the first violated rule of each.
pub(crate) fn disturbances(stage: &StageRecord) -> Vec<Reason> {
    let reason = |kind: FaultKind| {
        let (_, _, trial) = trial_of(stage, kind)?;
        let broken = trial.audit.iter().find(|check| !check.passed)?;
        Some(Reason::from(Problem::Broken(broken.clone())).within(Scope::Part(kind.name().to_owned())))
    };
    FaultKind::ALL.into_iter().filter_map(reason).collect()
}

fn fault_of(instance: &InstanceRecord) -> Option<&FaultRecord> {
    match &instance.facts {
        InstanceFacts::Faults(facts) => facts.fault.as_ref(),
        _ => None,
    }
}
