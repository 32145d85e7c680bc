//! The use of resources by processes. Raw counters and levels at an instant are recorded; rates are derived here later.

use serde::{Deserialize, Serialize};

use super::group::GroupUsage;
use harness_base::clock::Mono;

/// A target's process tree at an instant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TreeUsage {
    pub processes: u32,
    pub threads: u32,
    /// CPU time of every process of the tree seen so far, ended ones included, in nanoseconds. Never falls.
    pub cpu_ns: u64,
    /// Sum of VmRSS in bytes. Pages shared by several processes are in it more than once.
    pub rss_bytes: u64,
    /// Sum of PSS in bytes: shared pages counted once. Read at 1 Hz, so absent in most readings.
    pub pss_bytes: Option<u64>,
    /// Open descriptors, where they may be counted.
    pub descriptors: Option<u32>,
    /// Voluntary context switches of the live processes' main threads so far.
    pub voluntary_switches: u64,
    /// Involuntary context switches of the live processes' main threads so far.
    pub involuntary_switches: u64,
    /// Page faults so far for which a page had to be read from a disk; children that ended are counted once they were waited
    /// for. Read at 1 Hz, so absent in most readings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub major_faults: Option<u64>,
}

/// One thread's time so far, from `schedstat`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ThreadUsage {
    pub tid: i32,
    /// Time on a CPU in nanoseconds.
    pub on_cpu_ns: u64,
    /// Time runnable but waiting for a CPU, in nanoseconds.
    pub waiting_ns: u64,
}

/// One of our own processes (generator, upstream) at an instant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ProcessUsage {
    /// CPU time so far in nanoseconds.
    pub cpu_ns: u64,
    /// VmRSS in bytes.
    pub rss_bytes: u64,
    /// Its threads; only in the readings at a window's edges.
    pub threads: Option<Vec<ThreadUsage>>,
}

/// The CPUs that harness and target may use at an instant, from `/proc/stat`, in nanoseconds summed over them (10 ms resolution).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HostUsage {
    /// Time that was neither idle nor stolen.
    pub busy_ns: u64,
    /// The time that the hypervisor gave to other machines.
    pub steal_ns: u64,
    /// All time: wall clock × CPUs.
    pub total_ns: u64,
    /// Time so far for which the CPU quotas of the harness' own control group and of those above it throttled them, summed over CPUs.
    /// Absent without a quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttled_ns: Option<u64>,
    /// Wall-clock time so far in which at least one task of the host waited for memory. Only in the readings at a window's edges,
    /// and absent if the kernel does not account it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_stall_ns: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Reading {
    pub at: Mono,
    /// The target; absent after its end.
    pub target: Option<TreeUsage>,
    pub generator: Option<ProcessUsage>,
    /// The upstream, if it is ours.
    pub upstream: Option<ProcessUsage>,
    /// CPU time of the control process, the keeper, the relays and the process that plays foreign hosts so far, in nanoseconds.
    pub control_cpu_ns: u64,
    pub host: HostUsage,
    /// The target's control group, where it has one of its own. It outlives the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupUsage>,
}

/// Readings in the order they were taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
#[cfg_attr(feature = "schema", schemars(inline))]
pub struct Series<T>(pub Vec<T>);

impl<T> Default for Series<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// Two readings of nanosecond counters farther apart than this have a gap between them, in nanoseconds.
pub const GAP_NS: u64 = 1_000_000_000;

impl Series<Reading> {
    /// Returns the first and last reading, if there are two.
    pub fn edges(&self) -> Option<(&Reading, &Reading)> {
        match self.0.as_slice() {
            [first, .., last] => Some((first, last)),
            _ => None,
        }
    }

    /// Returns the time between first and last reading in nanoseconds.
    pub fn span_ns(&self) -> Option<u64> {
        self.edges().map(|(first, last)| last.at.since(first.at).0).filter(|span| *span > 0)
    }

    /// Returns the CPU time of the target between first and last reading, in nanoseconds. `None` when it had ended at either.
    pub fn target_cpu_ns(&self) -> Option<u64> {
        let (first, last) = self.edges()?;
        last.target?.cpu_ns.checked_sub(first.target?.cpu_ns)
    }

