//! Latency histograms: HdrHistogram over nanoseconds, 1 ns to 120 s, three significant digits.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

use crate::units::Nanos;

/// Longest span kept, 120 s; anything longer is recorded as this.
const LONGEST_NS: u64 = 120_000_000_000;

/// Counts of spans by length, to three significant digits. In memory about 220 KiB: keep one per worker, never one per
/// connection. In JSON it is the V2 compressed form of HdrHistogram in base64, which every HdrHistogram tool reads.
#[derive(Debug, Clone, PartialEq)]
pub struct LatencyHistogram(Histogram<u64>);

/// The usual quantiles of a histogram, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Number of values behind the quantiles.
    pub count: u64,
    /// Quantile 0.5.
    pub p50_ns: u64,
    /// Quantile 0.9.
    pub p90_ns: u64,
    /// Quantile 0.95.
    pub p95_ns: u64,
    /// Quantile 0.99.
    pub p99_ns: u64,
    /// Largest value.
    pub max_ns: u64,
}

/// Why a stored histogram could not be read.
#[derive(Debug, thiserror::Error)]
#[error("not a V2 HdrHistogram in base64: {0}")]
pub struct Unreadable(String);

impl Default for LatencyHistogram {
    fn default() -> Self {
        Self::with_digits(3)
    }
}

impl LatencyHistogram {
    /// An empty histogram with two significant digits: an eighth of the memory, for the seconds beside a trial.
    pub fn coarse() -> Self {
        Self::with_digits(2)
    }

    #[expect(clippy::expect_used, reason = "the bounds are constants that satisfy the constructor")]
    fn with_digits(digits: u8) -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST_NS, digits).expect("1 ≤ 120 s and two or three digits"))
    }

    /// Counts one span.
    pub fn record(&mut self, span: Nanos) {
        self.0.saturating_record(span.0.max(1));
    }

    /// Adds the counts of `other`. Associative and commutative.
    pub fn merge(&mut self, other: &Self) {
        // Cannot fail: both have the same bounds.
        let _ = self.0.add(&other.0);
    }

    /// Forgets all counts and keeps the memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Number of spans recorded.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The span below or at which a share `quantile` (0 to 1) of all spans lie; `None` when empty.
    pub fn quantile(&self, quantile: f64) -> Option<Nanos> {
        (!self.0.is_empty()).then(|| Nanos(self.0.value_at_quantile(quantile)))
    }

    /// Arithmetic mean in nanoseconds; `None` when empty.
    pub fn mean_ns(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.mean())
    }

    /// Largest span; `None` when empty.
    pub fn max(&self) -> Option<Nanos> {
        (!self.0.is_empty()).then(|| Nanos(self.0.max()))
    }

    /// How many spans are longer than `limit`.
    pub fn count_above(&self, limit: Nanos) -> u64 {
        self.0.len() - self.0.count_between(0, limit.0)
    }

    /// The usual quantiles; `None` when empty.
    pub fn quantiles(&self) -> Option<Quantiles> {
        let at = |quantile| self.0.value_at_quantile(quantile);
        (!self.0.is_empty()).then(|| Quantiles {
            count: self.0.len(),
            p50_ns: at(0.5),
            p90_ns: at(0.9),
            p95_ns: at(0.95),
            p99_ns: at(0.99),
            max_ns: self.0.max(),
        })
    }

    /// Reads the form written by [`Serialize`].
    ///
    /// # Errors
    /// [`Unreadable`] when the text is not base64 or not a V2 histogram.
    pub fn from_base64(text: &str) -> Result<Self, Unreadable> {
        let bytes = STANDARD.decode(text).map_err(|error| Unreadable(error.to_string()))?;
        let read: Result<Histogram<u64>, _> = Deserializer::new().deserialize(&mut bytes.as_slice());
        read.map(Self).map_err(|error| Unreadable(error.to_string()))
    }
}

impl Serialize for LatencyHistogram {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new().serialize(&self.0, &mut bytes).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&STANDARD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for LatencyHistogram {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_base64(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(spans: &[u64]) -> LatencyHistogram {
        let mut histogram = LatencyHistogram::default();
        spans.iter().for_each(|span| histogram.record(Nanos(*span)));
        histogram
    }

    #[test]
    fn quantiles_are_right_to_three_digits() {
        let histogram = of(&(1..=10_000).map(|step| step * 1_000).collect::<Vec<_>>());
        for (quantile, truth) in [(0.5, 5.0e6), (0.99, 9.9e6), (1.0, 1.0e7)] {
            let found = histogram.quantile(quantile).map_or(0.0, |span| span.0 as f64);
            assert!((found / truth - 1.0).abs() < 1e-3, "{quantile}: {found}");
        }
        assert!(histogram.count_above(Nanos(9_000_000)).abs_diff(1_000) < 20);
    }

    #[test]
    fn empty_has_no_quantile_and_too_long_is_held() {
        assert_eq!(LatencyHistogram::default().quantile(0.5), None);
        let held = of(&[u64::MAX]).max().map_or(0, |span| span.0);
        assert!(held.abs_diff(LONGEST_NS) < LONGEST_NS / 500, "{held}");
    }

    #[test]
    fn merging_is_adding_and_survives_json() {
        let (left, right) = (of(&[10, 20_000, 3_000_000]), of(&[5, 500_000_000]));
        let (mut one, mut other) = (left.clone(), right.clone());
        one.merge(&right);
        other.merge(&left);
        assert_eq!(one.quantiles(), other.quantiles());
        let json = serde_json::to_string(&one).unwrap();
        assert!(json.starts_with("\"HISTFAAA"), "{json}");
        let back: LatencyHistogram = serde_json::from_str(&json).unwrap();
        assert_eq!(back.quantiles(), one.quantiles());
    }
}
