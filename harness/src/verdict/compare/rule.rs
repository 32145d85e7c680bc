//! Defines the thresholds of comparisons.

use serde::{Deserialize, Serialize};

use crate::measure::metric::{Better, Kind};
use crate::measure::{Entry, Layout, Quantity};

/// The rule by which changes are judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Thresholds by category: an alert and a block.
    #[default]
    Default,
    /// A fixed 20 %: p95 of durations upwards, p50 of throughputs downwards.
    Aether,
    /// Throughput −10 %, latency +15 %.
    Qnet,
}

/// The thresholds of one number, relative to the base.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limits {
    /// Threshold of an alert; `None` if the rule has only blocks.
    pub(super) alert: Option<f64>,
    /// Threshold of a block.
    pub(super) block: f64,
    /// Differences up to this value never count, in the unit of the number.
    pub(super) min_abs: f64,
}

impl Rule {
    /// Returns the rule of the system that writes files of a layout.
    pub(super) const fn of(layout: Layout) -> Self {
        match layout {
            Layout::Aether => Self::Aether,
            Layout::Criterion => Self::Qnet,
            Layout::Result | Layout::Bencher | Layout::Flat | Layout::Copybook => Self::Default,
        }
    }

    /// Returns the name for `--rule`.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Aether => "aether",
            Self::Qnet => "qnet",
        }
    }

    /// Returns the thresholds for `entry`.
    pub(super) fn limits(self, entry: &Entry) -> Limits {
        let fixed = |block| Limits { alert: None, block, min_abs: 0.0 };
        match (self, entry.better) {
            (Self::Aether, _) => fixed(0.20),
            (Self::Qnet, Some(Better::Higher)) => fixed(0.10),
            (Self::Qnet, _) => fixed(0.15),
            (Self::Default, _) => default_limits(entry),
        }
    }

    /// Returns the value that the rule compares, with the name of the quantile.
    pub(super) fn value(self, entry: &Entry) -> Option<(Option<&'static str>, f64)> {
        let tail = self == Self::Aether && entry.better != Some(Better::Higher);
        let values = entry.values;
        let p95 = values.p95.filter(|_| tail).map(|value| (Some("p95"), value));
        let p50 = || values.p50.map(|value| (Some("p50"), value));
        p95.or_else(p50).or_else(|| values.value.map(|value| (None, value)))
    }
}

impl Limits {
    /// Returns the first threshold: changes within it are not regressions.
    pub(super) fn first(&self) -> f64 {
        self.alert.unwrap_or(self.block)
    }
}

fn default_limits(entry: &Entry) -> Limits {
    let category = entry.id.split_once('/').map_or("", |(category, _)| category);
    let (quantity, scale) = Quantity::of(&entry.unit).unwrap_or((Quantity::Count, 1.0));
    let (alert, block) = match quantity {
        _ if category == "binary" || entry.kind == Kind::Exact => (0.05, 0.10),
        Quantity::Size => (0.15, 0.50),
        _ => (0.10, 0.25),
    };
    let min_abs = match quantity {
        _ if entry.kind == Kind::Exact || category == "binary" => 0.0,
        // CPU time is a duration too, of a few microseconds.
        Quantity::Duration
            if matches!(category, "latency" | "ttfb" | "startup" | "overhead" | "connect" | "tls" | "stream") =>
        {
            0.1 / scale
        }
        Quantity::Size => 1_048_576.0 / scale,
        Quantity::Percent => 0.5,
        _ => 0.0,
    };
    Limits { alert: Some(alert), block, min_abs }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Values;
    use crate::verdict::gate::beyond;

    #[test]
    fn exactly_at_a_threshold_is_not_beyond_it_whatever_the_base() {
        for base in (1..20_000).map(|step| f64::from(step) * 0.37) {
            for threshold in [0.05, 0.10, 0.15, 0.20, 0.25, 0.50] {
                for at in [base * (1.0 + threshold), base + base * threshold] {
                    assert!(!beyond((at - base) / base, threshold), "{base} {threshold}");
                }
                assert!(beyond((base * (1.0 + threshold + 1e-6) - base) / base, threshold), "{base} {threshold}");
            }
        }
    }

    #[test]
    fn thresholds_are_those_of_the_category_in_any_unit() {
        let limits = |id: &str, unit: &str| Rule::Default.limits(&Entry::new(id, id, unit, Values::single(1.0)));
        assert_eq!(limits("latency/p50", "ms"), Limits { alert: Some(0.10), block: 0.25, min_abs: 0.1 });
        assert_eq!(limits("latency/p50", "ns").min_abs.round(), 100_000.0);
        assert_eq!(limits("memory/idle_rss", "bytes"), Limits { alert: Some(0.15), block: 0.5, min_abs: 1_048_576.0 });
        assert_eq!(limits("memory/idle_rss", "MiB").min_abs, 1.0);
        assert_eq!(limits("throughput/rps_10vu", "req/s"), Limits { alert: Some(0.10), block: 0.25, min_abs: 0.0 });
        assert_eq!(limits("binary/size", "bytes"), Limits { alert: Some(0.05), block: 0.10, min_abs: 0.0 });
        assert_eq!(limits("cpu/idle_percent", "%").min_abs, 0.5);
        assert_eq!(limits("cpu/us_per_request", "µs").min_abs, 0.0);
    }
}
