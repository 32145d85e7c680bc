//! Runs a soak: one instance and one long load. Every window is recorded when it ends, so that an abort loses at most
//! one.

mod gather;
mod series;

use std::collections::VecDeque;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use self::gather::Gathering;
use self::series::SeriesFile;
use super::derive;
use super::facts::{Instance, SoakWindow};
use super::work::Work;
use crate::measure::Slice;
use crate::measure::audit::rejecting;
use crate::measure::reason::Problem;
use crate::measure::trial::Build;
use crate::measure::{Arm, LoadFacts};
use crate::measure::{Failure, Reason, Warning};
use crate::measure::{RoundStatus, rejection};
use crate::run::bench::Bench;
use crate::run::event::Event;
use crate::run::halt::{Halt, Stop};
use crate::run::limits;
use crate::run::profile;
use crate::run::recorder::Recorder;
use crate::run::relays;
use crate::run::rig::Rig;
use crate::run::trial::{self, Measured};
use crate::work::Stage;
use harness_base::clock::Mono;
use harness_base::exit::Exit;
use harness_base::units::Nanos;
use harness_load::frames::TrialOrder;
use harness_load::{Generator, LoadEngine, LoadEvent};
use harness_rig::sampler::{Pending, Window};

/// Largest piece of a window that is sampled at once. Its readings are folded into the window when it ends.
const PIECE: Nanos = Nanos::from_secs(5);

/// Index of the only instance and its only trial.
const INSTANCE: u32 = 0;
const ROUND: u32 = 1;

/// Runs the soak.
///
/// # Errors
/// Returns [`Halt::Invalid`] if its windows are not usable or the audit of the whole load fails, [`Halt::Failed`] if
/// the target or a tool fails, or [`Halt::Interrupted`]. Earlier windows are recorded.
pub(crate) async fn run(rig: &mut Rig<'_>, stage: &Stage, work: &Work) -> Result<(), Halt> {
    if rig.plan.base.is_some() {
        rig.recorder.warn(Warning::HeadOnly);
    }
    let mut bench = Bench::start(rig, stage, (INSTANCE.into(), Build::Head), Some(&work.load)).await?;
    let mut done = watched(rig, stage, work, &mut bench).await;
    if done.is_ok() {
        done = profile::window(rig, stage, &work.load, &mut bench).await;
    }
    bench.stop(rig).await;
    done?;
    let recorded = rig.recorder.present_stage();
    let rejected = recorded.map(rejection::rejections).unwrap_or_default();
    let flaws = recorded.map(derive::faults).unwrap_or_default();
    let problems = rejected.into_iter().map(Problem::Rejected).chain(flaws);
    let reasons: Vec<Reason> = problems.map(Reason::from).collect();
    if reasons.is_empty() { Ok(()) } else { Err(Halt::Invalid(reasons)) }
}

/// Drives the load to its end and audits all of it.
async fn watched(rig: &mut Rig<'_>, stage: &Stage, work: &Work, bench: &mut Bench) -> Result<(), Halt> {
    trial::preflight(rig, stage, bench, Arm::Proxied).await?;
    bench.drive(&rig.interrupt, async |generator| generator.open(Arm::Proxied).await).await?;
    let before = trial::hits(bench, &stage.requests).await?;
    let relayed = bench.relay_counts().await?;
    let begun = Mono::now().after(rig.lead());
    let mut watch = Watch::new(work, bench, begun);
    let load = match watch.follow(rig, stage, work, bench).await {
        Ok(load) => load,
        Err(halt) => return Err(watch.cut_short(rig, stage, bench, halt)),
    };
    let after = trial::hits(bench, &stage.requests).await?;
    let ledger = trial::ledger_of(before, after, &load);
    let relays = relays::between(&relayed, &bench.relay_counts().await?, &load);
    let window = Window { readings: watch.whole.edges(), peak_rss_bytes: None, target_threads: None };
    let measured = Measured { arm: Arm::Proxied, load, window, ledger, relays };
    let trial = trial::judge(stage, &work.load, bench, measured);
    let failed = rejecting(&trial.audit).cloned();
    let status = if failed.is_none() { RoundStatus::Valid } else { RoundStatus::Rejected };
    rig.recorder.trial(INSTANCE, ROUND, trial);
    rig.recorder.round(INSTANCE, ROUND, status);
    rig.emit(Event::Round { status, broken: failed.map(|check| (check, None)) });
    Ok(())
}

struct Watch {
    begun: Mono,
    warmup: Nanos,
    window: Nanos,
    windows: u64,
    /// Pieces that are still to be sampled, and whether each is the last of its window.
    pieces: VecDeque<(Pending, bool)>,
    /// The window in progress, or the one after the last.
    index: u64,
    gathered: Gathering,
    /// The readings of the whole soak, of which the first and the last are kept.
    whole: Gathering,
    heard: Heard,
    series: SeriesFile,
}

/// The reports of the generator so far.
#[derive(Default)]
struct Heard {
    /// Valid completions and errors of the window in progress.
    ok: u64,
    errors: u64,
    /// Windows that are not recorded yet.
    slices: VecDeque<Slice>,
}

impl Watch {
    /// Announces every piece; the sampler takes one after the other.
    fn new(work: &Work, bench: &Bench, begun: Mono) -> Self {
        let (warmup, window, windows) = (work.load.warmup, work.window, work.windows());
        let first = begun.after(warmup);
        let each = window.0.div_ceil(PIECE.0).max(1);
        let edge = |piece: u64| first.after(window.times(piece / each)).after(Nanos(window.0 / each * (piece % each)));
        let order = |piece: u64| (bench.ahead(edge(piece), edge(piece + 1)), (piece + 1).is_multiple_of(each));
        let pieces = (0..windows * each).map(order).collect();
        let (gathered, whole) = (Gathering::default(), Gathering::default());
        Self {
            begun,
            warmup,
            window,
            windows,
            pieces,
            index: 0,
            gathered,
            whole,
            heard: Heard::default(),
            series: SeriesFile::default(),
        }
    }

