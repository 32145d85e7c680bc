//! Plans the faults: an instance and a load for each.

use super::facts::{FaultKind, Planned, Stage};
use crate::measure::facts::StageFacts;
use crate::work::load::{GAP, LAUNCH, LoadWork};
use crate::work::planned::StageWork;
use harness_base::units::{Bytes, Nanos};
use harness_load::asked_stream::AskedStream;
use harness_load::pace::Pace;

/// Time from one event of a stream to the next, about.
const EVENT: Nanos = Nanos::from_millis(20);

/// Time after SIGTERM in which users still ask for streams, which a stopped target refuses.
const AFTER_STREAMS: Nanos = Nanos::from_millis(50);

/// Longest part of a fault's window with `--quick`.
const QUICK_PART: Nanos = Nanos::from_millis(500);

#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// The load; its window is as long as that of a fault that ends.
    pub load: LoadWork,
    pub before: Nanos,
    pub fault: Nanos,
    pub after: Nanos,
    /// Time after a fault within which every request must be answered again.
    pub recover: Nanos,
    /// A request without a complete answer by then hangs.
    pub timeout: Nanos,
    /// Delay of every answer of a slow upstream.
    pub slow: Nanos,
    pub readers: u64,
    /// Streams that are open when the target is stopped.
    pub streams: u64,
    /// Mean length of these streams.
    pub stream: Nanos,
    /// The faults, in the order in which they are caused.
    pub planned: Vec<Planned>,
}

impl Work {
    /// Returns the length of the window of a fault. A target that was stopped is not waited for.
    pub fn window(&self, kind: FaultKind) -> Nanos {
        match kind {
            FaultKind::StopStreams => self.before.plus(AFTER_STREAMS),
            FaultKind::Stop => self.before.plus(self.fault),
            _ => self.before.plus(self.fault).plus(self.after),
        }
    }

    /// Returns the load under which a fault is made. Users that read streams join over the length of one, so that their streams end at
    /// different times.
    pub fn load_of(&self, kind: FaultKind) -> LoadWork {
        let window = self.window(kind);
        if kind == FaultKind::StopStreams {
            let pace = Pace::Closed { vus: self.streams };
            return LoadWork { ramp: self.stream, ..LoadWork::one_round(pace, self.streams, self.stream, window) };
        }
        LoadWork { window, ..self.load.clone() }
    }

    /// Returns the streams that the upstream is asked for.
    pub fn asked_stream(&self) -> AskedStream {
        let events = (self.stream.0 / EVENT.0).max(2);
        AskedStream { events, interval: Nanos(self.stream.0 / events), size: Bytes(64), leave_after: None }
    }

    /// Returns the faults that can be made here.
    pub fn possible(&self) -> impl Iterator<Item = FaultKind> + '_ {
        self.planned.iter().filter(|planned| planned.skipped.is_none()).map(|planned| planned.kind)
    }
}

impl StageWork for Work {
    fn describe(&self) -> String {
        let name = |planned: &Planned| {
            let skipped = if planned.skipped.is_some() { " (skipped)" } else { "" };
            let streams = match planned.kind {
                FaultKind::StopStreams => format!(" with {} streams of {}", self.streams, self.stream.notation()),
                _ => String::new(),
            };
            format!("{} ({}){streams}{skipped}", planned.kind.name(), planned.expect.name())
        };
        let names: Vec<String> = self.planned.iter().map(name).collect();
        format!(
            "{} under {}; {} before each, {} long, {} after; everything answered again within {}, none without an answer for {}",
            names.join(", "),
            self.load.describe_pace(),
            self.before.notation(),
            self.fault.notation(),
            self.after.notation(),
            self.recover.notation(),
            self.timeout.notation()
        )
    }

    fn duration(&self) -> Nanos {
        let one = |kind| {
            let load = self.load_of(kind);
            // The streams that are open at the end of the window, and those of the preflight.
            let streams = if kind == FaultKind::StopStreams { self.stream.times(2) } else { Nanos::ZERO };
            LAUNCH.plus(load.warmup).plus(load.window).plus(streams).plus(GAP)
        };
        self.possible().map(one).fold(Nanos::ZERO, Nanos::plus)
    }

    /// Shortens it, except the time to recover, which is part of the expectation.
    fn shorten(&mut self) {
        self.before = self.before.min(QUICK_PART);
        self.fault = self.fault.min(QUICK_PART);
        self.after = self.after.min(self.recover.plus(QUICK_PART));
        self.stream = self.stream.min(QUICK_PART);
        self.load.window = self.before.plus(self.fault).plus(self.after);
    }

    fn wanted(&self) -> u64 {
        self.possible().count() as u64
    }

    fn load(&self) -> Option<&LoadWork> {
        Some(&self.load)
    }

    fn compares(&self) -> bool {
        false
    }

    fn needs_headroom(&self) -> bool {
        false
    }

    fn facts(&self) -> StageFacts {
        Stage {
            before_ns: self.before.0,
            fault_ns: self.fault.0,
            after_ns: self.after.0,
            recover_ns: self.recover.0,
            timeout_ns: self.timeout.0,
            slow_ns: self.slow.0,
            readers: self.readers,
            streams: self.streams,
            stream_ns: self.stream.0,
            planned: self.planned.clone(),
        }
        .into()
    }
}
