//! Reduces the readings of a window to the recorded values, piece by piece, so that hours of readings are never held in
//! memory.

use crate::stages::soak::facts::{Level, SoakWindow};
use harness_rig::usage::{Reading, Series};

/// Values of the readings so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Gathering {
    first: Option<Reading>,
    last: Option<Reading>,
    processes: u32,
    rss: Option<Level>,
    pss: Option<Level>,
    descriptors: Option<Level>,
    threads: Option<Level>,
}

impl Gathering {
    /// Adds the readings of the next piece.
    pub(super) fn add(&mut self, readings: &Series<Reading>) {
        for reading in &readings.0 {
            let Some(target) = reading.target else { continue };
            self.processes = self.processes.max(target.processes);
            widen(&mut self.rss, Some(target.rss_bytes));
            widen(&mut self.pss, target.pss_bytes);
            widen(&mut self.descriptors, target.descriptors.map(u64::from));
            widen(&mut self.threads, Some(target.threads.into()));
        }
        if self.first.is_none() {
            self.first = readings.0.first().cloned();
        }
        if let Some(last) = readings.0.last() {
            self.last = Some(last.clone());
        }
    }

    /// Returns the first and the last reading, from which rates are computed.
    pub(super) fn edges(&self) -> Series<Reading> {
        Series(self.first.iter().chain(&self.last).cloned().collect())
    }

    /// Fills in the values that were read in the window.
    #[must_use]
    pub(super) fn fill(&self, window: SoakWindow) -> SoakWindow {
        let edges = self.edges();
        SoakWindow {
            processes: self.processes,
            rss: self.rss,
            pss: self.pss,
            descriptors: self.descriptors,
            threads: self.threads,
            cpu_ns: edges.target_cpu_ns(),
            throttled_ratio: edges.group_delta().and_then(|used| used.throttled_share()),
            steal_ratio: edges.steal(),
            foreign_cpu_ratio: edges.foreign_cpu(),
            generator_rss_bytes: self.last.as_ref().and_then(|last| Some(last.generator.as_ref()?.rss_bytes)),
            ..window
        }
    }
}

fn widen(level: &mut Option<Level>, value: Option<u64>) {
    let Some(value) = value else { return };
    let known = level.unwrap_or(Level { trough: value, peak: value });
    *level = Some(Level { trough: known.trough.min(value), peak: known.peak.max(value) });
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_base::clock::Mono;
    use harness_rig::usage::{HostUsage, ProcessUsage, TreeUsage};

    fn reading(second: u64, rss: u64, pss: Option<u64>) -> Reading {
        Reading {
            at: Mono(second * 1_000_000_000),
            target: Some(TreeUsage {
                processes: 1,
                threads: 4,
                cpu_ns: second * 100,
                rss_bytes: rss,
                pss_bytes: pss,
                descriptors: pss.map(|_| 30 + second as u32),
                ..TreeUsage::default()
            }),
            generator: Some(ProcessUsage { rss_bytes: 7_000 + second, ..ProcessUsage::default() }),
            host: HostUsage { steal_ns: second, total_ns: second * 10, ..HostUsage::default() },
            ..Reading::default()
        }
    }

    #[test]
    fn pieces_together_are_one_window() {
        let mut gathered = Gathering::default();
        gathered.add(&Series(vec![reading(0, 50, Some(40)), reading(1, 90, None)]));
        gathered.add(&Series(vec![reading(1, 60, Some(45)), reading(2, 55, Some(44))]));
        let window = gathered.fill(SoakWindow { index: 3, whole: true, ..SoakWindow::default() });
        assert_eq!((window.index, window.whole, window.processes), (3, true, 1));
        assert_eq!(window.rss, Some(Level { trough: 50, peak: 90 }));
        assert_eq!(window.pss, Some(Level { trough: 40, peak: 45 }));
        assert_eq!(window.descriptors, Some(Level { trough: 30, peak: 32 }));
        assert_eq!((window.cpu_ns, window.steal_ratio), (Some(200), Some(0.1)));
        assert_eq!((window.generator_rss_bytes, window.throttled_ratio), (Some(7_002), None));
    }

    #[test]
    fn a_value_that_was_never_read_is_absent() {
        let mut gathered = Gathering::default();
        gathered.add(&Series(vec![Reading::default(), Reading::default()]));
        let window = gathered.fill(SoakWindow::default());
        assert_eq!((window.rss, window.descriptors, window.cpu_ns), (None, None, None));
        assert_eq!(Gathering::default().edges(), Series(Vec::new()));
    }
}