    /// Drives the load and records each window as it ends.
    async fn follow(
        &mut self,
        rig: &mut Rig<'_>,
        stage: &Stage,
        work: &Work,
        bench: &mut Bench,
    ) -> Result<LoadFacts, Halt> {
        let order = TrialOrder { slice: Some(work.window), ..trial::order(&work.load, Arm::Proxied, self.begun) };
        let Rig { interrupt, recorder, events, .. } = rig;
        let drive = async |generator: &mut Generator| {
            let (report, reported) = unbounded_channel();
            let load = driven(generator, order, report);
            let windows = self.record(reported, stage, recorder, &mut **events);
            match tokio::try_join!(load, windows) {
                Ok((load, ())) => Ok(Ok(load)),
                Err(Stop::Load(error)) => Err(error),
                Err(Stop::Halt(halt)) => Ok(Err(halt)),
            }
        };
        bench.drive(interrupt, drive).await?
    }

    /// Waits for the readings of each window and for the counts of the generator.
    async fn record(
        &mut self,
        mut reported: UnboundedReceiver<LoadEvent>,
        stage: &Stage,
        recorder: &mut Recorder,
        events: &mut (dyn FnMut(Event) + Send),
    ) -> Result<(), Stop> {
        while let Some((pending, last)) = self.pieces.front_mut() {
            let last = *last;
            events(Event::Doing(format!("window {} of {}", self.index + 1, self.windows)));
            let piece = loop {
                tokio::select! {
                    piece = pending.finish() => break piece,
                    Some(reported) = reported.recv() => self.heard.take(reported, events),
                }
            };
            self.pieces.pop_front();
            limits::none_killed(&piece.readings, &stage.limits).map_err(Stop::Halt)?;
            self.gathered.add(&piece.readings);
            self.whole.add(&piece.readings);
            if last {
                let window = self.end(&mut reported, events).await;
                self.series.record(recorder, stage, window);
                events(Event::Step { done: self.index, of: self.windows });
            }
        }
        Ok(())
    }

    /// Ends the window in progress, whose readings are complete, when the generator has reported it.
    async fn end(
        &mut self,
        reported: &mut UnboundedReceiver<LoadEvent>,
        events: &mut (dyn FnMut(Event) + Send),
    ) -> SoakWindow {
        while self.heard.slices.is_empty()
            && let Some(reported) = reported.recv().await
        {
            self.heard.take(reported, events);
        }
        let slice = self.heard.slices.pop_front();
        let window = self.present(self.window);
        self.index += 1;
        let Some(Slice { outcomes, response, .. }) = slice else {
            // The generator ended early, and reports that itself.
            return window;
        };
        let errors = outcomes.total() - outcomes.ok;
        SoakWindow { whole: true, ok: outcomes.ok, errors, outcomes: Some(outcomes), response, ..window }
    }

    /// Takes the values of the window in progress, of which `length` has passed.
    fn present(&mut self, length: Nanos) -> SoakWindow {
        let (ok, errors) = (std::mem::take(&mut self.heard.ok), std::mem::take(&mut self.heard.errors));
        let (index, from) = (self.index, self.from());
        let window = SoakWindow { index, from_ns: from.0, length_ns: length.0, ok, errors, ..SoakWindow::default() };
        std::mem::take(&mut self.gathered).fill(window)
    }

    /// Returns the start of the window in progress, relative to the begin of the load.
    fn from(&self) -> Nanos {
        self.warmup.plus(self.window.times(self.index))
    }

    /// Records the incomplete window in which the soak ended, and its time.
    fn cut_short(&mut self, rig: &mut Rig<'_>, stage: &Stage, bench: &mut Bench, halt: Halt) -> Halt {
        let after = Mono::now().since(self.begun);
        if bench.gone().is_some() {
            rig.recorder.instance_facts(INSTANCE, Instance { died_ns: Some(after.0), windows: Vec::new() });
        }
        let passed = after.minus(self.from()).min(self.window);
        if self.index < self.windows && passed > Nanos::ZERO {
            let window = self.present(passed);
            self.series.record(&mut rig.recorder, stage, window);
        }
        // Readings of the piece in which it ended stay with the instance.
        bench.leave(self.pieces.pop_front().map(|(pending, _)| pending));
        match halt {
            Halt::Failed(failure) if failure.exit == Exit::TargetFailed => {
                Halt::from(Failure { after_ns: Some(after.0), ..*failure })
            }
            other => other,
        }
    }
}

impl Heard {
    fn take(&mut self, reported: LoadEvent, events: &mut (dyn FnMut(Event) + Send)) {
        match reported {
            LoadEvent::Second(second) => {
                self.ok += second.ok;
                self.errors += second.errors;
                events(Event::Second(Arm::Proxied, second));
            }
            LoadEvent::Slice(slice) => self.slices.push_back(slice),
        }
    }
}

/// Drives the load to its end; reports of the generator go to `report`.
async fn driven(
    generator: &mut Generator,
    order: TrialOrder,
    report: UnboundedSender<LoadEvent>,
) -> Result<LoadFacts, Stop> {
    // The receiver is dropped only when the soak is abandoned, which ends this function too.
    let reported = |reported: LoadEvent| {
        let _ = report.send(reported);
    };
    generator.follow(order, reported).await.map_err(Stop::Load)
}
