//! Runs rounds with one set of limits after the other.

use super::facts::{GaveUp, Instance, Why};
use super::work::Work;
use crate::measure::reason::Scope;
use crate::measure::{Blame, InstanceRecord, RoundStatus, Warning};
use crate::run::event::Event;
use crate::run::halt::Halt;
use crate::run::rig::Rig;
use crate::run::rounds::{self, Extent, Tally};
use crate::work::Stage;
use harness_base::exit::Exit;

/// Runs the stage with one set of limits after the other. Failures of the target within limits are results.
///
/// # Errors
/// Returns [`Halt::Invalid`] if a set of limits could not be measured for another reason than the target,
/// [`Halt::Failed`] if a tool fails, or [`Halt::Interrupted`].
pub(crate) async fn run(rig: &mut Rig<'_>, stage: &Stage, work: &Work) -> Result<(), Halt> {
    let (cells, work) = (&work.cells, &work.load);
    let mut invalid = Vec::new();
    if rig.plan.base.is_some() {
        rig.recorder.warn(Warning::HeadOnly);
    }
    for (index, limits) in (0_u32..).zip(cells) {
        let cell = Stage { limits: *limits, ..stage.clone() };
        let stage_rounds = (u64::from(index) * work.rounds, cells.len() as u64 * work.rounds);
        let mut tally = Tally::new(work.rounds, (stage, work), stage_rounds, Extent::Instance);
        rig.emit(Event::Doing(limits.to_string()));
        let why =
            match rounds::rounds(rig, &cell, work, index.into(), &mut tally, work.rounds, &rounds::unprepared).await {
                Ok(()) => None,
                Err(Halt::Failed(failure)) if failure.exit == Exit::TargetFailed => {
                    Some(GaveUp { why: Why::Failed(*failure), by_target: true })
                }
                Err(Halt::Invalid(reasons)) => {
                    let by_target = rig.recorder.instance(index).is_some_and(only_the_target_failed);
                    Some(GaveUp { why: Why::Invalid(reasons), by_target })
                }
                Err(halt) => return Err(halt),
            };
        if let Some(why) = why {
            if let (false, Why::Invalid(reasons)) = (why.by_target, &why.why) {
                let scope = Scope::Limits(*limits);
                invalid.extend(reasons.iter().map(|reason| reason.clone().within(scope.clone())));
            }
            rig.recorder.came_to(index, *limits, Instance { gave_up: Some(why) });
        }
        rig.emit(Event::Step { done: stage_rounds.0 + work.rounds, of: stage_rounds.1 });
    }
    if invalid.is_empty() { Ok(()) } else { Err(Halt::Invalid(invalid)) }
}

/// Returns whether the target alone caused the rejection of every rejected round.
fn only_the_target_failed(instance: &InstanceRecord) -> bool {
    let rejected = instance.rounds.iter().filter(|round| round.status == RoundStatus::Rejected);
    let checks = rejected.flat_map(|round| &round.trials).flat_map(|trial| &trial.audit);
    let mut failed = checks.filter(|check| !check.passed).peekable();
    failed.peek().is_some() && failed.all(|check| check.blame == Some(Blame::Target))
}
