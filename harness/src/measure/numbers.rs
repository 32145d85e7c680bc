//! Defines stored numbers: the content of a file of this or another tool in one form that can be compared.

use serde::{Deserialize, Serialize};

use super::fleet::FleetShape;
use super::metric::{Better, Kind, Source};

#[derive(Debug, Clone, PartialEq)]
pub struct Numbers {
    pub source: String,
    /// Its layout.
    pub layout: Layout,
    /// The host, if the file names it. Equal texts are equal hosts.
    pub host: Option<String>,
    /// The scenario, if the file names it. Equal texts are equal scenarios.
    pub scenario: Option<String>,
    /// The shape of the fleet that sent the load, if the file names one.
    pub fleet: Option<FleetShape>,
    /// Its numbers, at least one; each combination of id and metric is unique.
    pub entries: Vec<Entry>,
    /// Ids that have no value, with the reason.
    pub absent: Vec<(String, String)>,
}

/// Layout of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// `result.json` of this harness.
    Result,
    /// One benchmark of Aether: `bench_id`, `metric`, `unit`, `p50`, `p95`, `n`, `timestamp`, `notes`.
    Aether,
    /// Bencher Metric Format: a map of maps.
    Bencher,
    /// The array of names, values and units of REQ-OBS-001 section 8.1.
    Flat,
    /// A receipt of copybook, `perf.json`.
    Copybook,
    Criterion,
}

/// One number, or several quantiles of one quantity.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub id: String,
    /// Name of the metric; the id itself if the layout has no other name.
    pub metric: String,
    /// Unit of all values, as in the file; empty if the layout has none.
    pub unit: String,
    /// The better direction, if it is known.
    pub better: Option<Better>,
    /// How the values are obtained.
    pub kind: Kind,
    /// Who found the values, if the layout says so.
    pub source: Option<Source>,
    pub values: Values,
    /// Lower and upper end of the interval of the value.
    pub interval: Option<(f64, f64)>,
    /// Number of rounds, launches or samples.
    pub n: Option<u64>,
    /// The value of each round or launch, in order; empty if the file does not contain them.
    pub rounds: Vec<f64>,
    /// Why it must not decide, if that is so.
    pub advisory: Option<String>,
}

/// The values of an entry, at least one.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Values {
    /// The only value, without a quantile.
    pub value: Option<f64>,
    /// Quantile 0.5.
    pub p50: Option<f64>,
    /// Quantile 0.95.
    pub p95: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    Duration,
    Size,
    /// A rate per second.
    Throughput,
    Percent,
    Count,
}

impl Layout {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Result => "a result of `harness run`",
            Self::Aether => "Aether bench JSON",
            Self::Bencher => "Bencher Metric Format",
            Self::Flat => "a flat array",
            Self::Copybook => "a copybook receipt",
            Self::Criterion => "a Criterion directory",
        }
    }
}

impl Quantity {
    /// Returns the quantity of `unit`, and the factor to milliseconds or bytes (1 for any other quantity).
    pub fn of(unit: &str) -> Option<(Self, f64)> {
        let found = match unit {
            "ns" => (Self::Duration, 1e-6),
            "us" | "µs" => (Self::Duration, 1e-3),
            "ms" => (Self::Duration, 1.0),
            "s" => (Self::Duration, 1e3),
            "B" | "bytes" => (Self::Size, 1.0),
            "KB" | "kB" => (Self::Size, 1e3),
            "KiB" => (Self::Size, 1024.0),
            "MB" => (Self::Size, 1e6),
            "MiB" => (Self::Size, 1_048_576.0),
            "GB" => (Self::Size, 1e9),
            "GiB" => (Self::Size, 1_073_741_824.0),
            "%" => (Self::Percent, 1.0),
            "count" => (Self::Count, 1.0),
            rate if rate.ends_with("/s") => (Self::Throughput, 1.0),
            _ => return None,
        };
        Some(found)
    }

    /// Returns the better direction, if the quantity determines it.
    pub const fn better(self) -> Option<Better> {
        match self {
            Self::Duration | Self::Size => Some(Better::Lower),
            Self::Throughput => Some(Better::Higher),
            Self::Percent | Self::Count => None,
        }
    }
}

impl Entry {
    /// Creates an entry with the direction of its unit.
    pub fn new(id: &str, metric: &str, unit: &str, values: Values) -> Self {
        Self {
            id: id.to_owned(),
            metric: metric.to_owned(),
            unit: unit.to_owned(),
            better: Quantity::of(unit).and_then(|(quantity, _)| quantity.better()),
            kind: Kind::Sampled,
            source: None,
            values,
            interval: None,
            n: None,
            rounds: Vec::new(),
            advisory: None,
        }
    }

    /// Returns a label such as `packaging duration_ms`; only the id if the metric has the same name.
    pub fn label(&self) -> String {
        if self.id == self.metric { self.id.clone() } else { format!("{} {}", self.id, self.metric) }
    }

    /// Returns whether both are the same metric, regardless of units.
    pub fn is_of(&self, other: &Self) -> bool {
        self.id == other.id && self.metric == other.metric
    }
}

impl Values {
    /// Creates values that consist of a single one.
    pub fn single(value: f64) -> Self {
        Self { value: Some(value), ..Self::default() }
    }
}

/// Returns the quantile `q` (0 to 1) of sorted values, interpolated linearly: definition 7 of R. J. Hyndman and Y. Fan,
/// *Sample Quantiles in Statistical Packages*, 1996, which is numpy's default. `sorted` must not be empty.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let (below, share) = (at.floor() as usize, at.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_the_values() {
        let sorted: Vec<f64> = (1..=21).map(f64::from).collect();
        assert_eq!((quantile(&sorted, 0.5), quantile(&sorted, 0.95)), (11.0, 20.0));
        assert_eq!(quantile(&[1.0, 2.0], 0.5), 1.5);
        assert_eq!(quantile(&[7.0], 0.95), 7.0);
    }
}
