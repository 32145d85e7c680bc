//! Plans the faults: an instance and a load for each.

use super::facts::{FaultKind, Planned, Stage};
use crate::measure::facts::StageFacts;
use crate::work::load::{GAP, LAUNCH, LoadWork};
use crate::work::planned::StageWork;
use harness_base::units::Nanos;

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
    /// The faults, in the order in which they are caused.
    pub planned: Vec<Planned>,
}

impl Work {
    /// Returns the length of the window of a fault. A target that was stopped is not waited for.
    pub fn window(&self, kind: FaultKind) -> Nanos {
        let until = self.before.plus(self.fault);
        if kind == FaultKind::Stop { until } else { until.plus(self.after) }
    }

    /// Returns the load under which a fault is made.
    pub fn load_of(&self, kind: FaultKind) -> LoadWork {
        LoadWork { window: self.window(kind), ..self.load.clone() }
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
            format!("{} ({}){skipped}", planned.kind.name(), planned.expect.name())
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
        let one = |kind| LAUNCH.plus(self.load.warmup).plus(self.window(kind)).plus(GAP);
        self.possible().map(one).fold(Nanos::ZERO, Nanos::plus)
    }

    /// Shortens it, except the time to recover, which is part of the expectation.
    fn shorten(&mut self) {
        self.before = self.before.min(QUICK_PART);
        self.fault = self.fault.min(QUICK_PART);
        self.after = self.after.min(self.recover.plus(QUICK_PART));
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
            planned: self.planned.clone(),
        }
        .into()
    }
}