    /// Returns the CPU time of one of our own processes between first and last reading, in nanoseconds.
    pub fn own_cpu_ns(&self, of: impl Fn(&Reading) -> Option<&ProcessUsage>) -> Option<u64> {
        let (first, last) = self.edges()?;
        of(last)?.cpu_ns.checked_sub(of(first)?.cpu_ns)
    }

    /// Returns for which share of the time the thread of one of our own processes that waited most was runnable without a CPU (0 to 1).
    pub fn waiting(&self, of: impl Fn(&Reading) -> Option<&ProcessUsage>) -> Option<f64> {
        let (first, last) = self.edges()?;
        let (before, after) = (of(first)?.threads.as_ref()?, of(last)?.threads.as_ref()?);
        let waited = after.iter().filter_map(|thread| {
            let then = before.iter().find(|then| then.tid == thread.tid)?;
            thread.waiting_ns.checked_sub(then.waiting_ns)
        });
        Some(waited.max()? as f64 / self.span_ns()? as f64)
    }

    /// Returns the number of CPUs that harness and target may use: all their CPU time ÷ wall time.
    pub fn host_cpus(&self) -> Option<f64> {
        let (first, last) = self.edges()?;
        let total = last.host.total_ns.checked_sub(first.host.total_ns)?;
        Some((total as f64 / self.span_ns()? as f64).round().max(1.0))
    }

    /// Returns for how long the harness' own CPU quota throttled it ÷ the length of the window, summed over CPUs, so it may exceed 1. `None`
    /// without a quota.
    pub fn throttled(&self) -> Option<f64> {
        let (first, last) = self.edges()?;
        let throttled = last.host.throttled_ns?.checked_sub(first.host.throttled_ns?)?;
        Some(throttled as f64 / self.span_ns()? as f64)
    }

    /// Returns all CPU time of the host in the window; `None` when none passed.
    fn host_total_ns(&self) -> Option<u64> {
        let (first, last) = self.edges()?;
        last.host.total_ns.checked_sub(first.host.total_ns).filter(|total| *total > 0)
    }

    /// Returns the time that was neither idle nor stolen. Idle time has steps of 10 ms, so a short idle window can seem to have less than
    /// none.
    fn host_busy_ns(&self) -> Option<u64> {
        let (first, last) = self.edges()?;
        Some(last.host.busy_ns.saturating_sub(first.host.busy_ns))
    }

    /// Returns the share of all CPU time the hypervisor took (0 to 1).
    pub fn steal(&self) -> Option<f64> {
        let (first, last) = self.edges()?;
        let total = self.host_total_ns()?;
        Some(last.host.steal_ns.checked_sub(first.host.steal_ns)? as f64 / total as f64)
    }

    /// Returns the share of all CPU time in which a CPU had nothing to do (0 to 1).
    pub fn idle(&self) -> Option<f64> {
        let (first, last) = self.edges()?;
        let total = self.host_total_ns()?;
        let busy = self.host_busy_ns()?;
        let steal = last.host.steal_ns.checked_sub(first.host.steal_ns)?;
        Some(total.saturating_sub(busy + steal) as f64 / total as f64)
    }

    /// Returns the share of the window in which at least one task of the host waited for memory (0 to 1).
    pub fn memory_stall(&self) -> Option<f64> {
        let (first, last) = self.edges()?;
        let stalled = last.host.memory_stall_ns?.checked_sub(first.host.memory_stall_ns?)?;
        Some(stalled as f64 / self.span_ns()? as f64)
    }

    /// Returns the number of pages that the target had read from a disk because it needed them.
    pub fn major_faults(&self) -> Option<u64> {
        let (first, last) = self.edges()?;
        last.target?.major_faults?.checked_sub(first.target?.major_faults?)
    }

    /// Returns the share of all CPU time used by processes that are not part of the measurement (0 to 1).
    pub fn foreign_cpu(&self) -> Option<f64> {
        let (first, last) = self.edges()?;
        let total = self.host_total_ns()?;
        let busy = self.host_busy_ns()?;
        let generator = self.own_cpu_ns(|reading| reading.generator.as_ref()).unwrap_or(0);
        let upstream = self.own_cpu_ns(|reading| reading.upstream.as_ref()).unwrap_or(0);
        let control = last.control_cpu_ns.saturating_sub(first.control_cpu_ns);
        let ours = generator + upstream + control + self.target_cpu_ns().unwrap_or(0);
        Some(busy.saturating_sub(ours) as f64 / total as f64)
    }

