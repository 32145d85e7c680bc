//! A stage with load: instances × rounds × arms, with rejected rounds repeated.

use super::bench::Bench;
use super::event::Event;
use super::halt::Halt;
use super::rig::Rig;
use super::trial;
use crate::exit::Exit;
use crate::measure::curve::GaveUp;
use crate::measure::group::ResourceLimits;
use crate::measure::trial::Arm;
use crate::measure::{Blame, InstanceRecord, RoundStatus, StageKind, StageRecord, rejection};
use crate::plan::{LoadWork, Stage};

/// How many rounds are wanted, and how many may still be rejected.
struct Tally {
    wanted: u64,
    valid: u64,
    rejected: u64,
    /// Rounds of the stage before these, and in all: for those who watch.
    stage: (u64, u64),
}

impl Tally {
    /// Rejected rounds are repeated, at most ⌈rounds/2⌉ of them.
    fn exhausted(&self) -> bool {
        self.rejected > self.wanted.div_ceil(2)
    }
}

/// Runs the stage. Rounds are recorded as they end, so that leaving early loses nothing.
///
/// # Errors
/// [`Halt::Invalid`] when too few rounds are valid; [`Halt::Failed`] when the target or a tool fails.
pub(super) async fn stage(rig: &mut Rig<'_>, stage: &Stage, work: &LoadWork) -> Result<(), Halt> {
    let mut tally = Tally { wanted: work.rounds, valid: 0, rejected: 0, stage: (0, work.rounds) };
    for index in 0..work.instances {
        let share = work.rounds / work.instances + u64::from(index < work.rounds % work.instances);
        let until = tally.valid + share;
        instance(rig, stage, work, index, &mut tally, until).await?;
    }
    Ok(())
}

/// Runs the stage inside one set of limits after the other. What the target cannot do in one of them is a result.
///
/// # Errors
/// [`Halt::Invalid`] when some set of limits could not be measured through no fault of the target's, [`Halt::Failed`] when a tool
/// fails, [`Halt::Interrupted`].
pub(super) async fn curve(
    rig: &mut Rig<'_>,
    stage: &Stage,
    cells: &[ResourceLimits],
    work: &LoadWork,
) -> Result<(), Halt> {
    let mut invalid = Vec::new();
    for (index, limits) in (0..).zip(cells) {
        let cell = Stage { limits: *limits, ..stage.clone() };
        let stage_rounds = (index * work.rounds, cells.len() as u64 * work.rounds);
        let mut tally = Tally { wanted: work.rounds, valid: 0, rejected: 0, stage: stage_rounds };
        rig.tell(Event::Doing(limits.to_string()));
        let why = match instance(rig, &cell, work, index, &mut tally, work.rounds).await {
            Ok(()) => None,
            Err(Halt::Failed(failure)) if failure.exit == Exit::TargetFailed => {
                Some(GaveUp { says: failure.says, by_target: true })
            }
            Err(Halt::Invalid(reasons)) => {
                let by_target = rig.recorder.present_instance().is_some_and(only_the_target_failed);
                Some(GaveUp { says: reasons.join("; "), by_target })
            }
            Err(halt) => return Err(halt),
        };
        if let Some(why) = why {
            invalid.extend((!why.by_target).then(|| format!("within {limits}: {}", why.says)));
            rig.recorder.gave_up(index, *limits, why);
        }
        rig.tell(Event::Step { done: stage_rounds.0 + work.rounds, of: stage_rounds.1 });
    }
    if invalid.is_empty() { Ok(()) } else { Err(Halt::Invalid(invalid)) }
}

/// Whether every rejected round was rejected by nothing but what the target did.
fn only_the_target_failed(instance: &InstanceRecord) -> bool {
    let rejected = instance.rounds.iter().filter(|round| round.status == RoundStatus::Rejected);
    let checks = rejected.flat_map(|round| &round.trials).flat_map(|trial| &trial.audit);
    let mut failed = checks.filter(|check| !check.passed).peekable();
    failed.peek().is_some() && failed.all(|check| check.blame == Some(Blame::Target))
}

/// One start of the target and its rounds, until so many are valid.
async fn instance(
    rig: &mut Rig<'_>,
    stage: &Stage,
    work: &LoadWork,
    index: u64,
    tally: &mut Tally,
    until: u64,
) -> Result<(), Halt> {
    let bench = Bench::start(rig, stage, index, Some(work)).await?;
    let mut driver = Driver { rig, stage, work, bench, until };
    let done = driver.rounds(tally).await;
    let Driver { bench, .. } = driver;
    bench.stop(rig).await;
    done
}

