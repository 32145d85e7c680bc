//! The result of a sampled window.

use crate::threads::ThreadsUsage;
use crate::usage::{Reading, Series};
use harness_base::units::Nanos;

/// The readings of one window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window {
    /// From the start edge to the end edge, both included. Shorter where the sampler was stopped in between. The group's peak
    /// is reset before that of the first reading is taken, where the kernel permits it (version 2 from Linux 6.12 on).
    pub readings: Series<Reading>,
    /// Peak resident memory of the target inside the window in bytes: VmHWM, reset at the start edge; `None` when the
    /// kernel does not permit the reset or the target is gone at the end edge. Of a tree it is the sum over its
    /// processes, which is an upper bound: their peaks need not coincide and shared pages are counted in each.
    pub peak_rss_bytes: Option<u64>,
    /// What the target's threads did between the edges; `None` when the kernel does not report it, or the sampler was stopped before the
    /// end edge.
    pub target_threads: Option<ThreadsUsage>,
}

/// The CPU time of the sampler itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// CPU time of its thread.
    pub cpu: Nanos,
    /// Time it spent inside windows. Between them it sleeps, which would flatter the ratio.
    pub ran: Nanos,
}

impl Cost {
    /// Returns the CPU time ÷ time spent inside windows, as a share of one core; `None` before the first window.
    pub fn ratio(self) -> Option<f64> {
        (self.ran > Nanos::ZERO).then(|| self.cpu.0 as f64 / self.ran.0 as f64)
    }
}
