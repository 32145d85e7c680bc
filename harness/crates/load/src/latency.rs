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
        // This cannot fail, because both have the same bounds.
        let _ = match &other.0 {
            Form::Counting(more) => histogram.add(more).ok(),
            Form::Read(more) => packed::histogram(more.text()).ok().and_then(|more| histogram.add(more).ok()),
        };
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
    fn an_empty_histogram_has_no_quantile_and_long_spans_are_clamped() {
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

    #[test]
    fn a_histogram_that_was_read_equals_the_one_that_was_written() {
        let mut state = 7_u64;
        let spans: Vec<u64> = (0..5_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) % 10_u64.pow(3 + (state >> 60) as u32 % 8)
            })
            .collect();
        for counted in [
            of(&spans),
            of(&[]),
            of(&[0]),
            of(&[1, 2_047, 2_048, 2_049, 4_096, 125_000_000_000, u64::MAX]),
            LatencyHistogram::coarse(),
        ] {
            let json = serde_json::to_string(&counted).unwrap();
            let read: LatencyHistogram = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), json, "written again byte for byte");
            assert!(read == counted, "the same in either form");
            assert!(counted == read, "from either side");
            assert!(read == read.clone(), "and among its own");
            assert_eq!(
                (read.quantiles(), read.mean_ns(), read.max()),
                (counted.quantiles(), counted.mean_ns(), counted.max())
            );
            for step in 0..=1_000 {
                let q = f64::from(step) / 1_000.0;
                assert_eq!(read.quantile(q), counted.quantile(q), "{q}");
            }
            for limit in spans.iter().take(200).copied().chain([0, 1, 2_047, 2_048, u64::MAX]) {
                assert_eq!(read.count_above(Nanos(limit)), counted.count_above(Nanos(limit)), "{limit}");
            }
        }
    }

    /// Returns a histogram whose header claims these bounds, with these counts.
    fn forged(digits: u32, highest: u64, counts: &[u8]) -> String {
        use std::io::Write as _;
        let mut inner = Vec::new();
        inner.extend(0x1c84_9313_u32.to_be_bytes());
        inner.extend((counts.len() as u32).to_be_bytes());
        inner.extend(0_u32.to_be_bytes());
        inner.extend(digits.to_be_bytes());
        inner.extend(1_u64.to_be_bytes());
        inner.extend(highest.to_be_bytes());
        inner.extend(1_f64.to_bits().to_be_bytes());
        inner.extend(counts);
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(&inner).unwrap();
        let packed = packed.finish().unwrap();
        let mut outer = 0x1c84_9314_u32.to_be_bytes().to_vec();
        outer.extend((packed.len() as u32).to_be_bytes());
        outer.extend(packed);
        STANDARD.encode(outer)
    }

    #[test]
    fn histograms_that_claim_gigabytes_are_refused() {
        let message = |text: &str| LatencyHistogram::from_base64(text).unwrap_err().to_string();
        assert!(LatencyHistogram::from_base64(&forged(3, LONGEST_NS, &[2; 1000])).is_ok());
        assert!(message(&forged(5, LONGEST_NS, &[2])).contains("header"));
        assert!(message(&forged(3, u64::MAX, &[2])).contains("header"));
        let bomb = forged(3, LONGEST_NS, &vec![2; 100 << 20]);
        assert!(bomb.len() < 1 << 20 && message(&bomb).contains("more than 524288 bytes"), "{}", bomb.len());
        // Many that are each within the bound.
        let full = forged(3, LONGEST_NS, &[2; 28_000]);
        let many = || (0..100).map(|_| LatencyHistogram::from_base64(&full)).collect::<Result<Vec<_>, _>>();
        assert!(document(many).unwrap_err().to_string().contains("more than 2000000 values"));
        assert!(document(|| LatencyHistogram::from_base64(&full)).is_ok(), "each file has its own bound");
    }

    #[test]
    fn damaged_histograms_are_refused() {
        let whole = serde_json::to_string(&of(&(1..300).map(|step| step * 7_919).collect::<Vec<_>>())).unwrap();
        let text = whole.trim_matches('"');
        assert!(LatencyHistogram::from_base64(text).is_ok());
        let bytes = STANDARD.decode(text).unwrap();
        for length in 0..bytes.len() {
            let cut = STANDARD.encode(&bytes[..length]);
            assert!(LatencyHistogram::from_base64(&cut).is_err(), "{length} of {} bytes", bytes.len());
        }
        for text in ["", "!", "AAAA", "HISTFAAA"] {
            let message = LatencyHistogram::from_base64(text).unwrap_err().to_string();
            assert!(message.starts_with("not a V2 HdrHistogram in base64: "), "{message}");
        }
    }

    #[test]
    fn a_histogram_that_was_read_can_count() {
        let (left, right) = (of(&[10, 20_000, 3_000_000]), of(&[5, 500_000_000]));
        let again = |histogram: &LatencyHistogram| -> LatencyHistogram {
            serde_json::from_str(&serde_json::to_string(histogram).unwrap()).unwrap()
        };
        let mut expected = left.clone();
        expected.merge(&right);
        let (mut read, mut counted) = (again(&left), left.clone());
        read.merge(&again(&right));
        counted.merge(&again(&right));
        assert!(read == expected && counted == expected && again(&left) != expected);
        read.record(Nanos(7));
        assert_eq!(read.count(), expected.count() + 1);
        read.clear();
        assert_eq!(read.count(), 0);
    }
}
