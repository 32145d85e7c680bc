//! Plans a soak: one instance and one long load, divided into windows.

use super::facts::{Budget, FEWEST_WINDOWS, Floors, Stage};
use crate::measure::facts::StageFacts;
use crate::work::load::{LAUNCH, LoadWork};
use crate::work::planned::StageWork;
use harness_base::units::{Bytes, BytesPerDay, CountPerDay, Nanos, Ratio};

/// Warm-up and window of `--quick`.
const QUICK_WARMUP: Nanos = Nanos::from_secs(1);
const QUICK_WINDOW: Nanos = Nanos::from_secs(1);

#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// The load; its window is the whole soak.
    pub load: LoadWork,
    /// Length of one window, in whole seconds.
    pub window: Nanos,
    pub budget: Budget,
    /// Changes up to these values never count.
    pub min_abs: Floors,
}

impl Work {
    pub fn windows(&self) -> u64 {
        self.load.window.0 / self.window.0.max(1)
    }
}

impl StageWork for Work {
    fn describe(&self) -> String {
        let Self { load, window, budget, min_abs } = self;
        format!(
            "{} of {}, warm-up {}, {} windows of {}; budget: memory {} beyond {}, descriptors {} beyond {}, threads {} beyond {}, \
             p99 +{} beyond {}, rate -{}",
            load.window.notation(),
            load.describe_pace(),
            load.warmup.notation(),
            self.windows(),
            window.notation(),
            BytesPerDay(budget.memory_bytes_per_day),
            Bytes(min_abs.memory_bytes),
            CountPerDay(budget.descriptors_per_day),
            min_abs.descriptors,
            CountPerDay(budget.threads_per_day),
            min_abs.threads,
            Ratio(budget.p99_ratio).notation(),
            Nanos(min_abs.p99_ns).notation(),
            Ratio(budget.rate_ratio).notation()
        )
    }

    fn duration(&self) -> Nanos {
        LAUNCH.plus(self.load.warmup).plus(self.load.window)
    }

    /// Keeps the smallest number of windows that has a slope. Such a short run detects only large leaks, and reports
    /// how large.
    fn shorten(&mut self) {
        self.load.warmup = self.load.warmup.min(QUICK_WARMUP);
        self.load.ramp = self.load.ramp.min(self.load.warmup);
        self.window = QUICK_WINDOW;
        self.load.window = self.load.window.min(QUICK_WINDOW.times(FEWEST_WINDOWS));
    }

    fn wanted(&self) -> u64 {
        self.windows()
    }

    fn load(&self) -> Option<&LoadWork> {
        Some(&self.load)
    }

    fn compares(&self) -> bool {
        false
    }

    fn is_profiled(&self) -> bool {
        true
    }

    fn runs_on_fleet(&self) -> bool {
        true
    }

    fn facts(&self) -> StageFacts {
        Stage { window_ns: self.window.0, warmup_ns: self.load.warmup.0, budget: self.budget, min_abs: self.min_abs }
            .into()
    }
}
