//! Paired samples: round i of base and round i of head.

use super::sample::Sample;
use super::undefined::Undefined;

/// Values that differ by less than this share of the largest value are treated as equal, because of rounding.
const GRAIN: f64 = 1.0 / (1_u64 << 44) as f64;

/// The same for logarithms of ratios, whose rounding errors are larger.
const LOG_GRAIN: f64 = 1.0 / (1_u64 << 42) as f64;

/// Returns head − base for each pair, in the unit of both.
///
/// Differences that are equal or zero except for rounding are made equal or zero: 2.58 − 2.30 and 2.64 − 2.36 are both 0.28, and
/// rank tests must see the tie.
///
/// # Errors
/// [`Undefined::Unpaired`] when one sample is longer, [`Undefined::Overflow`] when a difference is beyond the range of numbers.
pub fn differences(base: &Sample, head: &Sample) -> Result<Sample, Undefined> {
    let largest = base.values().iter().chain(head.values()).fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let raw = paired(base, head)?.map(|(base, head)| head - base).collect();
    merged(raw, GRAIN * largest)
}

/// Returns ln(head ÷ base) for each pair, with ties as in [`differences`]. `exp` of an estimate of them is a ratio.
///
/// # Errors
/// [`Undefined::Unpaired`] when one sample is longer, [`Undefined::NotPositive`] when a value is zero or less.
pub fn log_ratios(base: &Sample, head: &Sample) -> Result<Sample, Undefined> {
    let (base, head) = (logarithms(base)?, logarithms(head)?);
    let raw = paired(&base, &head)?.map(|(base, head)| head - base).collect();
    merged(raw, LOG_GRAIN)
}

/// Returns the natural logarithm of each value.
///
/// # Errors
/// [`Undefined::NotPositive`] when a value is zero or less.
pub fn logarithms(sample: &Sample) -> Result<Sample, Undefined> {
    match sample.values().iter().position(|value| *value <= 0.0) {
        Some(index) => Err(Undefined::NotPositive { index, value: sample.values()[index] }),
        None => checked(sample.values().iter().map(|value| value.ln()).collect()),
    }
}

/// Makes a sample of computed values.
pub(super) fn checked(values: Vec<f64>) -> Result<Sample, Undefined> {
    Sample::new(values).map_err(|_| Undefined::Overflow)
}

fn paired<'a>(base: &'a Sample, head: &'a Sample) -> Result<impl Iterator<Item = (f64, f64)> + 'a, Undefined> {
    let (base, head) = (base.values(), head.values());
    if base.len() != head.len() {
        return Err(Undefined::Unpaired { base: base.len(), head: head.len() });
    }
    Ok(base.iter().copied().zip(head.iter().copied()))
}

/// Sets sizes that lie within `grain` of each other to the smallest of them, and keeps the signs.
fn merged(mut values: Vec<f64>, grain: f64) -> Result<Sample, Undefined> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|one, other| values[*one].abs().total_cmp(&values[*other].abs()));
    let mut level = 0.0;
    for position in order {
        let size = values[position].abs();
        if size - level > grain {
            level = size;
        }
        values[position] = if level == 0.0 { 0.0 } else { level.copysign(values[position]) };
    }
    checked(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::tests::sample;

    #[test]
    fn rounding_breaks_no_tie() {
        let found = differences(&sample(&[2.30, 2.36, 1.0, 0.1 + 0.2]), &sample(&[2.58, 2.64, 0.72, 0.3])).unwrap();
        let values = found.values();
        assert_eq!((values[0], values[2], values[3]), (values[1], -values[0], 0.0));
        assert!((values[0] - 0.28).abs() < 1e-12);
    }

    #[test]
    fn different_values_stay_different() {
        let found = differences(&sample(&[1.0, 1.0, 1.0]), &sample(&[1.0 + 1e-12, 1.0 + 2e-12, 1.0])).unwrap();
        assert!(0.0 < found.values()[0] && found.values()[0] < found.values()[1]);
        assert_eq!(found.values()[2], 0.0);
    }

    #[test]
    fn equal_ratios_are_tied() {
        let found = log_ratios(&sample(&[3.0, 7.0, 11.0, 5.0]), &sample(&[3.3, 7.7, 12.1, 5.0])).unwrap();
        assert_eq!((found.values()[0], found.values()[0]), (found.values()[1], found.values()[2]));
        assert!((found.values()[0] - 1.1_f64.ln()).abs() < 1e-12);
        assert_eq!(found.values()[3], 0.0);
    }

    #[test]
    fn unpaired_samples_are_refused() {
        assert_eq!(differences(&sample(&[1.0]), &sample(&[1.0, 2.0])), Err(Undefined::Unpaired { base: 1, head: 2 }));
        assert_eq!(differences(&sample(&[f64::MAX]), &sample(&[f64::MIN])), Err(Undefined::Overflow));
        let zero = log_ratios(&sample(&[1.0, 0.0]), &sample(&[1.0, 1.0]));
        assert_eq!(zero, Err(Undefined::NotPositive { index: 1, value: 0.0 }));
    }
}
