//! Runs the slices of one instance. A slice that the host disturbed is repeated; what the target does is a result.

use crate::measure::Arm;
use crate::measure::audit::{Blame, Check, Rule, rejecting};
use crate::measure::reason::{Failure, Problem};
use crate::measure::trial::TrialRecord;
use crate::measure::{Reason, RoundStatus, rejection};
use crate::run::bench::Bench;
use crate::run::disturbers::{self, Neighbours};
use crate::run::event::Event;
use crate::run::halt::Halt;
use crate::run::rig::Rig;
use crate::run::rounds::is_disturbed;
use crate::run::trial;
use crate::stages::search::facts::Variable;
use crate::stages::search::work::Work;
use crate::work::Stage;
use crate::work::load::LoadWork;
use harness_base::clock::Mono;
use harness_base::exit::Exit;
use harness_base::units::{Nanos, Rate};
use harness_load::pace::Pace;

/// How often the slices of one instance may be repeated because the host disturbed them.
const PATIENCE: u64 = 20;
/// How often a slice may be repeated because of generator or upstream, while nothing disturbed them. Then they limit the rate.
const AGAIN: u64 = 1;

/// The slices of one instance.
#[derive(Debug, Clone)]
pub(super) struct Slices {
    pub(super) load: LoadWork,
    pub(super) number: u64,
    /// Whether the direct arm runs too, in the first slice.
    pub(super) direct: bool,
    /// Whether it runs in every slice.
    pub(super) always_direct: bool,
}

/// The results of the slices.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// The rule by which generator, upstream or host limit the rate.
    pub(super) limited: Option<Check>,
    /// How the target failed under the load.
    pub(super) gave_up: Option<Failure>,
    /// Time of disturbed slices.
    pub(super) lost: Nanos,
}

impl Done {
    /// Returns whether more instances show nothing more about the rate.
    pub(super) const fn ends_probe(&self) -> bool {
        self.limited.is_some() || self.gave_up.is_some()
    }
}

/// How one slice ended.
enum Slice {
    Valid,
    Disturbed,
    /// Generator or upstream did not carry it.
    Limited(Check),
    GaveUp(Failure),
}

impl Slices {
    /// Creates slices with a user for each connection, on both arms.
    pub(super) fn closed(work: &Work, number: u64, longest: Nanos) -> Self {
        let pace = Pace::Closed { vus: work.load.connections };
        let load = LoadWork { pace, window: work.load.window.min(longest), ..work.load.clone() };
        Self { load, number, direct: true, always_direct: true }
    }

    /// Creates slices at a rate, or with a number of users.
    pub(super) fn at(work: &Work, value: f64) -> Self {
        let load = match (work.variable, work.load.pace) {
            (Variable::Rate, Pace::Open { arrivals, .. }) => {
                LoadWork { pace: Pace::Open { rate: Rate(value), arrivals }, ..work.load.clone() }
            }
            (Variable::Users, _) | (Variable::Rate, Pace::Closed { .. }) => {
                let vus = value as u64;
                LoadWork { pace: Pace::Closed { vus }, connections: vus, ..work.load.clone() }
            }
        };
        Self { load, number: work.slices, direct: false, always_direct: false }
    }

