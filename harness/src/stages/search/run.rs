//! Runs a search: the closed loop, then one probe after the other. The record of the probes so far decides the next rate, so a judge finds
//! the same answer in it.

mod slices;

use super::derive::{self, Next};
use super::facts::{Instance, Probe, Purpose};
use super::work::Work;
use crate::measure::Warning;
use crate::measure::reason::Problem;
use crate::measure::trial::Build;
use crate::run::bench::Bench;
use crate::run::disturbers::Neighbours;
use crate::run::event::Event;
use crate::run::halt::Halt;
use crate::run::rig::Rig;
use crate::work::Stage;
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use slices::{Done, Slices};

/// How often a probe gets the same number of instances again, at most, if it is undecided.
const BATCHES: u64 = 5;

/// Slices of the closed loop.
const CLOSED: u64 = 3;
/// Longest window of the closed loop.
const CLOSED_WINDOW: Nanos = Nanos::from_millis(500);

/// Runs the stage.
///
/// # Errors
/// Returns [`Halt::Invalid`] if the host disturbs a slice again and again, [`Halt::Failed`] if the target does not start or a tool fails, or
/// [`Halt::Interrupted`]. Earlier probes are recorded.
pub(crate) async fn run(rig: &mut Rig<'_>, stage: &Stage, work: &Work) -> Result<(), Halt> {
    if rig.plan.base.is_some() {
        rig.recorder.warn(Warning::HeadOnly);
    }
    let mut search = Search {
        stage,
        work,
        instances: 0,
        probes: 0,
        begun: Mono::now(),
        lost: Nanos::ZERO,
        neighbours: Neighbours::now(),
    };
    search.closed(rig).await?;
    while let Some(Next::Probe(purpose, rate)) = search.next(rig) {
        search.probe(rig, purpose, rate).await?;
        rig.emit(Event::Step { done: u64::from(search.probes), of: work.probes });
    }
    Ok(())
}

struct Search<'s> {
    stage: &'s Stage,
    work: &'s Work,
    /// Number of instances so far, which is the index of the next.
    instances: u32,
    /// Number of probes so far.
    probes: u32,
    begun: Mono,
    /// Time of slices that the host disturbed.
    lost: Nanos,
    neighbours: Neighbours,
}

impl Search<'_> {
    /// Returns what to do next, within the number of probes and the time.
    fn next(&self, rig: &Rig<'_>) -> Option<Next> {
        let in_time = self.batches_left();
        let left = self.work.probes.saturating_sub(u64::from(self.probes)).min(in_time);
        derive::next(rig.recorder.present_stage()?, left)
    }

    /// Returns how many batches of instances fit into the time that is left.
    fn batches_left(&self) -> u64 {
        let passed = Mono::now().since(self.begun).minus(self.lost);
        let batch = self.work.instance().times(self.work.load.instances);
        self.work.budget.minus(passed).0 / batch.0.max(1)
    }

    /// Measures the closed loop on both arms of one instance. Without it there is no rate to begin with.
    async fn closed(&mut self, rig: &mut Rig<'_>) -> Result<(), Halt> {
        rig.emit(Event::Doing("closed loop".to_owned()));
        let slices = Slices::closed(self.work, CLOSED, CLOSED_WINDOW);
        let done = self.instance(rig, Probe::default(), &slices).await?;
        match (done.gave_up, done.limited) {
            (Some(failure), _) => Err(failure.into()),
            (None, Some(check)) => Err(Halt::Invalid(vec![Problem::Broken(check).into()])),
            (None, None) => Ok(()),
        }
    }

    /// Tries a rate: on one instance, or on instances until it is decided or cannot be.
    async fn probe(&mut self, rig: &mut Rig<'_>, purpose: Purpose, rate: f64) -> Result<(), Halt> {
        self.probes += 1;
        let probe = Probe { number: self.probes, purpose, rate };
        rig.emit(Event::Doing(format!("probe {} at {}", self.probes, self.work.variable.show(rate))));
        let slices = Slices::at(self.work, rate);
        if purpose == Purpose::Bracket {
            let one = Slices { number: 1, direct: true, ..slices };
            return self.instance(rig, probe, &one).await.map(drop);
        }
        let batch = self.work.load.instances;
        for number in 0..batch * BATCHES {
            // One direct arm of each probe shows whether the rate is possible without the target.
            let done = self.instance(rig, probe, &Slices { direct: number == 0, ..slices.clone() }).await?;
            let is_whole = (number + 1).is_multiple_of(batch);
            if done.ends_probe() || (is_whole && !self.can_be_decided(rig, purpose)) {
                break;
            }
        }
        Ok(())
    }

    /// Returns whether more instances can decide the present probe, in the time that is left.
    fn can_be_decided(&self, rig: &Rig<'_>, purpose: Purpose) -> bool {
        // The confirmation needs a batch, too.
        let needed = if purpose == Purpose::Confirm { 1 } else { 2 };
        let most = self.values() * usize::try_from(BATCHES).unwrap_or(1);
        let probes = rig.recorder.present_stage().map(derive::probes).unwrap_or_default();
        self.batches_left() >= needed && probes.last().is_some_and(|probed| probed.can_be_decided(most))
    }

    /// Returns the number of values of one batch of instances.
    fn values(&self) -> usize {
        let instances = usize::try_from(self.work.load.instances).unwrap_or(1);
        let slices = usize::try_from(self.work.slices).unwrap_or(1);
        if instances >= derive::FEWEST_UNITS { instances } else { instances * slices }
    }

    /// Runs the slices on a fresh instance.
    async fn instance(&mut self, rig: &mut Rig<'_>, probe: Probe, slices: &Slices) -> Result<Done, Halt> {
        let index = self.instances;
        self.instances += 1;
        let mut bench = Bench::start(rig, self.stage, (index.into(), Build::Head), Some(&slices.load)).await?;
        let done = slices.run(rig, self.stage, &mut bench, &mut self.neighbours).await;
        let facts = match &done {
            Ok(done) => Instance { probe, limited: done.limited.clone(), gave_up: done.gave_up.clone() },
            Err(_) => Instance { probe, ..Instance::default() },
        };
        rig.recorder.instance_facts(index, facts);
        bench.stop(rig).await;
        let done = done?;
        self.lost = self.lost.plus(done.lost);
        Ok(done)
    }
}
