//! Stored numbers: what a file of ours or of another tool says, in one plain form that can be compared.

use serde::{Deserialize, Serialize};

use super::metric::{Better, Kind};

#[derive(Debug, Clone, PartialEq)]
pub struct Numbers {
    pub source: String,
    /// How it is laid out.
    pub layout: Layout,
    /// What it was measured on, where the file says so. Equal texts are equal hosts.
    pub host: Option<String>,
    /// What was measured, where the file says so. Equal texts are equal scenarios.
    pub scenario: Option<String>,
    /// Its numbers, at least one, no id and metric twice.
    pub entries: Vec<Entry>,
    /// Ids that have no value, with the reason.
    pub absent: Vec<(String, String)>,
}

/// How a file is laid out.
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
    /// Which of its metrics; the id itself where the layout has no other word.
    pub metric: String,
    /// Unit of all values, as the file writes it; empty where the layout has none.
    pub unit: String,
    /// Which way is better, where that is known.
    pub better: Option<Better>,
    /// How the values came about.
    pub kind: Kind,
    pub values: Values,
    /// Lower and upper end of the interval of the value.
    pub interval: Option<(f64, f64)>,
    /// Rounds, launches or samples behind it.
    pub n: Option<u64>,
    /// The value of each round or launch, in order; empty where the file does not have them.
    pub rounds: Vec<f64>,
    /// Why it must not decide, where it must not.
    pub advisory: Option<String>,
}

/// The values of an entry; at least one is there.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Values {
    /// The only one, without a quantile.
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
    /// Something per second.
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
    /// What `unit` measures, and how many milliseconds or bytes one of it is (1 for what is neither).
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

    /// Which way is better, where the quantity alone tells.
    pub const fn better(self) -> Option<Better> {
        match self {
            Self::Duration | Self::Size => Some(Better::Lower),
            Self::Throughput => Some(Better::Higher),
            Self::Percent | Self::Count => None,
        }
    }
}

impl Entry {
    /// An entry with one value and the direction of its unit.
    pub fn new(id: &str, metric: &str, unit: &str, values: Values) -> Self {
        Self {
            id: id.to_owned(),
            metric: metric.to_owned(),
            unit: unit.to_owned(),
            better: Quantity::of(unit).and_then(|(quantity, _)| quantity.better()),
            kind: Kind::Sampled,
            values,
            interval: None,
            n: None,
            rounds: Vec::new(),
            advisory: None,
        }
    }

    /// `packaging duration_ms`; the id once where the metric is the same word.
    pub fn label(&self) -> String {
        if self.id == self.metric { self.id.clone() } else { format!("{} {}", self.id, self.metric) }
    }

    /// The same thing of another file, units aside.
    pub fn is_of(&self, other: &Self) -> bool {
        self.id == other.id && self.metric == other.metric
    }
}

impl Values {
    /// The only value there is.
    pub fn single(value: f64) -> Self {
        Self { value: Some(value), ..Self::default() }
    }
}

/// The quantile `q` (0 to 1) of sorted values, linear between neighbours: definition 7 of R. J. Hyndman and Y. Fan, *Sample
/// Quantiles in Statistical Packages*, 1996, which is numpy's default. There must be at least one value.
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
