//! Runs the rounds of one turn: starts an instance of each build, and measures until enough rounds are valid. Rejected
//! rounds are repeated.

use super::bench::Bench;
use super::builds::{builds, named, of_two};
use super::disturbers::{self, Neighbours};
use super::event::Event;
use super::halt::Halt;
use super::profile;
use super::rig::Rig;
use super::tail;
use super::trial;
use crate::measure::Arm;
use crate::measure::Reason;
use crate::measure::audit::{Blame, Rule, rejecting};
use crate::measure::reason::{Cause, Failure, Problem, Scope, Warning};
use crate::measure::trial::{Build, TrialRecord};
use crate::measure::{InstanceRecord, RoundStatus, StageRecord, rejection};
use crate::work::Stage;
use crate::work::load::LoadWork;
use harness_base::clock::Mono;
use harness_base::exit::Exit;
use harness_base::units::Nanos;

/// How many times as long as planned the rounds may take on a disturbed host.
const PATIENCE: u64 = 4;

/// Index of the warm-up round of an instance.
const WARM_UP: u32 = 0;

/// Number of wanted rounds, and of those that may still be rejected.
pub(crate) struct Tally {
    pub(crate) wanted: u64,
    pub(crate) valid: u64,
    /// Rejected rounds in which no rule about the host was violated.
    pub(crate) rejected: u64,
    /// Rejected rounds in which the host was disturbed.
    pub(crate) disturbed: u64,
    /// When the first round began.
    begun: Option<Mono>,
    /// Time that the wanted rounds take on a quiet host.
    pub(crate) planned: Nanos,
    /// Earlier rounds of the stage, and all rounds, for progress.
    pub(crate) stage: (u64, u64),
    pub(crate) extent: Extent,
}

/// The rounds that a tally counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Those of all instances of the stage.
    Stage,
    /// Those of one instance, which is judged separately.
    Instance,
}

impl Tally {
    /// Creates a tally without rounds, of `wanted` rounds of this work.
    pub(crate) fn new(wanted: u64, (stage, work): (&Stage, &LoadWork), progress: (u64, u64), extent: Extent) -> Self {
        let builds = if stage.compared { 2 } else { 1 };
        let planned = work.round().times(wanted.saturating_add(work.instances)).times(builds);
        Self { wanted, valid: 0, rejected: 0, disturbed: 0, begun: None, planned, stage: progress, extent }
    }

    /// Returns how long the rounds have taken.
    fn took(&self) -> Nanos {
        self.begun.map_or(Nanos::ZERO, |begun| Mono::now().since(begun))
    }

    /// Returns whether no further round may be rejected after `took`. A round that a disturbed host spoiled costs time and not truth, so the
    /// rounds take up to [`PATIENCE`] times as long, unless as many rounds as wanted were all disturbed. At most ⌈rounds/2⌉ rounds are
    /// repeated for other reasons, which repeating does not remove.
    fn exhausted(&self, took: Nanos) -> bool {
        let never_quiet = self.valid == 0 && self.disturbed > 2 * self.wanted;
        never_quiet || self.rejected > self.wanted.div_ceil(2) || took > self.planned.times(PATIENCE)
    }
}

/// Does nothing before the first request of an instance.
pub(crate) async fn unprepared(_: &mut Rig<'_>, _: &mut Bench) -> Result<(), Halt> {
    Ok(())
}