    /// Returns the arms of a slice: the direct one only in the first.
    fn arms(&self, slice: u64) -> &'static [Arm] {
        let direct = self.load.paired && self.direct && (slice == 0 || self.always_direct);
        if direct { &[Arm::Direct, Arm::Proxied] } else { &[Arm::Proxied] }
    }

    /// Runs all slices, or as many as show something.
    ///
    /// # Errors
    /// Returns [`Halt::Invalid`] if the first answer is wrong, or if the host disturbs a slice again and again, [`Halt::Failed`] if a tool
    /// fails, or [`Halt::Interrupted`].
    pub(super) async fn run(
        &self,
        rig: &mut Rig<'_>,
        stage: &Stage,
        bench: &mut Bench,
        neighbours: &mut Neighbours,
    ) -> Result<Done, Halt> {
        for arm in self.arms(0) {
            trial::preflight(rig, stage, bench, *arm).await?;
        }
        let (mut done, mut index) = (Done::default(), 0);
        let (mut valid, mut disturbed, mut limited) = (0, 0, 0);
        while valid < self.number {
            let begun = Mono::now();
            let slice = self.slice(rig, stage, bench, (index, valid)).await?;
            index += 1;
            match slice {
                Slice::Valid => valid += 1,
                Slice::Disturbed => {
                    disturbed += 1;
                    done.lost = done.lost.plus(Mono::now().since(begun));
                    neighbours.record(&mut rig.recorder, &bench.own_processes());
                }
                Slice::Limited(check) => {
                    limited += 1;
                    done.limited = Some(check).filter(|_| limited > AGAIN);
                }
                Slice::GaveUp(failure) => done.gave_up = Some(failure),
            }
            if disturbed > PATIENCE {
                return Err(too_disturbed(rig, valid, self.number, disturbed));
            }
            if done.ends_probe() {
                break;
            }
        }
        Ok(done)
    }

    /// Runs one slice on its arms, and records it.
    async fn slice(
        &self,
        rig: &mut Rig<'_>,
        stage: &Stage,
        bench: &mut Bench,
        (index, number): (u32, u64),
    ) -> Result<Slice, Halt> {
        let (mut slice, mut broken) = (Slice::Valid, None);
        let sequence = (u64::from(bench.index) << 32) + u64::from(index);
        for arm in self.arms(number) {
            let mut trial = match trial::run(rig, stage, &self.load, bench, (*arm, sequence)).await {
                Ok(trial) => trial,
                Err(Halt::Failed(failure)) if failure.exit == Exit::TargetFailed => {
                    slice = Slice::GaveUp(*failure);
                    break;
                }
                Err(halt) => return Err(halt),
            };
            // How much of its CPUs the target uses is a result.
            trial.audit.retain(|check| check.rule() != Rule::TargetCpu);
            let ended = ended(&trial);
            broken = broken.or_else(|| rejecting(&trial.audit).cloned());
            rig.recorder.trial(bench.index, index, trial);
            if !matches!(ended, Slice::Valid) {
                slice = ended;
                break;
            }
        }
        let status = match slice {
            Slice::Valid => RoundStatus::Valid,
            Slice::GaveUp(_) => RoundStatus::Incomplete,
            Slice::Disturbed | Slice::Limited(_) => RoundStatus::Rejected,
        };
        rig.recorder.round(bench.index, index, status);
        rig.emit(Event::Round { status, broken: broken.map(|check| (check, None)) });
        Ok(slice)
    }
}

/// Returns how a slice with this trial ended. The direct arm shows what generator and upstream carry, so its target is the upstream.
fn ended(trial: &TrialRecord) -> Slice {
    let Some(check) = rejecting(&trial.audit) else { return Slice::Valid };
    match check.blame {
        _ if is_disturbed(trial) => Slice::Disturbed,
        Some(Blame::Generator | Blame::Upstream) => Slice::Limited(check.clone()),
        _ => Slice::Disturbed,
    }
}

/// Returns why the stage is not valid: the rules that slices violated, most frequent first.
fn too_disturbed(rig: &Rig<'_>, valid: u64, wanted: u64, rejected: u64) -> Halt {
    let rejections = rig.recorder.present_stage().map(rejection::rejections).unwrap_or_default();
    let mut reasons: Vec<Reason> = rejections.into_iter().map(|one| Problem::Rejected(one).into()).collect();
    reasons.extend(disturbers::reasons(&rig.recorder));
    reasons.push(Problem::TooFewRounds { valid, wanted, rejected }.into());
    Halt::Invalid(reasons)
}
