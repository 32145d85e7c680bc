//! Defines gates: the thresholds of effect and significance for every metric.

mod read;

use crate::measure::metric::{Better, Kind, Metric, Unit, bare, category};

pub use read::{of_text, read};

/// Tolerance of thresholds: a change must exceed one by more than this. `1.15 × 100` is 114.99999999999999 in binary,
/// so without it a change exactly at a threshold would be beyond it for some values and not for others.
const EPSILON: f64 = 1e-9;

/// One of the two degrees of a regression.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    /// Change in the bad direction relative to the base, above 0: 0.1 for `+10%` of a latency and for `-10%` of a
    /// throughput.
    pub change: f64,
    /// The p-value must be below it, in (0, 1). Exact metrics have no p-value and ignore it.
    pub p: f64,
}

/// The thresholds of one metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gate {
    /// The first degree, which is reported.
    pub alert: Threshold,
    /// The second degree, which sets exit code 3.
    pub block: Threshold,
    /// Differences up to this value never count, in the unit of the metric; 0 if every difference counts.
    pub min_abs: f64,
}

/// The guard against a series of small regressions: this run against the median of the last runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guard {
    /// Largest drop of a throughput, relative to the median.
    pub throughput: f64,
    /// Largest rise of a latency, relative to the median.
    pub latency: f64,
    /// Smallest number of earlier runs that it needs.
    pub fewest: u64,
}

/// `[gate]` of a scenario: changes of the defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Gates {
    /// Whether an immediate rerun must confirm a block.
    pub confirm: bool,
    /// Number of consecutive runs that must breach before stored evidence is published as an alert; 1 publishes
    /// immediately.
    pub consecutive: u64,
    /// The guard against a series of small regressions.
    pub guard: Guard,
    /// The thresholds of categories and metrics, in the order written.
    pub written: Vec<Written>,
}

/// `[gate.NAME]` as written; missing keys keep their defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// A category, or the id of a metric.
    pub name: String,
    pub alert: Option<Threshold>,
    /// The second degree.
    pub block: Option<Threshold>,
    /// The floor in each unit of the selected metrics; empty if none is written.
    pub min_abs: Vec<(Unit, f64)>,
}

impl Default for Gates {
    fn default() -> Self {
        Self { confirm: true, consecutive: 2, guard: Guard::default(), written: Vec::new() }
    }
}

impl Default for Guard {
    fn default() -> Self {
        Self { throughput: 0.10, latency: 0.15, fewest: 3 }
    }
}

impl Guard {
    /// Largest number of earlier runs whose median it uses.
    pub const RUNS: usize = 7;

    /// Returns the threshold for a category, if it has one.
    pub fn limit(&self, category: &str) -> Option<f64> {
        match category {
            "throughput" => Some(self.throughput),
            "latency" => Some(self.latency),
            _ => None,
        }
    }
}

impl Gates {
    /// Returns the gate of a metric: the defaults of its category and unit, overridden by its category, then by its id
    /// without a stage, then by its full id.
    pub fn of(&self, id: &str, unit: Unit) -> Gate {
        self.changed(Gate::by_default(category(id), unit), id, unit)
    }

    /// Returns the gate of a metric for two builds in one run, which resolves smaller differences.
    pub fn of_pairs(&self, id: &str, unit: Unit) -> Gate {
        let gate = Gate::by_default(category(id), unit);
        let min_abs = paired_floor(id, unit).unwrap_or(gate.min_abs);
        self.changed(Gate { min_abs, ..gate }, id, unit)
    }

    fn changed(&self, mut gate: Gate, id: &str, unit: Unit) -> Gate {
        for name in [category(id), bare(id), id] {
            if let Some(written) = self.written.iter().rfind(|written| written.name == name) {
                written.change(&mut gate, unit);
            }
        }
        gate
    }
}

impl Gates {
    /// Lists the differences from the defaults, one line each: `latency: alert +8% with p < 0.05`.
    pub fn changes(&self) -> Vec<String> {
        let defaults = Self::default();
        let mut lines = Vec::new();
        if self.confirm != defaults.confirm {
            lines.push("a block is published without an immediate rerun".to_owned());
        }
        if self.consecutive != defaults.consecutive {
            lines.push(format!("stored evidence: an alert needs {} runs in a row", self.consecutive));
        }
        if self.guard != defaults.guard {
            let (Guard { throughput, latency, fewest }, signed) = (self.guard, read::notation);
            lines.push(format!(
                "guard: throughput {}, latency {} against the median of {fewest} to {} runs",
                signed(-throughput),
                signed(latency),
                Guard::RUNS
            ));
        }
        lines.extend(self.written.iter().map(Written::describe));
        lines
    }
}

impl Written {
    fn describe(&self) -> String {
        let higher = self.members().first().is_some_and(|metric| metric.better == Better::Higher);
        let exact = self.members().iter().all(|metric| metric.kind == Kind::Exact);
        let degree = |word: &str, threshold: &Option<Threshold>| {
            let Threshold { change, p } = (*threshold)?;
            let p = if exact { String::new() } else { format!(" with p < {p}") };
            Some(format!("{word} {}{p}", read::notation(if higher { -change } else { change })))
        };
        let floor = |(unit, floor): &(Unit, f64)| format!("from {}", unit.show_bound(*floor));
        let parts = [degree("alert", &self.alert), degree("block", &self.block)].into_iter().flatten();
        let parts: Vec<String> = parts.chain(self.min_abs.iter().map(floor)).collect();
        format!("{}: {}", self.name, if parts.is_empty() { "the defaults".to_owned() } else { parts.join(", ") })
    }

