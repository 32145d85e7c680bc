//! The soak: what is recorded, window by window, of a target that is under load for hours, and what keeps such a record from
//! meaning anything.

mod gather;

use serde::{Deserialize, Serialize};

use super::reason::Problem;
use super::record::{InstanceRecord, StageRecord};
use harness_load::latency::Quantiles;
use harness_load::outcome::Outcomes;

pub use gather::Gathering;

/// Name of the file in the folder of a run to which every window goes as it ends, one JSON object per line.
pub const FILE: &str = "series.jsonl";

/// Fewest whole windows that have a slope: four in each third.
pub const FEWEST_WINDOWS: u64 = 12;

/// How a soak was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoakFacts {
    /// Length of a window in nanoseconds.
    pub window_ns: u64,
    /// Length of the discarded part before the first window, in nanoseconds.
    pub warmup_ns: u64,
    pub budget: Budget,
    /// Changes so small that they never count.
    pub min_abs: Floors,
}

/// How much may change over a soak: growth per day, and changes over the soak as shares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Growth of the memory's troughs, in bytes per day.
    pub memory_bytes_per_day: f64,
    /// Growth of the open descriptors' troughs, per day.
    pub descriptors_per_day: f64,
    /// Growth of the threads' troughs, per day.
    pub threads_per_day: f64,
    /// Rise of the response time at quantile 0.99 over the soak, as a share of its median.
    pub p99_ratio: f64,
    /// Loss of valid completions per second over the soak, as a share of their median.
    pub rate_ratio: f64,
}

/// Changes from the first third of a soak to its last that never count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floors {
    /// Memory in bytes.
    pub memory_bytes: u64,
    pub descriptors: u64,
    pub threads: u64,
    /// Response time at quantile 0.99, in nanoseconds.
    pub p99_ns: u64,
}

/// The least and the most of what was read within a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// The least: what is left when everything that can be given back was.
    pub trough: u64,
    pub peak: u64,
}

/// One window of a soak. What could not be read is absent, never 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoakWindow {
    /// From 0.
    pub index: u64,
    /// Its start in nanoseconds since the load began; the warm-up comes before the first window.
    pub from_ns: u64,
    /// Its length in nanoseconds.
    pub length_ns: u64,
    /// It was measured to its end. The last one of a soak that was cut short is not.
    pub whole: bool,
    pub ok: u64,
    /// Completions in it that were errors.
    pub errors: u64,
    /// Requests that ended in it, by what became of them; absent in a window that is not whole.
    pub outcomes: Option<Outcomes>,
    /// Response times of those that were answered as expected, to two digits; absent where there were none and in a window that is
    /// not whole.
    pub response: Option<Quantiles>,
    /// Most processes of the target at one time.
    pub processes: u32,
    /// Sum of VmRSS of the target in bytes.
    pub rss: Option<Level>,
    /// Sum of PSS of the target in bytes.
    pub pss: Option<Level>,
    /// Open descriptors of the target.
    pub descriptors: Option<Level>,
    pub threads: Option<Level>,
    /// CPU time of the target in nanoseconds.
    pub cpu_ns: Option<u64>,
    /// Share of the periods of the CPU limit in which the target was held back; absent without a limit.
    pub throttled_ratio: Option<f64>,
    /// Share of all CPU time that the hypervisor took.
    pub steal_ratio: Option<f64>,
    /// Share of all CPU time used by processes outside the measurement.
    pub foreign_cpu_ratio: Option<f64>,
    /// Memory of the load generator at the end, VmRSS in bytes.
    pub generator_rss_bytes: Option<u64>,
}

/// What may change while a target is under load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Memory of the target: PSS where it is known in every window, else RSS of a single process.
    Memory,
    Descriptors,
    Threads,
    /// Response time at quantile 0.99, in milliseconds.
    P99,
    /// Valid completions per second.
    Rate,
}

impl Quantity {
    /// Every quantity, in the order of reports.
    pub const ALL: [Self; 5] = [Self::Memory, Self::Descriptors, Self::Threads, Self::P99, Self::Rate];

    /// What leaks, as opposed to what drifts: its troughs are held against a budget per day.
    pub const LEAKING: [Self; 3] = [Self::Memory, Self::Descriptors, Self::Threads];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Descriptors => "descriptors",
            Self::Threads => "threads",
            Self::P99 => "p99",
            Self::Rate => "rate",
        }
    }

    /// Whether it leaks rather than drifts.
    pub fn leaks(self) -> bool {
        Self::LEAKING.contains(&self)
    }

    /// Its value in a window; memory by PSS where `pss`, else by RSS.
    fn of(self, window: &SoakWindow, pss: bool) -> Option<f64> {
        let trough = |level: Option<Level>| level.map(|level| level.trough as f64);
        match self {
            Self::Memory if pss => trough(window.pss),
            Self::Memory => trough(window.rss.filter(|_| window.processes <= 1)),
            Self::Descriptors => trough(window.descriptors),
            Self::Threads => trough(window.threads),
            Self::P99 => window.response.map(|response| response.p99_ns as f64 / 1e6),
            Self::Rate => window.rps(),
        }
    }
}