/// Starts one instance of each build concurrently, calls `before` with each, and runs their rounds until `until` rounds of the stage are
/// valid.
///
/// # Errors
/// Returns [`Halt::Invalid`] if too few rounds are valid, [`Halt::Failed`] if the target or a tool fails, and the errors of `before`.
pub(crate) async fn rounds(
    rig: &mut Rig<'_>,
    stage: &Stage,
    work: &LoadWork,
    turn: u64,
    tally: &mut Tally,
    until: u64,
    before: &impl AsyncFn(&mut Rig<'_>, &mut Bench) -> Result<(), Halt>,
) -> Result<(), Halt> {
    let mut benches = start(rig, stage, turn, work).await?;
    for place in 0..benches.len() {
        if let Err(halt) = before(rig, &mut benches[place]).await {
            Bench::stop_all(benches, rig).await;
            return Err(halt);
        }
    }
    let mut driver = Driver { rig, stage, work, turn, benches, until, neighbours: Neighbours::now() };
    let mut done = driver.rounds(tally).await;
    let Driver { mut benches, .. } = driver;
    if done.is_ok() && tally.valid >= tally.wanted {
        done = tail::run(rig, stage, work, &mut benches).await;
    }
    if done.is_ok() && tally.valid >= tally.wanted {
        done = profile::of_rounds(rig, stage, work, &mut benches).await;
    }
    Bench::stop_all(benches, rig).await;
    done
}

/// Starts the builds of a turn in their order. If one does not start, the other is stopped again.
///
/// # Errors
/// Returns [`Halt::Failed`] naming the build, or [`Halt::Interrupted`].
async fn start(rig: &mut Rig<'_>, stage: &Stage, turn: u64, work: &LoadWork) -> Result<Vec<Bench>, Halt> {
    let order = builds(stage, turn);
    let mut benches = Vec::with_capacity(order.len());
    for (index, build) in (turn * order.len() as u64..).zip(order) {
        match Bench::start(rig, stage, (index, *build), Some(work)).await {
            Ok(bench) => benches.push(bench),
            Err(halt) => {
                Bench::stop_all(benches, rig).await;
                return Err(halt);
            }
        }
    }
    Ok(benches)
}

/// Warns if the arms do not speak TLS in the same way.
fn other_tls(negotiated: &[(Arm, Option<String>)]) -> Option<Warning> {
    let of = |wanted: Arm| negotiated.iter().find(|(arm, _)| *arm == wanted).map(|(_, tls)| tls.clone());
    let (direct, proxied) = (of(Arm::Direct)?, of(Arm::Proxied)?);
    (direct != proxied).then_some(Warning::OtherTls { direct, proxied })
}

/// Drives the rounds of one turn.
struct Driver<'r, 'p> {
    rig: &'r mut Rig<'p>,
    stage: &'r Stage,
    work: &'r LoadWork,
    turn: u64,
    benches: Vec<Bench>,
    until: u64,
    neighbours: Neighbours,
}

impl Driver<'_, '_> {
    async fn rounds(&mut self, tally: &mut Tally) -> Result<(), Halt> {
        self.preflight().await?;
        tally.begun = tally.begun.or_else(|| Some(Mono::now()));
        self.round(WARM_UP, tally.extent).await?;
        let mut index = WARM_UP + 1;
        while tally.valid < self.until {
            match self.round(index, tally.extent).await? {
                (RoundStatus::Valid, _) => tally.valid += 1,
                (_, true) => tally.disturbed += 1,
                (_, false) => tally.rejected += 1,
            }
            self.rig.emit(Event::Step { done: tally.stage.0 + tally.valid, of: tally.stage.1 });
            if tally.valid < self.until && tally.exhausted(tally.took()) {
                return Err(self.too_few(tally));
            }
            index += 1;
        }
        Ok(())
    }

    /// Sends one request of every kind through every arm. Both builds are tried, so that the reasons show whether only one of them
    /// answers wrongly.
    async fn preflight(&mut self) -> Result<(), Halt> {
        let mut wrong = Vec::new();
        for bench in &mut self.benches {
            let mut negotiated = Vec::new();
            for arm in arms(self.work, 0) {
                let answered = trial::preflight(self.rig, self.stage, bench, arm).await;
                match answered.map_err(|halt| named(self.rig, self.stage, bench.build, halt)) {
                    Err(Halt::Invalid(reasons)) => wrong.extend(reasons),
                    other => negotiated.push((arm, other?)),
                }
            }
            if let Some(warning) = other_tls(&negotiated) {
                self.rig.recorder.warn(warning);
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(Halt::Invalid(wrong)) }
    }

    /// Returns why the stage is not valid: the rules that its rounds violated, most frequent first, for each build.
    fn too_few(&self, tally: &Tally) -> Halt {
        let mut reasons = match self.rig.recorder.present_stage() {
            Some(stage) if tally.extent == Extent::Instance => {
                let instances: Vec<_> = stage.instances.last().cloned().into_iter().collect();
                rejected(&StageRecord { instances, ..StageRecord::default() })
            }
            Some(stage) if self.stage.compared => reasons_by_build(stage),
            Some(stage) => rejected(stage),
            None => Vec::new(),
        };
        reasons.extend(disturbers::reasons(&self.rig.recorder));
        let Tally { valid, wanted, .. } = *tally;
        let rejected = tally.rejected + tally.disturbed;
        reasons.push(Problem::TooFewRounds { valid, wanted, rejected }.into());
        Halt::Invalid(reasons)
    }

    /// Runs every arm of every build once and records the round. A violation on one build rejects the round of both, so
    /// that valid rounds stay pairs. An instance that is judged separately is at its end after any violation; in a stage,
    /// errors of the target are results, up to half of the requests.
    /// Returns its status, and whether the host was disturbed.
    async fn round(&mut self, index: u32, extent: Extent) -> Result<(RoundStatus, bool), Halt> {
        let warm_up = index == WARM_UP;
        let (mut rejected, mut disturbed, mut halted) = (None, false, None);
        let sequence = (self.turn << 32) + u64::from(index);
        for (build, arm) in order(self.stage, self.work, self.turn, u64::from(index) + self.rig.plan.scenario.seed) {
            let Some(bench) = self.benches.iter_mut().find(|bench| bench.build == build) else {
                return Err(Halt::tool(format!("no instance of the {} build is running", build.name())));
            };
            let of = if self.stage.compared { format!(" of {}", build.name()) } else { String::new() };
            let what = if warm_up { "warm-up round".to_owned() } else { format!("round {index}") };
            self.rig.emit(Event::Doing(format!("{what}{of}, {} arm", arm.name())));
            let trial = trial::run(self.rig, self.stage, self.work, bench, (arm, sequence)).await;
            let trial = trial.map_err(|halt| named(self.rig, self.stage, build, halt))?;
            let failed = match extent {
                Extent::Stage => rejecting(&trial.audit),
                Extent::Instance => trial.audit.iter().find(|check| !check.passed),
            };
            rejected = rejected.or_else(|| failed.cloned().map(|check| (check, of_two(self.stage, build))));
            disturbed |= is_disturbed(&trial);
            let failure = mostly_errors(&trial).filter(|_| extent == Extent::Stage);
            halted = failure.map(|failure| named(self.rig, self.stage, build, failure.into()));
            // The round is lost already, so its other trials would only cost time.
            let is_lost = !warm_up && rejecting(&trial.audit).is_some_and(|check| check.blame == Some(Blame::Host));
            self.rig.recorder.trial(bench.index, index, trial);
            if halted.is_some() || is_lost {
                break;
            }
        }
        if rejected.as_ref().is_some_and(|(check, _)| check.rule() == Rule::ForeignCpu) {
            let own: Vec<i32> = self.benches.iter().flat_map(Bench::own_processes).collect();
            self.neighbours.record(&mut self.rig.recorder, &own);
        }
        let status = match rejected {
            _ if warm_up => RoundStatus::WarmUp,
            _ if halted.is_some() => RoundStatus::Incomplete,
            Some(_) => RoundStatus::Rejected,
            None => RoundStatus::Valid,
        };
        for bench in &self.benches {
            self.rig.recorder.round(bench.index, index, status);
        }
        self.rig.emit(Event::Round { status, broken: rejected });
        halted.map_or(Ok((status, disturbed)), Err)
    }
}

/// Share of CPU time of others, or of the hypervisor, from which they can be why the generator was late.
const OTHERS: f64 = 0.02;

/// Returns whether the host, rather than the load, is why a trial violated a rule.
pub(crate) fn is_disturbed(trial: &TrialRecord) -> bool {
    let readings = &trial.readings;
    let others = readings.foreign_cpu().unwrap_or(0.0) + readings.steal().unwrap_or(0.0) >= OTHERS;
    trial.audit.iter().any(|check| match check.blame {
        Some(Blame::Host) => true,
        Some(Blame::Generator | Blame::Upstream) => others,
        _ => false,
    })
}

/// Returns the failure of a target that answered most requests of a trial wrongly or not at all.
fn mostly_errors(trial: &TrialRecord) -> Option<Failure> {
    let load = &trial.load;
    let mostly = trial.arm == Arm::Proxied && load.own_errors().saturating_mul(2) > load.scheduled;
    let (outcomes, example) = (load.outcomes, load.examples.first().cloned());
    mostly.then(|| Failure::new(Cause::MostlyErrors { outcomes, example }, Exit::TargetFailed))
}

/// Returns the rules that rounds violated, most frequent first.
fn rejected(stage: &StageRecord) -> Vec<Reason> {
    rejection::rejections(stage).into_iter().map(|rejection| Problem::Rejected(rejection).into()).collect()
}

/// Returns the rules that the rounds of each build violated.
fn reasons_by_build(stage: &StageRecord) -> Vec<Reason> {
    let of = |build: Build| {
        let own = stage.instances.iter().filter(|instance| instance.build == build);
        let instances: Vec<InstanceRecord> = own.cloned().collect();
        let reasons = rejected(&StageRecord { instances, ..StageRecord::default() });
        reasons.into_iter().map(move |reason| reason.within(Scope::Build { build, program: None }))
    };
    of(Build::Base).chain(of(Build::Head)).collect()
}

/// Returns the trials of a round in their order: all arms of one build, then all arms of the other. Two rounds mirror
/// each other, so that drift cancels between arms and between builds; the instances of the next turn begin with the
/// other build.
fn order(stage: &Stage, work: &LoadWork, turn: u64, round: u64) -> Vec<(Build, Arm)> {
    let arms = arms(work, round);
    let of = |build: &Build| arms.iter().map(|arm| (*build, *arm)).collect::<Vec<_>>();
    builds(stage, turn + round).iter().flat_map(of).collect()
}

/// Returns the arms of a round in their order: direct, proxied, proxied, direct, … so that drift cancels within two
/// rounds.
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
    use harness_load::pace::Pace;

    fn work(paired: bool) -> LoadWork {
        let (ramp, warmup, window) = (Nanos::ZERO, Nanos::from_millis(100), Nanos::from_secs(1));
        LoadWork {
            instances: 1,
            rounds: 10,
            pace: Pace::Closed { vus: 1 },
            connections: 1,
            ramp,
            warmup,
            window,
            paired,
            tail: Nanos::ZERO,
            per_connection: None,
        }
    }

    #[test]
    fn arms_alternate_who_goes_first() {
        let order: Vec<Arm> = (0..4).flat_map(|turn| arms(&work(true), turn)).collect();
        let (d, p) = (Arm::Direct, Arm::Proxied);
        assert_eq!(order, [d, p, p, d, d, p, p, d]);
        assert_eq!(arms(&work(false), 1), [p]);
    }

    fn stage(compared: bool) -> Stage {
        let text = "name = \"t\"\n[target.external]\npid = 2\n[target.endpoints]\nproxy = \"http://127.0.0.1:9\"\n\
                    [request]\npath = \"/\"\n[stage.capacity]\n";
        let scenario = crate::scenario::Scenario::parse(text, "t".as_ref(), "/".into(), &[]).unwrap();
        Stage { compared, ..scenario.stages[0].clone() }
    }

    #[test]
    fn two_rounds_mirror_each_other_and_the_next_instances_begin_with_the_other_build() {
        use {Arm::*, Build::*};
        let rounds = |turn| (0..2).flat_map(|round| order(&stage(true), &work(true), turn, round)).collect::<Vec<_>>();
        let there = [(Base, Direct), (Base, Proxied), (Head, Direct), (Head, Proxied)];
        let back = [(Head, Proxied), (Head, Direct), (Base, Proxied), (Base, Direct)];
        assert_eq!(rounds(0), [there, back].concat());
        let other = |(build, arm): &(Build, Arm)| (if *build == Base { Head } else { Base }, *arm);
        assert_eq!(rounds(1), rounds(0).iter().map(other).collect::<Vec<_>>());
        assert_eq!(order(&stage(false), &work(true), 1, 1), [(Head, Proxied), (Head, Direct)]);
    }

    #[test]
    fn builds_of_launches_alternate_who_goes_first() {
        let order: Vec<Build> = (0..4).flat_map(|turn| builds(&stage(true), turn)).copied().collect();
        let (b, h) = (Build::Base, Build::Head);
        assert_eq!(order, [b, h, h, b, b, h, h, b]);
        assert_eq!(builds(&stage(false), 1), [h]);
    }

    #[test]
    fn half_as_many_rounds_again_may_be_rejected() {
        let planned = Nanos::from_secs(60);
        let tally = |wanted, rejected| Tally {
            wanted,
            valid: 1,
            rejected,
            disturbed: 0,
            begun: None,
            planned,
            stage: (0, wanted),
            extent: Extent::Stage,
        };
        let now = Nanos::ZERO;
        assert!(!tally(10, 5).exhausted(now) && tally(10, 6).exhausted(now));
        assert!(!tally(7, 4).exhausted(now) && tally(7, 5).exhausted(now));
        assert!(!tally(10, 5).exhausted(Nanos::from_secs(240)), "four times as long as planned");
        assert!(tally(10, 5).exhausted(Nanos::from_secs(241)));
        let disturbed = |disturbed| Tally { valid: 0, disturbed, ..tally(10, 5) };
        assert!(!disturbed(20).exhausted(now) && disturbed(21).exhausted(now), "the host is never quiet");
    }
}
