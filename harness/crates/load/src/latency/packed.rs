//! A histogram that was read from a file, with only the buckets in use. A record of a default run has about 300 histograms; with all
//! buckets they would take 60 MB.

use std::cell::Cell;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::bufread::ZlibDecoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;

use super::unreadable::{Reason, Unreadable};

/// The longest span, 120 s. Longer spans are recorded as this.
pub(super) const LONGEST_NS: u64 = 120_000_000_000;
/// Largest size of a decompressed histogram in bytes: every count of three digits up to 120 s takes nine.
const LARGEST: u64 = 1 << 19;
/// Largest number of buckets of all histograms of one file. A default run has some 50,000.
const MOST_BUCKETS: u64 = 2_000_000;

thread_local! {
    /// Buckets that the file which this thread reads may still have; absent outside [`document`].
    static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Runs `read`, which reads one file: all its histograms together are bounded. Nested calls count as one.
pub(super) fn document<T>(read: impl FnOnce() -> T) -> T {
    struct Outer(Option<u64>);
    impl Drop for Outer {
        fn drop(&mut self) {
            LEFT.set(self.0);
        }
    }
    let outer = Outer(LEFT.get());
    if outer.0.is_none() {
        LEFT.set(Some(MOST_BUCKETS));
    }
    read()
}

/// Takes the buckets of a histogram out of the bound of its file.
fn take(buckets: usize) -> Result<(), Unreadable> {
    let Some(left) = LEFT.get() else { return Ok(()) };
    let rest = left.checked_sub(buckets as u64).ok_or(Reason::TooMany(MOST_BUCKETS))?;
    LEFT.set(Some(rest));
    Ok(())
}

/// A read-only histogram.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    /// The text as it was read, so that it is written identically.
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

impl Bucket {
    /// Returns the shortest span and the number of spans.
    pub(super) const fn beginning(&self) -> (u64, u64) {
        (self.lowest, self.count)
    }

    /// Returns the longest span and the number of spans.
    pub(super) const fn step(&self) -> (u64, u64) {
        (self.highest, self.count)
    }
}

/// Decodes the full histogram with the library that wrote it.
pub(super) fn histogram(text: &str) -> Result<Histogram<u64>, Unreadable> {
    let bytes = STANDARD.decode(text)?;
    Ok(Deserializer::new().deserialize(&mut bytes.as_slice())?)
}

/// Returns the buckets in use, in order.
pub(super) fn buckets(histogram: &Histogram<u64>) -> Box<[Bucket]> {
    let bucket = |highest: u64, count: u64| Bucket { lowest: histogram.lowest_equivalent(highest), highest, count };
    histogram.iter_recorded().map(|step| bucket(step.value_iterated_to(), step.count_at_value())).collect()
}

/// The fields of a V2 header that define the meaning of the counts.
struct Layout {
    /// ⌊log₂⌋ of the lowest value that differs from 0.
    unit: u32,
    /// log₂ of half the buckets that share one width: 10 for three digits.
    half: u32,
    /// The number of half buckets; the last one contains the highest value.
    rows: u64,
}

/// The length of the header before the counts.
const HEADER: usize = 40;

impl Layout {
    /// Reads the header: cookie, length of the counts, offset, digits, lowest and highest value, ratio (Gil Tene, HdrHistogram,
    /// encoding V2).
    fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        const COOKIE: u32 = 0x1c84_9313;
        let short = || Unreadable::from(Reason::Truncated);
        let four = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let eight = |at: usize| Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let (cookie, length) = four(0).zip(four(4)).ok_or_else(short)?;
        let (offset, digits) = four(8).zip(four(12)).ok_or_else(short)?;
        let (lowest, highest) = eight(16).zip(eight(24)).ok_or_else(short)?;
        let ratio = f64::from_bits(eight(32).ok_or_else(short)?);
        // Others are not written here; more digits or longer spans would take more memory than the file suggests.
        if cookie != COOKIE || offset != 0 || ratio != 1.0 || digits > 3 || lowest != 1 || highest > LONGEST_NS {
            return Err(Reason::Header.into());
        }
        if length as usize != bytes.len() - HEADER {
            return Err(short());
        }
        let largest_with_single_unit = 2 * 10_u64.pow(digits);
        let half = largest_with_single_unit.next_power_of_two().trailing_zeros() - 1;
        let unit = lowest.ilog2();
        // The second row ends here; each later row ends at twice the end of the previous one.
        let end = 1_u128 << (half + 1 + unit);
        let doublings = (0..64).find(|doublings| end << doublings > u128::from(highest)).unwrap_or(64);
        Ok(Self { unit, half, rows: doublings + 2 })
    }

    /// Returns the bucket at this position of the counts.
    fn bucket(&self, index: u64, count: u64) -> Option<Bucket> {
        let (row, place) = (index >> self.half, index & ((1 << self.half) - 1));
        // The first two halves have the width of the unit; each later half is twice as wide as the previous one.
        let width = u32::try_from(row.saturating_sub(1)).ok().filter(|_| row < self.rows)? + self.unit;
        let within = if row == 0 { place } else { place + (1 << self.half) };
        let lowest = within.checked_mul(1_u64.checked_shl(width)?)?;
        Some(Bucket { lowest, highest: lowest + ((1_u64 << width) - 1), count })
    }
}

