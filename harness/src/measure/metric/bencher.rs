//! Defines the measures of Bencher. `bench_metrics.json`, its reader, `docs/metrics.md` and `scripts/bencher-upload`
//! (through `harness measures`) use those that a metric has ([`super::measures`]).

use serde::Serialize;

use super::unit::{Better, Unit};

/// A measure of Bencher. All metrics of one measure share unit, direction and noise, because a threshold of Bencher
/// belongs to a measure.
#[derive(Debug, PartialEq, Serialize)]
pub struct Measure {
    #[serde(rename = "measure")]
    pub slug: &'static str,
    pub name: &'static str,
    /// The units that Bencher shows.
    pub units: &'static str,
    /// The short form of the units, for tables.
    #[serde(skip)]
    pub label: &'static str,
    pub better: Better,
    pub threshold: Threshold,
}

/// When Bencher raises an alert for a measure.
#[derive(Debug, PartialEq, Serialize)]
pub struct Threshold {
    pub test: Test,
    pub boundary: f64,
    pub min_samples: Option<u32>,
    pub max_samples: u32,
}

/// The tests of Bencher that a threshold can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// Compares with the last value. An exact number has no variance, so a t-test would never raise an alert for it.
    Percentage,
    TTest,
}

const NANOSECONDS: (&str, &str) = ("nanoseconds (ns)", "ns");
const BYTES: (&str, &str) = ("bytes (B)", "bytes");
const PERCENT: (&str, &str) = ("percentage (%)", "%");
const NUMBER: (&str, &str) = ("count", "count");
const BYTES_PER_SECOND: (&str, &str) = ("bytes / second (B/s)", "B/s");
const PER_SECOND: (&str, &str) = ("operations / second (ops/s)", "ops/s");

const fn measure(
    slug: &'static str,
    name: &'static str,
    units: (&'static str, &'static str),
    threshold: Threshold,
) -> Measure {
    Measure { slug, name, units: units.0, label: units.1, better: Better::Lower, threshold }
}

/// Returns a t-test over the last 64 values, which needs at least seven.
const fn t_test(boundary: f64) -> Threshold {
    Threshold { test: Test::TTest, boundary, min_samples: Some(7), max_samples: 64 }
}

/// Returns a threshold relative to the last value.
const fn exact(boundary: f64) -> Threshold {
    Threshold { test: Test::Percentage, boundary, min_samples: None, max_samples: 1 }
}

const MEMORY_CHANGE: Threshold =
    Threshold { test: Test::Percentage, boundary: 0.15, min_samples: Some(3), max_samples: 64 };

pub static FILE_SIZE: Measure = measure("file-size", "File size", BYTES, exact(0.05));
pub static COUNT: Measure = measure("count", "Count", NUMBER, exact(0.0));
pub static REPORTED: Measure = measure("reported", "Reported by the target", NUMBER, t_test(0.99));
pub static DURATION: Measure = measure("duration", "Duration", NANOSECONDS, t_test(0.99));
pub static DURATION_TAIL: Measure = measure("duration-tail", "Duration tail", NANOSECONDS, t_test(0.999));
pub static WRITTEN: Measure = measure("written", "Bytes written", BYTES, exact(0.05));
pub static LATENCY: Measure = measure("latency", "Latency", NANOSECONDS, t_test(0.99));
pub static LATENCY_TAIL: Measure = measure("latency-tail", "Latency tail", NANOSECONDS, t_test(0.999));
pub static OVERHEAD: Measure = measure("overhead", "Overhead", NANOSECONDS, t_test(0.99));
pub static OVERHEAD_PERCENT: Measure = measure("overhead-percent", "Overhead percent", PERCENT, t_test(0.99));
pub static CPU_PERCENT: Measure = measure("cpu-percent", "CPU percent", PERCENT, t_test(0.99));
pub static CPU_TIME: Measure = measure("cpu-time", "CPU time", NANOSECONDS, t_test(0.99));
pub static THROTTLED: Measure = measure("throttled", "Throttled", PERCENT, t_test(0.99));
pub static MEMORY: Measure = measure("memory", "Memory", BYTES, MEMORY_CHANGE);
pub static GROWTH: Measure = measure("memory-growth", "Memory growth", BYTES, t_test(0.999));
pub static COUNT_GROWTH: Measure = measure("count-growth", "Count growth", NUMBER, t_test(0.999));
pub static DRIFT: Measure = measure("drift", "Drift", PERCENT, t_test(0.999));
pub static ERRORS: Measure = measure("errors", "Errors", PERCENT, exact(0.0));
pub static THROUGHPUT: Measure =
    Measure { better: Better::Higher, ..measure("throughput", "Throughput", PER_SECOND, t_test(0.99)) };

pub static USERS: Measure = Measure { better: Better::Higher, ..measure("users", "Users", NUMBER, t_test(0.99)) };
pub static BANDWIDTH: Measure =
    Measure { better: Better::Higher, ..measure("bandwidth", "Bandwidth", BYTES_PER_SECOND, t_test(0.99)) };
pub static ACHIEVED: Measure =
    Measure { better: Better::Higher, ..measure("achieved", "Achieved share of the rate", PERCENT, t_test(0.99)) };
pub static GAIN: Measure = Measure { better: Better::Higher, ..measure("gain", "Gain", NANOSECONDS, t_test(0.99)) };
pub static STREAMING: Measure = measure("streaming", "Events not passed on one by one", PERCENT, t_test(0.999));

impl Measure {
    /// Returns the factor from the unit of a metric to that of the measure (ms → ns: 1e6).
    pub const fn scale(&self, unit: Unit) -> f64 {
        match unit {
            Unit::Millis | Unit::MegabytesPerSecond => 1e6,
            Unit::Micros => 1e3,
            Unit::Bytes | Unit::Percent | Unit::PerSecond | Unit::ConnectionsPerSecond | Unit::Count => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::METRICS;
    use super::*;

    #[test]
    fn metrics_of_one_measure_share_its_direction_and_end_in_its_unit() {
        for metric in METRICS {
            let measure = metric.bencher;
            assert_eq!(metric.better, measure.better, "{}", metric.id);
            let expected = match metric.unit {
                Unit::Millis | Unit::Micros => NANOSECONDS,
                Unit::Bytes => BYTES,
                Unit::Percent => PERCENT,
                Unit::Count => NUMBER,
                Unit::PerSecond | Unit::ConnectionsPerSecond => PER_SECOND,
                Unit::MegabytesPerSecond => BYTES_PER_SECOND,
            };
            assert_eq!((measure.units, measure.label), expected, "{}", metric.id);
        }
    }
}
