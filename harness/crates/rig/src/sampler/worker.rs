//! The sampler's thread: decides when to read.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError};

use tokio::sync::oneshot;

use super::look::{Reset, Scene, with_costly};
use super::tree::Costly;
use super::watched::Watched;
use super::window::{Cost, Window};
use crate::threads::ThreadsUsage;
use crate::usage::{Reading, Series, ThreadUsage};
use harness_base::clock::{Mono, thread_cpu};
use harness_base::units::Nanos;

/// The time before an edge at which the tree is searched and costly values are read, so that the edge itself is read without delay.
pub(super) const LEAD: Nanos = Nanos::from_millis(20);
const TICK: Nanos = Nanos::from_millis(100);
/// The shortest window with readings between its edges. Shorter ones follow each other, so their edges are close enough.
const SHORTEST: Nanos = Nanos::from_millis(300);
/// The time between two searches of the tree.
const SLOW: Nanos = Nanos::from_secs(1);
/// For this long after a window, a search of the tree and costly values are recent enough for the start of the next one: slices follow each
/// other, and both together cost more than all other readings.
const RECENT: Nanos = Nanos::from_millis(100);

#[derive(Debug)]
pub(super) struct WindowRequest {
    pub(super) start: Mono,
    pub(super) end: Mono,
    pub(super) reply: oneshot::Sender<Window>,
}

#[derive(Debug)]
struct Job {
    request: WindowRequest,
    began: Option<Mono>,
    readings: Vec<Reading>,
    next: Step,
    at: Mono,
    slow: Mono,
    costly: Costly,
    reset: Reset,
    /// The target's threads at the start edge, and when they were read.
    before: Option<(Mono, Vec<ThreadUsage>)>,
    target_threads: Option<ThreadsUsage>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Prepare,
    Start,
    Tick,
    Close,
    End,
}

#[derive(Debug)]
pub(super) struct Worker {
    scene: Scene,
    queue: VecDeque<WindowRequest>,
    job: Option<Job>,
    /// When the last window ended, and the costly values at its end.
    last: Option<(Mono, Costly)>,
    ran: Nanos,
}

impl Worker {
    pub(super) fn new(watched: &Watched) -> Self {
        Self { scene: Scene::new(watched), queue: VecDeque::new(), job: None, last: None, ran: Nanos::ZERO }
    }

    /// Serves windows until the other end of `inbox` is gone.
    ///
    /// The wait for the next instant is a wait for orders with a deadline: it wakes as precisely as `clock_nanosleep`
    /// (both are the kernel's high-resolution timer, 50 µs slack), and an request that comes late is served at once.
    pub(super) fn run(mut self, inbox: &Receiver<WindowRequest>) -> Cost {
        loop {
            if self.job.is_none() {
                self.job = self.queue.pop_front().map(Job::new);
            }
            let request = match &self.job {
                Some(job) => inbox.recv_timeout(job.at.remaining().duration()),
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match request {
                Ok(request) => self.queue.push_back(request),
                Err(RecvTimeoutError::Timeout) => self.step(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.finish();
        Cost { cpu: thread_cpu(), ran: self.ran }
    }

    fn step(&mut self) {
        let Some(job) = &mut self.job else { return };
        if job.at > Mono::now() {
            return;
        }
        match job.next {
            Step::Prepare => job.prepare(&mut self.scene, self.last),
            Step::Start => job.start(&mut self.scene),
            Step::Tick => job.take_tick(&mut self.scene),
            Step::Close => job.close(&mut self.scene),
            Step::End => {
                self.last = Some((Mono::now(), job.end(&mut self.scene)));
                self.finish();
            }
        }
    }

    /// Returns the unfinished window.
    fn finish(&mut self) {
        let Some(job) = self.job.take() else { return };
        self.ran = self.ran.plus(job.began.map_or(Nanos::ZERO, |began| Mono::now().since(began)));
        let peak_rss_bytes = job.peak_bytes(&self.scene);
        // The receiver may have been dropped.
        drop(job.request.reply.send(Window {
            readings: Series(job.readings),
            peak_rss_bytes,
            target_threads: job.target_threads,
        }));
    }
}

impl Job {
    fn new(request: WindowRequest) -> Self {
        let at = Mono(request.start.0.saturating_sub(LEAD.0));
        let (slow, costly) = (request.start, Costly::default());
        Self {
            request,
            began: None,
            readings: Vec::new(),
            next: Step::Prepare,
            at,
            slow,
            costly,
            reset: Reset::default(),
            before: None,
            target_threads: None,
        }
    }

    fn prepare(&mut self, scene: &mut Scene, last: Option<(Mono, Costly)>) {
        let now = Mono::now();
        self.began = Some(now);
        self.costly = match last {
            Some((at, costly)) if now.since(at) <= RECENT => costly,
            _ => {
                scene.tree.refresh();
                scene.tree.costly()
            }
        };
        (self.next, self.at) = (Step::Start, self.request.start);
    }

    fn start(&mut self, scene: &mut Scene) {
        let mut reading = with_costly(scene.reading(true), self.costly);
        self.reset = scene.reset_peaks();
        if let Some(group) = reading.group.as_mut().filter(|_| self.reset.group) {
            // An earlier peak as large as one inside the window would hide it.
            group.memory_peak_bytes = scene.group_peak();
        }
        self.before = Some((Mono::now(), scene.tree.threads()));
        self.slow = reading.at.after(SLOW);
        self.readings.push(reading);
        self.schedule();
    }

    fn take_tick(&mut self, scene: &mut Scene) {
        let slow = Mono::now() >= self.slow;
        if slow {
            scene.tree.refresh();
            self.slow = self.slow.after(SLOW).max(Mono::now());
        }
        let reading = scene.reading(false);
        self.readings.push(if slow { with_costly(reading, scene.tree.costly()) } else { reading });
        self.schedule();
    }

    /// Searches the tree shortly before the end.
    fn close(&mut self, scene: &mut Scene) {
        scene.tree.refresh();
        (self.next, self.at) = (Step::End, self.request.end);
    }

    /// Reads the end edge. Returns its costly values.
    fn end(&mut self, scene: &mut Scene) -> Costly {
        let reading = scene.reading(true);
        self.target_threads = self.before.take().and_then(|(then, before)| scene.tree.threads_since(then, &before));
        let costly = scene.tree.costly();
        self.readings.push(with_costly(reading, costly));
        costly
    }

    /// Returns the next tick, or the end. Missed ticks are not caught up.
    fn schedule(&mut self) {
        let passed = Mono::now().since(self.request.start).0 / TICK.0;
        let tick = self.request.start.after(TICK.times(passed + 1));
        let close = Mono(self.request.end.0.saturating_sub(LEAD.0));
        let has_ticks = self.request.end.since(self.request.start) >= SHORTEST;
        (self.next, self.at) = if has_ticks && tick < close { (Step::Tick, tick) } else { (Step::Close, close) };
    }

    /// Returns the peak. The largest RSS of the readings covers processes that ended inside the window, whose VmHWM is lost.
    fn peak_bytes(&self, scene: &Scene) -> Option<u64> {
        let known = scene.tree.peak_bytes().filter(|_| self.reset.tree)?;
        self.readings.iter().filter_map(|reading| reading.target).map(|tree| tree.rss_bytes).chain([known]).max()
    }
}