    fn members(&self) -> Vec<&'static Metric> {
        read::members(&self.name)
    }

    fn change(&self, gate: &mut Gate, unit: Unit) {
        gate.alert = self.alert.unwrap_or(gate.alert);
        gate.block = self.block.unwrap_or(gate.block);
        let floor = self.min_abs.iter().find(|(of, _)| *of == unit);
        gate.min_abs = floor.map_or(gate.min_abs, |(_, floor)| *floor);
    }
}

impl Gate {
    /// Returns the defaults of a category, with the floor in `unit`.
    pub fn by_default(category: &str, unit: Unit) -> Self {
        let (alert, block) = match category {
            "binary" => (0.05, 0.10),
            "memory" => (0.15, 0.50),
            // CPU time of three runs of one target scattered by 4 %, with intervals of 20 % and more.
            "cpu" => (0.20, 0.50),
            _ => (0.10, 0.25),
        };
        let min_abs = match (category, unit) {
            (
                "latency" | "ttfb" | "startup" | "overhead" | "connect" | "tls" | "command" | "stream" | "approval"
                | "echo" | "gain",
                Unit::Millis,
            ) => 0.1,
            ("memory", Unit::Bytes) => 1_048_576.0,
            ("cpu", Unit::Micros) => 10.0,
            // Percentage points of the direct latency: a smaller floor would make overhead in percent more sensitive than latency itself.
            ("overhead", Unit::Percent) => 10.0,
            // Percentage points.
            (_, Unit::Percent) => 0.5,
            _ => 0.0,
        };
        let threshold = |change, p| Threshold { change, p };
        Self { alert: threshold(alert, 0.05), block: threshold(block, 0.01), min_abs }
    }
}

/// Returns the difference up to which a latency never counts in paired evidence, in `unit`. The far quantiles scatter more.
fn paired_floor(id: &str, unit: Unit) -> Option<f64> {
    let quantile = bare(id).rsplit_once('_').map_or(id, |(_, quantile)| quantile);
    let quantile = quantile.rsplit_once('/').map_or(quantile, |(_, quantile)| quantile);
    match (category(id), unit, quantile) {
        ("latency" | "ttfb" | "overhead" | "connect" | "tls" | "stream", Unit::Millis, "p99") => None,
        ("latency" | "ttfb" | "overhead" | "stream", Unit::Millis, "p95") => Some(0.03),
        ("latency" | "ttfb" | "overhead" | "connect" | "tls" | "stream", Unit::Millis, _) => Some(0.01),
        _ => None,
    }
}

/// Returns whether a change is strictly beyond a threshold.
pub(super) fn beyond(change: f64, threshold: f64) -> bool {
    change > threshold + EPSILON
}

/// Returns whether values of a metric may be zero or negative, so that they are compared by differences instead of
/// ratios.
pub(super) fn is_signed(id: &str, unit: Unit) -> bool {
    matches!(category(id), "overhead" | "stream" | "gain") || matches!(unit, Unit::Percent | Unit::Count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_design() {
        let changes = |id: &str, unit| {
            let gate = Gates::default().of(id, unit);
            (gate.alert.change, gate.block.change, gate.min_abs)
        };
        assert_eq!(changes("latency/p50", Unit::Millis), (0.10, 0.25, 0.1));
        assert_eq!(changes("ttfb/p95", Unit::Millis), (0.10, 0.25, 0.1));
        assert_eq!(changes("startup/to_ready", Unit::Millis), (0.10, 0.25, 0.1));
        assert_eq!(changes("memory/idle_rss", Unit::Bytes), (0.15, 0.50, 1_048_576.0));
        assert_eq!(changes("throughput/rps_10vu", Unit::PerSecond), (0.10, 0.25, 0.0));
        assert_eq!(changes("binary/size", Unit::Bytes), (0.05, 0.10, 0.0));
        let paired = |id: &str| Gates::default().of_pairs(id, Unit::Millis).min_abs;
        assert_eq!(["latency/p50", "overhead/latency_p50", "latency/p50@far"].map(paired), [0.01; 3]);
        assert_eq!(
            [paired("latency/p95"), paired("overhead/latency_p99"), paired("startup/to_ready")],
            [0.03, 0.1, 0.1]
        );
        let p = Gates::default().of("latency/p50", Unit::Millis);
        assert_eq!((p.alert.p, p.block.p), (0.05, 0.01));
    }

    #[test]
    fn the_nearest_name_wins() {
        let named = |name: &str, change| Written {
            name: name.to_owned(),
            alert: Some(Threshold { change, p: 0.05 }),
            block: None,
            min_abs: Vec::new(),
        };
        let written = vec![named("latency/p50@far", 0.3), named("latency/p50", 0.2), named("latency", 0.15)];
        let gates = Gates { written, ..Gates::default() };
        let alert = |id: &str| gates.of(id, Unit::Millis).alert.change;
        assert_eq!(alert("latency/p95"), 0.15);
        assert_eq!(alert("latency/p50"), 0.2);
        assert_eq!(alert("latency/p50@near"), 0.2);
        assert_eq!(alert("latency/p50@far"), 0.3);
        assert_eq!(alert("startup/to_ready"), 0.10);
    }
}
