//! Records a soak window by window.

use serde::{Deserialize, Serialize};

use crate::measure::own::OwnFacts;
use harness_load::latency::Quantiles;
use harness_load::outcome::Outcomes;

/// Name of the file in the folder of a run that receives every window when it ends, one JSON object per line.
pub const FILE: &str = "series.jsonl";

/// Smallest number of whole windows for a slope: four in each third.
pub const FEWEST_WINDOWS: u64 = 12;

/// Settings of a soak.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Length of a window in nanoseconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 1_000_000_000)))]
    pub window_ns: u64,
    /// Length of the discarded part before the first window, in nanoseconds.
    pub warmup_ns: u64,
    pub budget: Budget,
    /// Changes up to these values never count.
    pub min_abs: Floors,
}

impl OwnFacts for Stage {}

/// Facts of one instance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// When it exited by itself, in nanoseconds since the load began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub died_ns: Option<u64>,
    /// Its windows, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<SoakWindow>,
}

/// Each window is a separate piece.
impl OwnFacts for Instance {
    fn outline(&self) -> Self {
        Self { windows: Vec::new(), ..self.clone() }
    }

    fn pieces(&self) -> Vec<Self> {
        self.windows.iter().map(|window| Self { died_ns: None, windows: vec![*window] }).collect()
    }

    fn add(&mut self, piece: Self) {
        self.died_ns = piece.died_ns.or(self.died_ns);
        self.windows.extend(piece.windows);
    }
}

/// Permitted changes over a soak: growth per day, and relative changes over the soak.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Growth of the memory troughs, in bytes per day.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub memory_bytes_per_day: f64,
    /// Growth of the troughs of open descriptors, per day.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub descriptors_per_day: f64,
    /// Growth of the troughs of threads, per day.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub threads_per_day: f64,
    /// Rise of the response time at quantile 0.99 over the soak, as a share of its median.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub p99_ratio: f64,
    /// Loss of valid completions per second over the soak, as a share of their median.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub rate_ratio: f64,
}

/// Changes from the first third of a soak to its last that never count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Floors {
    /// Memory in bytes.
    pub memory_bytes: u64,
    pub descriptors: u64,
    pub threads: u64,
    /// Response time at quantile 0.99, in nanoseconds.
    pub p99_ns: u64,
}

/// Minimum and maximum of the readings in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// The minimum: what remains after everything that can be released was released.
    pub trough: u64,
    pub peak: u64,
}

/// One window of a soak. A value that could not be read is absent, never 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SoakWindow {
    /// From 0.
    pub index: u64,
    /// Its start in nanoseconds since the load began; the warm-up comes before the first window.
    pub from_ns: u64,
    /// Its length in nanoseconds.
    pub length_ns: u64,
    /// Whether it was measured to its end, unlike the last window of a soak that was stopped early.
    pub whole: bool,
    pub ok: u64,
    /// Completions in it that were errors.
    pub errors: u64,
    /// Requests that ended in it, by outcome; absent in a window that is not whole.
    pub outcomes: Option<Outcomes>,
    /// Response times of valid responses, to two significant digits; absent if there were none and in a window that is
    /// not whole.
    pub response: Option<Quantiles>,
    /// Largest number of processes of the target at one time.
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
    /// Share of the periods of the CPU limit in which the target was throttled; absent without a limit.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub throttled_ratio: Option<f64>,
    /// Share of all CPU time that the hypervisor took.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub steal_ratio: Option<f64>,
    /// Share of all CPU time used by processes outside the measurement.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub foreign_cpu_ratio: Option<f64>,
    /// Memory of the load generator at the end, VmRSS in bytes.
    pub generator_rss_bytes: Option<u64>,
}

/// Quantities that may change while a target is under load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Memory of the target: PSS if it is known in every window, else RSS of a single process.
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

    /// Quantities that leak instead of drift: their troughs are compared with a budget per day.
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

    /// Returns whether the quantity leaks rather than drifts.
    pub fn leaks(self) -> bool {
        Self::LEAKING.contains(&self)
    }

    /// Returns the value in a window; memory as PSS if `pss`, else as RSS.
    pub(super) fn of(self, window: &SoakWindow, pss: bool) -> Option<f64> {
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
    /// Returns valid completions per second; `None` for an empty window.
    pub fn rps(&self) -> Option<f64> {
        (self.length_ns > 0).then(|| self.ok as f64 / (self.length_ns as f64 / 1e9))
    }

    /// Returns the middle of the window, in seconds since the load began.
    pub fn middle_s(&self) -> f64 {
        (self.from_ns as f64 + self.length_ns as f64 / 2.0) / 1e9
    }
}
