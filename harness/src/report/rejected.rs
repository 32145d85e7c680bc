//! Describes the rounds and launches that were repeated because a rule of the audit did not hold.

use crate::measure::audit::{by_rule, rejecting};
use crate::measure::record::{InstanceRecord, StageRecord};
use crate::measure::rejection::rejections;
use crate::measure::trial::Build;
use crate::measure::{Arm, Check};
use harness_base::units::Ratio;

/// Describes why rounds were rejected, for each stage.
pub(super) fn rejected(stages: &[&StageRecord]) -> Vec<String> {
    let of = |stage: &StageRecord| -> Vec<String> {
        let rounds = rejections(stage).into_iter().map(|rejection| format!("{}: {rejection}", stage.name));
        rounds.chain(dropped(stage)).chain(left_out(stage)).chain(disturbers(stage)).collect()
    };
    stages.iter().copied().flat_map(of).collect()
}

/// Describes the launches whose values do not count, by rule.
fn left_out(stage: &StageRecord) -> Vec<String> {
    let number = |instance: &InstanceRecord| (instance.index + 1).to_string();
    let launches = stage.instances.iter().filter_map(|instance| Some((instance.left_out.first()?, number(instance))));
    let line = |(check, numbers): (&Check, Vec<String>)| {
        let plural = if numbers.len() == 1 { "" } else { "es" };
        format!("{}: launch{plural} {} repeated: {check}", stage.name, numbers.join(", "))
    };
    by_rule(launches).into_iter().map(line).collect()
}

/// Formats for each build and arm which share of its trials violated a rule, so that a selection can be seen.
fn dropped(stage: &StageRecord) -> Option<String> {
    stage.rejected_rounds().next()?;
    let rounds = || stage.valid_rounds().chain(stage.rejected_rounds());
    let compared = stage.instances.iter().any(|instance| instance.build == Build::Base);
    let share = |(build, arm): (Build, Arm)| {
        let trials =
            || rounds().flat_map(|round| &round.trials).filter(|trial| trial.arm == arm && trial.build == build);
        let all = trials().count();
        let broken = trials().filter(|trial| rejecting(&trial.audit).is_some()).count();
        let of = if compared { format!("{} ", build.name()) } else { String::new() };
        (all > 0).then(|| format!("{} of the {of}{} trials", Ratio(broken as f64 / all as f64), arm.name()))
    };
    let builds = [Build::Base, Build::Head];
    let shares: Vec<String> = builds
        .into_iter()
        .flat_map(|build| [Arm::Direct, Arm::Proxied].map(|arm| (build, arm)))
        .filter_map(share)
        .collect();
    Some(format!("{}: a rule was violated in {}", stage.name, shares.join(", ")))
}

/// Names the processes outside the run that disturbed it.
fn disturbers(stage: &StageRecord) -> impl Iterator<Item = String> {
    stage.disturbers.iter().map(|one| format!("{}: {one}", stage.name))
}
