//! Latency histograms: HdrHistogram over nanoseconds, 1 ns to 120 s, three significant digits.

mod packed;
mod unreadable;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

use harness_base::units::Nanos;
use packed::{LONGEST_NS, Packed};
pub use unreadable::Unreadable;

/// Counts of spans by length, to three significant digits. While it counts it takes about 220 KiB, so it is kept per worker and not
/// per connection. When it was read from a file, it takes only the memory of the buckets in use. In JSON it is the V2 compressed
/// form of HdrHistogram in base64, which every HdrHistogram tool reads.
#[derive(Debug, Clone)]
pub struct LatencyHistogram(Form);

#[derive(Debug, Clone)]
enum Form {
    Counting(Histogram<u64>),
    Read(Packed),
}

/// The usual quantiles of a histogram, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Quantiles {
    /// The number of values.
    pub count: u64,
    pub p50_ns: u64,
    pub p90_ns: u64,
    pub p95_ns: u64,
    pub p99_ns: u64,
    pub max_ns: u64,
}

/// A lag of the generator that is compared with its limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Lag {
    /// From 0 to 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub quantile: f64,
    pub lag_ns: u64,
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        Self::with_digits(3)
    }
}

/// Runs `read`, which reads one file that contains histograms. The number of their buckets is bounded, so that a small file cannot take
/// gigabytes of memory.
pub fn document<T>(read: impl FnOnce() -> T) -> T {
    packed::document(read)
}

impl LatencyHistogram {
    /// Creates an empty histogram with two significant digits. It needs an eighth of the memory, and is used for single seconds.
    pub fn coarse() -> Self {
        Self::with_digits(2)
    }

    #[expect(clippy::expect_used, reason = "the bounds are constants that satisfy the constructor")]
    fn with_digits(digits: u8) -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST_NS, digits).expect("1 ≤ 120 s and two or three digits");
        Self(Form::Counting(histogram))
    }

    /// Returns the histogram to count in. A histogram that was read is unpacked first.
    fn counting(&mut self) -> Option<&mut Histogram<u64>> {
        if let Form::Read(read) = &self.0 {
            *self = Self(Form::Counting(packed::histogram(read.text()).ok()?));
        }
        match &mut self.0 {
            Form::Counting(histogram) => Some(histogram),
            Form::Read(_) => None,
        }
    }

    pub fn record(&mut self, span: Nanos) {
        // There always is one, because a histogram that was read could be decoded.
        if let Some(histogram) = self.counting() {
            histogram.saturating_record(span.0.max(1));
        }
    }

    /// Adds the counts of `other`. Associative and commutative.
    pub fn merge(&mut self, other: &Self) {
        let Some(histogram) = self.counting() else { return };
        match &other.0 {
            Form::Counting(more) => {
                // This cannot fail, because both have the same bounds.
                let _ = histogram.add(more);
            }
            // Those in use, because unpacking all buckets would take ten times as long.
            Form::Read(more) => {
                for (shortest, count) in more.buckets().iter().map(packed::Bucket::beginning) {
                    histogram.saturating_record_n(shortest, count);
                }
            }
        }
    }

    /// Resets all counts and keeps the memory.
    pub fn clear(&mut self) {
        if let Some(histogram) = self.counting() {
            histogram.clear();
        }
    }

    pub fn count(&self) -> u64 {
        match &self.0 {
            Form::Counting(histogram) => histogram.len(),
            Form::Read(read) => read.count(),
        }
    }

    /// Returns the span at or below which a share `quantile` (0 to 1) of all spans lies; `None` when empty.
    pub fn quantile(&self, quantile: f64) -> Option<Nanos> {
        (self.count() > 0).then(|| Nanos(self.value_at(quantile)))
    }

    fn value_at(&self, quantile: f64) -> u64 {
        match &self.0 {
            Form::Counting(histogram) => histogram.value_at_quantile(quantile),
            Form::Read(read) => read.value_at_quantile(quantile),
        }
    }

    /// Returns the arithmetic mean in nanoseconds; `None` when empty.
    pub fn mean_ns(&self) -> Option<f64> {
        let mean = match &self.0 {
            Form::Counting(histogram) => histogram.mean(),
            Form::Read(read) => read.mean(),
        };
        (self.count() > 0).then_some(mean)
    }

    /// Returns the largest span; `None` when empty.
    pub fn max(&self) -> Option<Nanos> {
        (self.count() > 0).then(|| Nanos(self.max_value()))
    }

    fn max_value(&self) -> u64 {
        match &self.0 {
            Form::Counting(histogram) => histogram.max(),
            Form::Read(read) => read.max(),
        }
    }

    /// Returns the buckets in use, in order: their longest span in nanoseconds, and the number of spans.
    pub fn steps(&self) -> Vec<(u64, u64)> {
        match &self.0 {
            Form::Counting(histogram) => {
                histogram.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value())).collect()
            }
            Form::Read(read) => read.buckets().iter().map(packed::Bucket::step).collect(),
        }
    }

    /// Returns the number of spans that are longer than `limit`.
    pub fn count_above(&self, limit: Nanos) -> u64 {
        match &self.0 {
            Form::Counting(histogram) => histogram.len() - histogram.count_between(0, limit.0),
            Form::Read(read) => read.count_above(limit.0),
        }
    }

    /// Returns the usual quantiles; `None` when empty.
    pub fn quantiles(&self) -> Option<Quantiles> {
        (self.count() > 0).then(|| Quantiles {
            count: self.count(),
            p50_ns: self.value_at(0.5),
            p90_ns: self.value_at(0.9),
            p95_ns: self.value_at(0.95),
            p99_ns: self.value_at(0.99),
            max_ns: self.max_value(),
        })
    }

    /// Returns p99, or a lower quantile if fewer than ten values are beyond p99, because one late wake-up would decide it; `None` when empty.
    pub fn judged(&self) -> Option<Lag> {
        let quantile = 1.0 - (10.0 / self.count().max(20) as f64).max(0.01);
        Some(Lag { quantile, lag_ns: self.quantile(quantile)?.0 })
    }

    /// Reads the form written by [`Serialize`].
    ///
    /// # Errors
    /// Returns [`Unreadable`] when the text is not base64 or not a V2 histogram.
    pub fn from_base64(text: &str) -> Result<Self, Unreadable> {
        Packed::read(text.to_owned()).map(|read| Self(Form::Read(read)))
    }
}

/// Compares the counts, in either form.
impl PartialEq for LatencyHistogram {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Form::Counting(one), Form::Counting(two)) => one == two,
            (Form::Read(one), Form::Read(two)) => one.buckets() == two.buckets(),
            (Form::Counting(one), Form::Read(two)) | (Form::Read(two), Form::Counting(one)) => {
                *packed::buckets(one) == *two.buckets()
            }
        }
    }
}

impl Serialize for LatencyHistogram {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let histogram = match &self.0 {
            Form::Counting(histogram) => histogram,
            Form::Read(read) => return serializer.serialize_str(read.text()),
        };
        let mut bytes = Vec::new();
        V2DeflateSerializer::new().serialize(histogram, &mut bytes).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&STANDARD.encode(bytes))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for LatencyHistogram {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "LatencyHistogram".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let about = "HdrHistogram V2, deflated, base64; nanoseconds.";
        schemars::json_schema!({ "type": "string", "pattern": "^HISTF", "description": about })
    }
}

impl<'de> Deserialize<'de> for LatencyHistogram {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Packed::read(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)?;
        Ok(Self(Form::Read(read)))
    }
}

#[cfg(test)]
mod tests;