/// Drives the rounds of one instance.
struct Driver<'r, 'p> {
    rig: &'r mut Rig<'p>,
    stage: &'r Stage,
    work: &'r LoadWork,
    bench: Bench,
    until: u64,
}

impl Driver<'_, '_> {
    async fn rounds(&mut self, tally: &mut Tally) -> Result<(), Halt> {
        for arm in arms(self.work, 0) {
            trial::preflight(self.rig, self.stage, &mut self.bench, arm).await?;
        }
        self.round(0, true).await?;
        let mut index = 1;
        while tally.valid < self.until {
            match self.round(index, false).await? {
                RoundStatus::Valid => tally.valid += 1,
                _ => tally.rejected += 1,
            }
            self.rig.tell(Event::Step { done: tally.stage.0 + tally.valid, of: tally.stage.1 });
            if tally.exhausted() {
                return Err(self.too_few(tally));
            }
            index += 1;
        }
        Ok(())
    }

    /// Why the stage is not valid: the rules its rounds broke, most frequent first.
    fn too_few(&self, tally: &Tally) -> Halt {
        let mut reasons = match self.rig.recorder.present_stage() {
            // Each set of limits stands for itself.
            Some(stage) if stage.kind == StageKind::Limits => {
                let instances: Vec<_> = stage.instances.last().cloned().into_iter().collect();
                rejection::reasons(&StageRecord { instances, ..StageRecord::default() })
            }
            Some(stage) => rejection::reasons(stage),
            None => Vec::new(),
        };
        reasons.push(format!(
            "{} of {} rounds valid, {} rejected: no more are tried",
            tally.valid, tally.wanted, tally.rejected
        ));
        Halt::Invalid(reasons)
    }

    /// Every arm once, recorded when this returns.
    async fn round(&mut self, index: u32, warm_up: bool) -> Result<RoundStatus, Halt> {
        let mut rejected = None;
        let seed = self.rig.plan.scenario.seed;
        for arm in arms(self.work, u64::from(index) + seed) {
            let what = if warm_up { "warm-up round".to_owned() } else { format!("round {index}") };
            self.rig.tell(Event::Doing(format!("{what}, {} arm", arm.name())));
            let trial = trial::run(self.rig, self.stage, self.work, &mut self.bench, arm).await?;
            let failed = trial.audit.iter().find(|check| !check.passed);
            rejected = rejected.or_else(|| failed.map(|check| check.says.clone()));
            self.rig.recorder.trial(index, trial);
        }
        let status = match rejected {
            _ if warm_up => RoundStatus::WarmUp,
            Some(_) => RoundStatus::Rejected,
            None => RoundStatus::Valid,
        };
        self.rig.recorder.round(index, status);
        self.rig.tell(Event::Round { status, reason: rejected });
        Ok(status)
    }
}

/// The arms of a round in their order: direct, proxied, proxied, direct, … so that drift cancels within two rounds.
fn arms(work: &LoadWork, turn: u64) -> Vec<Arm> {
    match (work.paired, turn.is_multiple_of(2)) {
        (false, _) => vec![Arm::Proxied],
        (true, true) => vec![Arm::Direct, Arm::Proxied],
        (true, false) => vec![Arm::Proxied, Arm::Direct],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::spec::Pace;
    use crate::units::Nanos;

    fn work(paired: bool) -> LoadWork {
        let (ramp, warmup, window) = (Nanos::ZERO, Nanos::from_millis(100), Nanos::from_secs(1));
        LoadWork { instances: 1, rounds: 10, pace: Pace::Closed, connections: 1, ramp, warmup, window, paired }
    }

    #[test]
    fn arms_alternate_who_goes_first() {
        let order: Vec<Arm> = (0..4).flat_map(|turn| arms(&work(true), turn)).collect();
        let (d, p) = (Arm::Direct, Arm::Proxied);
        assert_eq!(order, [d, p, p, d, d, p, p, d]);
        assert_eq!(arms(&work(false), 1), [p]);
    }

    #[test]
    fn half_as_many_rounds_again_may_be_rejected() {
        let tally = |wanted, rejected| Tally { wanted, valid: 0, rejected, stage: (0, wanted) };
        assert!(!tally(10, 5).exhausted() && tally(10, 6).exhausted());
        assert!(!tally(7, 4).exhausted() && tally(7, 5).exhausted());
    }
}
