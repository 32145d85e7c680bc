//! Prepares a stage for charts: its trials in order, each with its build, arm and status.

use crate::measure::Arm;
use crate::measure::record::{InstanceRecord, RoundStatus, StageRecord};
use crate::measure::trial::{Build, TrialRecord};

/// One of the paths that a chart compares: a build of the target, or the upstream without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) build: Build,
    pub(crate) arm: Arm,
}

/// A trial with its path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed<'a> {
    pub(crate) path: Path,
    /// Status of its round.
    pub(crate) status: RoundStatus,
    pub(crate) trial: &'a TrialRecord,
}

/// A round of one build.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot<'a> {
    /// Its number among the valid rounds of the build, from 1; absent for a rejected round.
    pub(crate) number: Option<usize>,
    direct: Option<&'a TrialRecord>,
    proxied: Option<&'a TrialRecord>,
}

impl Path {
    pub(crate) const fn class(self) -> &'static str {
        match (self.arm, self.build) {
            (Arm::Direct, _) => "direct",
            (Arm::Proxied, Build::Head) => "proxied",
            (Arm::Proxied, Build::Base) => "base",
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match (self.arm, self.build) {
            (Arm::Direct, Build::Head) => "direct",
            (Arm::Direct, Build::Base) => "direct, for the base",
            (Arm::Proxied, Build::Head) => "proxied",
            (Arm::Proxied, Build::Base) => "proxied by the base",
        }
    }
}

impl<'a> Slot<'a> {
    pub(crate) const fn trial(&self, arm: Arm) -> Option<&'a TrialRecord> {
        match arm {
            Arm::Direct => self.direct,
            Arm::Proxied => self.proxied,
        }
    }
}

/// Lists the builds that a stage measured, the head first.
pub(crate) fn builds(stage: &StageRecord) -> Vec<Build> {
    let has = |build: &Build| stage.instances.iter().any(|instance| instance.build == *build);
    [Build::Head, Build::Base].into_iter().filter(has).collect()
}

pub(crate) fn instances(stage: &StageRecord, build: Build) -> impl Iterator<Item = &InstanceRecord> {
    stage.instances.iter().filter(move |instance| instance.build == build)
}

/// Iterates over the trials of all rounds.
pub(crate) fn trials(stage: &StageRecord) -> impl Iterator<Item = Placed<'_>> {
    stage.instances.iter().flat_map(|instance| {
        instance.rounds.iter().flat_map(move |round| {
            round.trials.iter().map(move |trial| Placed {
                path: Path { build: instance.build, arm: trial.arm },
                status: round.status,
                trial,
            })
        })
    })
}

/// Lists the valid and the rejected rounds of one build in the order in which they ran.
pub(crate) fn slots(stage: &StageRecord, build: Build) -> Vec<Slot<'_>> {
    let mut valid = 0;
    let rounds = instances(stage, build).flat_map(|instance| &instance.rounds);
    let counted = rounds.filter(|round| matches!(round.status, RoundStatus::Valid | RoundStatus::Rejected));
    let slot = counted.map(|round| {
        let is_valid = round.status == RoundStatus::Valid;
        valid += usize::from(is_valid);
        let (direct, proxied) = (round.trial(Arm::Direct), round.trial(Arm::Proxied));
        Slot { number: is_valid.then_some(valid), direct, proxied }
    });
    slot.collect()
}

/// Computes the median; `None` without values.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let half = sorted.len() / 2;
    let upper = sorted.get(half)?;
    if sorted.len().is_multiple_of(2) { Some((sorted[half - 1] + upper) / 2.0) } else { Some(*upper) }
}