impl SoakWindow {
    /// Valid completions per second; `None` for a window without length.
    pub fn rps(&self) -> Option<f64> {
        (self.length_ns > 0).then(|| self.ok as f64 / (self.length_ns as f64 / 1e9))
    }

    /// Its middle, in seconds since the load began.
    pub fn middle_s(&self) -> f64 {
        (self.from_ns as f64 + self.length_ns as f64 / 2.0) / 1e9
    }
}

impl StageRecord {
    /// The windows of a soak that were measured to their ends, in order.
    pub fn whole_windows(&self) -> impl Iterator<Item = &SoakWindow> {
        self.instances.iter().flat_map(|instance: &InstanceRecord| &instance.windows).filter(|window| window.whole)
    }

    /// Whether PSS is known in every whole window, so that memory is told by it.
    pub fn soaked_by_pss(&self) -> bool {
        self.whole_windows().all(|window| window.pss.is_some())
    }
}

/// The values of a quantity over the whole windows, each with its time in seconds. Windows that have none are left out.
pub fn series(stage: &StageRecord, quantity: Quantity) -> Vec<(f64, f64)> {
    let pss = stage.soaked_by_pss();
    let value = |window: &SoakWindow| quantity.of(window, pss).map(|value| (window.middle_s(), value));
    stage.whole_windows().filter_map(value).collect()
}

/// What keeps a soak from being judged: too few windows, or a series with holes. Never a pass.
pub fn faults(stage: &StageRecord) -> Vec<Problem> {
    let windows = stage.whole_windows().count() as u64;
    if windows < FEWEST_WINDOWS {
        return vec![Problem::TooFewWindows { whole: windows, needed: FEWEST_WINDOWS }];
    }
    let unread = |quantity: &Quantity| {
        let missing = windows.saturating_sub(series(stage, *quantity).len() as u64);
        (missing > 0).then(|| Problem::Unread { quantity: quantity.name().to_owned(), missing, windows })
    };
    Quantity::LEAKING.iter().filter_map(unread).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(index: u64) -> SoakWindow {
        let level = |trough| Some(Level { trough, peak: trough + 5 });
        SoakWindow {
            index,
            from_ns: index * 2_000_000_000,
            length_ns: 2_000_000_000,
            whole: true,
            ok: 100 + index,
            response: Some(Quantiles { p99_ns: 4_000_000, ..Quantiles::default() }),
            processes: 1,
            rss: level(1_000 + index),
            pss: level(900 + index),
            descriptors: level(20),
            threads: level(4),
            ..SoakWindow::default()
        }
    }

    fn stage(windows: Vec<SoakWindow>) -> StageRecord {
        let instance = InstanceRecord { windows, ..InstanceRecord::default() };
        StageRecord { instances: vec![instance], ..StageRecord::default() }
    }

    #[test]
    fn series_are_those_of_whole_windows_with_their_times() {
        let mut windows: Vec<SoakWindow> = (0..3).map(window).collect();
        windows[2].whole = false;
        let stage = stage(windows);
        assert_eq!(series(&stage, Quantity::Memory), [(1.0, 900.0), (3.0, 901.0)]);
        assert_eq!(series(&stage, Quantity::Rate), [(1.0, 50.0), (3.0, 50.5)]);
        assert_eq!(series(&stage, Quantity::P99), [(1.0, 4.0), (3.0, 4.0)]);
    }

    #[test]
    fn a_single_process_without_pss_is_told_by_rss_and_a_tree_is_not() {
        let with = |processes| {
            let windows = (0..3).map(|index| SoakWindow { pss: None, processes, ..window(index) }).collect();
            series(&stage(windows), Quantity::Memory).len()
        };
        assert_eq!((with(1), with(2)), (3, 0));
        let mut once = stage((0..3).map(window).collect());
        once.instances[0].windows[1].pss = None;
        assert_eq!(series(&once, Quantity::Memory)[0].1, 1_000.0, "one scale for all windows");
    }

    #[test]
    fn few_windows_and_holes_are_faults() {
        assert!(faults(&stage((0..12).map(window).collect())).is_empty());
        let few = |whole| [Problem::TooFewWindows { whole, needed: FEWEST_WINDOWS }];
        assert_eq!(faults(&stage((0..11).map(window).collect())), few(11));
        assert_eq!(faults(&StageRecord::default()), few(0));
        let mut holes = stage((0..12).map(window).collect());
        holes.instances[0].windows[4].descriptors = None;
        let unread = Problem::Unread { quantity: "descriptors".to_owned(), missing: 1, windows: 12 };
        assert_eq!(faults(&holes), [unread]);
        holes.instances[0].windows[4].threads = None;
        assert_eq!(faults(&holes).len(), 2);
    }
}
