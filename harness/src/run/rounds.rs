//! Runs the rounds of one turn: starts an instance of each build, and measures until enough rounds are valid. Rejected
//! rounds are repeated.

mod order;
pub(crate) mod tally;

use super::bench::Bench;
use super::builds::{builds, named, of_two};
use super::disturbers::{self, Neighbours};
use super::event::Event;
use super::halt::Halt;
use super::profile;
use super::rig::Rig;
use super::scrape::Scraping;
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
use order::{arms, order};
pub(crate) use tally::{Extent, Tally};

/// Index of the warm-up round of an instance.
const WARM_UP: u32 = 0;

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
        let mut scraping = Scraping::begin(self.rig, self.stage, &self.benches).await?;
        let mut index = WARM_UP + 1;
        while tally.valid < self.until {
            let (status, is_disturbed) = self.round(index, tally.extent).await?;
            match (status, is_disturbed) {
                (RoundStatus::Valid, _) => tally.valid += 1,
                (_, true) => tally.disturbed += 1,
                (_, false) => tally.rejected += 1,
            }
            scraping.after(self.rig, self.stage, &self.benches, status).await?;
            self.rig.emit(Event::Step { done: tally.stage.0 + tally.valid, of: tally.stage.1 });
            if tally.valid < self.until && tally.exhausted(tally.took()) {
                return Err(self.too_few(tally));
            }
            index += 1;
        }
        scraping.end(self.rig, self.stage, &self.benches).await
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
        let is_foreign = rejected.as_ref().is_some_and(|(check, _)| check.rule() == Rule::ForeignCpu);
        if is_foreign && !self.rig.plan.is_in_pod() {
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
        Some(Blame::Instrument) => others && matches!(check.rule(), Rule::RelayLagP99 | Rule::Stall),
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
