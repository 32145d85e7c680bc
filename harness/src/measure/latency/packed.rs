//! A histogram as it was read from a file: the buckets in use and no others. A record of a default run has some 300 histograms;
//! with all buckets they would take 60 MB.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;

use super::Unreadable;

/// A histogram that is only asked, never added to.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    /// As it was read, so that it is written again byte for byte.
    text: Box<str>,
    buckets: Box<[Bucket]>,
    count: u64,
    mean: f64,
}

/// The spans that one counter stands for, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket {
    lowest: u64,
    highest: u64,
    count: u64,
}

/// The full histogram that a text holds.
pub(super) fn histogram(text: &str) -> Result<Histogram<u64>, Unreadable> {
    let bytes = STANDARD.decode(text).map_err(|error| Unreadable(error.to_string()))?;
    let read: Result<Histogram<u64>, _> = Deserializer::new().deserialize(&mut bytes.as_slice());
    read.map_err(|error| Unreadable(error.to_string()))
}

/// The buckets in use, in order.
pub(super) fn buckets(histogram: &Histogram<u64>) -> Box<[Bucket]> {
    let bucket = |highest: u64, count: u64| Bucket { lowest: histogram.lowest_equivalent(highest), highest, count };
    histogram.iter_recorded().map(|step| bucket(step.value_iterated_to(), step.count_at_value())).collect()
}

impl Packed {
    pub(super) fn read(text: String) -> Result<Self, Unreadable> {
        let histogram = histogram(&text)?;
        Ok(Self {
            text: text.into_boxed_str(),
            buckets: buckets(&histogram),
            count: histogram.len(),
            mean: histogram.mean(),
        })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    pub(super) const fn mean(&self) -> f64 {
        self.mean
    }

    /// The highest span of the bucket that holds the ⌈q · n⌉-th smallest, as HdrHistogram defines its quantiles.
    pub(super) fn value_at_quantile(&self, quantile: f64) -> u64 {
        let wanted = ((quantile.min(1.0) * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        let reached = self.buckets.iter().find(|bucket| {
            seen += bucket.count;
            seen >= wanted
        });
        reached.map_or(0, |bucket| if quantile == 0.0 { bucket.lowest } else { bucket.highest })
    }

    pub(super) fn max(&self) -> u64 {
        self.buckets.last().map_or(0, |bucket| bucket.highest)
    }

    /// Spans in buckets that begin above `limit`.
    pub(super) fn count_above(&self, limit: u64) -> u64 {
        self.buckets.iter().filter(|bucket| bucket.lowest > limit).map(|bucket| bucket.count).sum()
    }
}