    /// Returns the resident memory of the target in bytes, one value per usable reading. A single process counts its RSS; a tree of
    /// several counts PSS, since a sum of RSS would count shared pages more than once.
    pub fn target_memory(&self) -> Vec<u64> {
        let trees = || self.0.iter().filter_map(|reading| reading.target);
        if trees().any(|tree| tree.processes > 1) {
            trees().filter_map(|tree| tree.pss_bytes).collect()
        } else {
            trees().map(|tree| tree.rss_bytes).collect()
        }
    }

    /// Returns the longest time without a reading, in nanoseconds, if it is a gap.
    pub fn gap_ns(&self) -> Option<u64> {
        let pauses = self.0.windows(2).map(|pair| pair[1].at.since(pair[0].at).0);
        pauses.max().filter(|pause| *pause > GAP_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(at_ms: u64, target_cpu_ms: u64, busy_ms: u64) -> Reading {
        let ms = |n: u64| n * 1_000_000;
        let thread = ThreadUsage { tid: 7, on_cpu_ns: ms(at_ms / 4), waiting_ns: ms(at_ms / 4) };
        Reading {
            at: Mono(ms(at_ms)),
            target: Some(TreeUsage {
                processes: 1,
                cpu_ns: ms(target_cpu_ms),
                rss_bytes: at_ms,
                major_faults: Some(at_ms / 100),
                ..TreeUsage::default()
            }),
            generator: Some(ProcessUsage { threads: Some(vec![thread]), ..ProcessUsage::default() }),
            upstream: None,
            control_cpu_ns: 0,
            host: HostUsage {
                busy_ns: ms(busy_ms),
                steal_ns: ms(at_ms / 10),
                total_ns: ms(at_ms * 2),
                memory_stall_ns: Some(ms(at_ms / 5)),
                throttled_ns: Some(ms(at_ms / 50)),
            },
            group: None,
        }
    }

    #[test]
    fn rates_come_from_the_edges() {
        let series = Series(vec![reading(1_000, 100, 500), reading(1_500, 140, 700), reading(2_000, 400, 1_000)]);
        assert_eq!(series.target_cpu_ns(), Some(300_000_000));
        assert_eq!(series.busiest_thread(|reading| reading.generator.as_ref()), Some(0.5));
        assert_eq!(series.waiting(|reading| reading.generator.as_ref()), Some(0.25));
        assert_eq!(series.steal(), Some(0.05));
        assert_eq!(series.foreign_cpu(), Some(0.1));
        assert_eq!(series.throttled(), Some(0.02));
        assert_eq!((series.idle(), series.memory_stall(), series.major_faults()), (Some(0.7), Some(0.2), Some(10)));
        assert_eq!(series.target_memory(), [1_000, 1_500, 2_000]);
        assert_eq!(series.gap_ns(), None);
        assert_eq!(series.host_cpus(), Some(2.0));
    }

    #[test]
    fn a_missing_second_is_a_gap_and_a_gone_target_is_not_zero() {
        let mut series = Series(vec![reading(0, 0, 0), reading(2_500, 10, 10)]);
        assert_eq!(series.gap_ns(), Some(2_500_000_000));
        series.0[1].target = None;
        assert_eq!((series.target_cpu_ns(), series.major_faults()), (None, None));
        series.0[0].host.memory_stall_ns = None;
        assert_eq!(series.memory_stall(), None);
        let empty = Series::<Reading>::default();
        assert_eq!((empty.steal(), empty.idle()), (None, None));
    }

    #[test]
    fn a_tree_of_several_counts_shared_pages_once() {
        let mut series = Series(vec![reading(0, 0, 0), reading(100, 0, 0)]);
        series.0[1].target =
            Some(TreeUsage { processes: 2, rss_bytes: 90, pss_bytes: Some(60), ..TreeUsage::default() });
        assert_eq!(series.target_memory(), [60]);
    }
}