/// Reads one number of the counts, in ZigZag and LEB128 of at most nine bytes. Returns it and the remaining bytes.
fn number(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().enumerate().take(9) {
        let last = index == 8;
        let bits = if last { u64::from(*byte) } else { u64::from(byte & 0x7f) };
        value |= bits << (7 * index);
        if last || byte & 0x80 == 0 {
            let number = (value >> 1) as i64 ^ -((value & 1) as i64);
            return Some((number, &bytes[index + 1..]));
        }
    }
    None
}

/// Decodes the buckets in use without the full histogram of 220 KiB, which would take ten times as long.
fn unpack(text: &str) -> Result<Vec<Bucket>, Unreadable> {
    const COOKIE: [u8; 4] = [0x1c, 0x84, 0x93, 0x14];
    let bytes = STANDARD.decode(text)?;
    let Some((head, packed)) = bytes.split_at_checked(8).filter(|(head, _)| head[..4] == COOKIE) else {
        return Err(Reason::Cookie.into());
    };
    if head[4..] != u32::try_from(packed.len()).unwrap_or_default().to_be_bytes() {
        return Err(Reason::Truncated.into());
    }
    let mut bytes = Vec::new();
    ZlibDecoder::new(packed).take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Reason::TooLarge(LARGEST).into());
    }
    let layout = Layout::read(&bytes)?;
    let (mut rest, mut index) = (&bytes[HEADER..], 0_u64);
    let mut buckets = Vec::new();
    while !rest.is_empty() {
        let (count, more) = number(rest).ok_or(Reason::Truncated)?;
        rest = more;
        // A negative number is a run of that many empty buckets.
        let step = if count < 0 { count.unsigned_abs() } else { 1 };
        if count > 0 {
            let bucket = layout.bucket(index, count.unsigned_abs());
            buckets.push(bucket.ok_or(Reason::BeyondHighest)?);
        }
        index = index.checked_add(step).ok_or(Reason::BeyondHighest)?;
    }
    take(buckets.len())?;
    Ok(buckets)
}

impl Bucket {
    /// Returns the middle of its spans, as HdrHistogram uses it for a mean.
    fn middle(&self) -> f64 {
        (self.lowest + (self.highest - self.lowest).div_ceil(2)) as f64
    }
}

impl Packed {
    pub(super) fn read(text: String) -> Result<Self, Unreadable> {
        let buckets = unpack(&text)?.into_boxed_slice();
        let count = buckets.iter().try_fold(0_u64, |sum, bucket| sum.checked_add(bucket.count));
        let count = count.ok_or(Reason::Overflow)?;
        let mean = buckets.iter().map(|bucket| bucket.middle() * bucket.count as f64 / count as f64).sum();
        Ok(Self { text: text.into_boxed_str(), buckets, count, mean })
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

    /// Returns the highest span of the bucket with the ⌈q · n⌉-th smallest value, as HdrHistogram defines quantiles.
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

    /// Returns the number of spans in buckets that begin above `limit`.
    pub(super) fn count_above(&self, limit: u64) -> u64 {
        self.buckets.iter().filter(|bucket| bucket.lowest > limit).map(|bucket| bucket.count).sum()
    }
}
