//! Estimates over independent units: the instances of a target, or the rounds of a single instance.
//!
//! Instances of one program differ, so the rounds of one instance are not independent of each other. Each instance is therefore one
//! value, and the number of values is the number of instances.

use std::collections::BTreeMap;

use super::distribution::{student_quantile, student_tail};
use super::estimate::{Estimate, Interval, LEAST_COVERAGE, OUTSIDE};
use super::moments::Moments;
use super::sample::Sample;
use super::undefined::{Undefined, finite};

/// The fewest units for an interval.
pub const FEWEST_UNITS: usize = 5;

/// Returns the mean of the middle half of the values. A quarter of the values can be arbitrary, and it scatters less than the median.
pub fn interquartile_mean(sample: &Sample) -> f64 {
    let sorted = sample.sorted();
    let outside = sorted.len() / 4;
    let middle = &sorted[outside..sorted.len() - outside];
    middle.iter().sum::<f64>() / middle.len() as f64
}

impl Estimate {
    /// Returns the mean of independent values with the interval of Student's t: mean ± t(n − 1) · s ÷ √n. There is no interval below
    /// [`FEWEST_UNITS`] values.
    ///
    /// # Errors
    /// [`Undefined::Overflow`] when a number is not finite.
    pub fn mean(sample: &Sample) -> Result<Self, Undefined> {
        let values = sample.values();
        let n = values.len();
        let mean = finite(values.iter().sum::<f64>() / n as f64)?;
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        let interval = match student(n)? {
            None => None,
            Some(t) => {
                let half = t * (squares / (n * (n - 1)) as f64).sqrt();
                Some(Interval { low: finite(mean - half)?, high: finite(mean + half)?, coverage: LEAST_COVERAGE })
            }
        };
        Ok(Self { point: mean, interval, n: n as u64 })
    }

    /// Returns the estimate in another unit, of which `factor` make one of this.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        // Zero times a factor below zero would be written as -0.
        let by = |value: f64| value * factor + 0.0;
        let ends = |ends: Interval| {
            let (one, other) = (by(ends.low), by(ends.high));
            Interval { low: one.min(other), high: one.max(other), ..ends }
        };
        Self { point: by(self.point), interval: self.interval.map(ends), ..*self }
    }
}

/// Returns the two-sided p-value of Student's t for a mean of zero. It is 1 if all values are zero, and 0 if they are equal otherwise.
///
/// # Errors
/// [`Undefined::TooFew`] with fewer than two values, [`Undefined::Overflow`] when a number is not finite.
pub fn differs_from_zero(sample: &Sample) -> Result<f64, Undefined> {
    let Moments { n, mean, variance, constant } = Moments::of(sample)?;
    if constant {
        return Ok(if mean == 0.0 { 1.0 } else { 0.0 });
    }
    let t = mean.abs() / (variance / n).sqrt();
    Ok((2.0 * student_tail(t, n - 1.0)?).min(1.0))
}

/// Returns the quantile of Student's t for an interval of the mean of `n` values; `None` below [`FEWEST_UNITS`].
fn student(n: usize) -> Result<Option<f64>, Undefined> {
    if n < FEWEST_UNITS {
        return Ok(None);
    }
    student_quantile(OUTSIDE, (n - 1) as f64).map(Some)
}

/// How often each value occurred.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<u64, u64>);

impl Counts {
    /// Adds values and their numbers.
    pub fn add(&mut self, steps: impl IntoIterator<Item = (u64, u64)>) {
        for (value, count) in steps {
            *self.0.entry(value).or_default() += count;
        }
    }

    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Returns the smallest value at or below which a share `q` of all values lies; `None` when empty.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let mut left = (q * self.total() as f64).ceil().max(1.0) as u64;
        let reached = |(value, count): (&u64, &u64)| {
            left = left.saturating_sub(*count);
            (left == 0).then_some(*value)
        };
        self.0.iter().find_map(reached)
    }
}

/// Estimates the quantile `q` of all values of all units together.
///
/// A limit is in the interval if the share of values beyond it can be 1 − q: the share of each unit is one value, and their mean has
/// the interval of Student's t. So an event that affects few requests of few units, for example a pause every half minute, makes the
/// interval wide, and is never hidden by a median over the units.
///
/// # Errors
/// [`Undefined::TooFew`] without values.
pub fn pooled_quantile(units: &[Counts], q: f64) -> Result<Estimate, Undefined> {
    let units: Vec<&Counts> = units.iter().filter(|unit| unit.total() > 0).collect();
    let mut all = Counts::default();
    units.iter().for_each(|unit| all.add(unit.0.iter().map(|(value, count)| (*value, *count))));
    let point = all.quantile(q).ok_or(Undefined::TooFew { needed: 1, found: 0 })? as f64;
    let interval = match student(units.len())? {
        None => None,
        Some(t) => {
            let (low, high) = limits(&units, &all, t, 1.0 - q);
            Some(Interval { low: low.min(point), high: high.max(point), coverage: LEAST_COVERAGE })
        }
    };
    Ok(Estimate { point, interval, n: units.len() as u64 })
}

/// Returns the smallest and the largest limit beyond which a share of `beyond` can lie.
fn limits(units: &[&Counts], all: &Counts, t: f64, beyond: f64) -> (f64, f64) {
    let n = units.len() as f64;
    let totals: Vec<f64> = units.iter().map(|unit| unit.total() as f64).collect();
    let total: f64 = totals.iter().sum();
    let mut above = totals.clone();
    let mut steps: Vec<_> = units.iter().map(|unit| unit.0.iter().peekable()).collect();
    let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
    for value in all.0.keys() {
        for (above, steps) in above.iter_mut().zip(&mut steps) {
            *above -= steps.next_if(|(own, _)| *own == value).map_or(0.0, |(_, count)| *count as f64);
        }
        let share = above.iter().sum::<f64>() / total;
        let residual = |(above, total): (&f64, &f64)| above - share * total;
        let squares: f64 = above.iter().zip(&totals).map(residual).map(|residual| residual * residual).sum();
        let half = t * (squares / (n * (n - 1.0))).sqrt() * n / total;
        if share - half <= beyond {
            low = low.min(*value as f64);
        }
        if share + half >= beyond {
            high = high.max(*value as f64);
        }
    }
    (low, high)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::sample::tests::sample;
    use crate::tests::normal;

    #[test]
    fn a_mean_is_compared_with_zero_as_by_scipy() {
        let of = |values: &[f64]| differs_from_zero(&Sample::new(values.to_vec()).unwrap()).unwrap();
        assert!((of(&[1.0, 2.0, 3.0, 4.0, 5.0]) - 0.013_235).abs() < 1e-5, "{}", of(&[1.0, 2.0, 3.0, 4.0, 5.0]));
        assert_eq!((of(&[0.0, 0.0]), of(&[2.0, 2.0])), (1.0, 0.0));
        assert!((of(&[-1.0, 1.0, -2.0, 2.0]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_mean_has_the_interval_of_student() {
        let found = Estimate::mean(&sample(&[1.0, 2.0, 3.0, 4.0, 5.0])).unwrap();
        let ends = found.interval.unwrap();
        // s = √2.5, s ÷ √5 = √0.5, and t with four degrees of freedom is 2.776.
        assert!((found.point, found.n) == (3.0, 5) && (ends.high - 3.0 - 2.776_445 * 0.5_f64.sqrt()).abs() < 1e-5);
        assert!((ends.low + ends.high - 6.0).abs() < 1e-12);
        assert_eq!(Estimate::mean(&sample(&[1.0, 2.0, 3.0, 4.0])).unwrap().interval, None);
        assert_eq!(Estimate::mean(&sample(&[1e308, 1e308])), Err(Undefined::Overflow));
        let turned = found.scaled(-2.0);
        assert!(turned.point == -6.0 && turned.interval.is_some_and(|turned| turned.low == -2.0 * ends.high));
    }

    #[test]
    fn a_quarter_of_the_values_can_be_arbitrary() {
        assert_eq!(interquartile_mean(&sample(&[1.0, 2.0, 6.0])), 3.0);
        assert_eq!(interquartile_mean(&sample(&[1e9, 2.0, 3.0, 4.0, 5.0, -1e9, 4.0, 6.0])), 4.0);
    }

    /// Returns how many of `trials` intervals contain the true value, for instances that scatter by `between` and have ten rounds each.
    fn covered(instances: usize, between: f64, heavy: bool, trials: u32) -> f64 {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut held = 0;
        for _ in 0..trials {
            let instance = |random: &mut ChaCha8Rng| {
                let level = (between * normal(random)).exp();
                let round = |random: &mut ChaCha8Rng| {
                    let tail = if heavy { random.random_range(0.05..1.0_f64).recip() } else { 1.0 };
                    level + 0.05 * tail * normal(random)
                };
                interquartile_mean(&sample(&(0..10).map(|_| round(random)).collect::<Vec<_>>()))
            };
            let values: Vec<f64> = (0..instances).map(|_| instance(&mut random)).collect();
            let ends = Estimate::mean(&sample(&values)).unwrap().interval.unwrap();
            let truth = (between * between / 2.0).exp();
            held += u32::from(ends.low <= truth && truth <= ends.high);
        }
        f64::from(held) / f64::from(trials)
    }

    #[test]
    fn the_interval_covers_the_true_value_although_instances_differ() {
        for (instances, between, heavy) in [(5, 0.04, false), (10, 0.01, true), (10, 0.04, true)] {
            let found = covered(instances, between, heavy, 2_000);
            // 95 % less three standard errors of a share in 2,000.
            assert!(found >= 0.935, "{instances} instances that differ by {between}: {found}");
        }
    }

    /// Prints the table of `docs/statistics.md`.
    #[test]
    #[ignore = "takes a minute and checks nothing"]
    fn print_the_coverage() {
        for instances in [5, 7, 10] {
            for between in [0.01, 0.02, 0.04] {
                let of = |heavy| covered(instances, between, heavy, 10_000);
                println!("{instances:3} {between:.2}: {:.3} {:.3}", of(false), of(true));
            }
        }
    }

    #[test]
    fn quantiles_are_those_of_all_values() {
        let mut counts = Counts::default();
        assert_eq!(counts.quantile(0.5), None);
        counts.add((1..=100).map(|value| (value, 1)));
        assert_eq!([0.0, 0.5, 0.95, 0.951, 1.0].map(|q| counts.quantile(q)), [1, 50, 95, 96, 100].map(Some));
        assert_eq!(counts.total(), 100);
    }

    #[test]
    fn a_pause_in_one_unit_of_ten_is_neither_hidden_nor_certain() {
        // 1.7 % of all requests take up to 500 ms, all of them in one unit.
        let unit = |paused: u64| {
            let mut counts = Counts::default();
            counts.add([(200_000, 1_000 - paused)]);
            counts.add((1..=paused).map(|step| (step * 500_000_000 / paused.max(1), 1)));
            counts
        };
        let units: Vec<Counts> = (0..10).map(|number| unit(if number == 4 { 170 } else { 0 })).collect();
        let found = pooled_quantile(&units, 0.99).unwrap();
        let ends = found.interval.unwrap();
        assert!((found.point / 205e6 - 1.0).abs() < 0.1, "{found:?}");
        assert!(ends.low == 200_000.0 && ends.high > 400e6, "{found:?}");
        let same = vec![unit(10); 10];
        let found = pooled_quantile(&same, 0.5).unwrap();
        assert_eq!((found.point, found.interval.map(|ends| ends.low)), (200_000.0, Some(200_000.0)));
        assert_eq!(pooled_quantile(&same[..4], 0.5).unwrap().interval, None);
        assert!(pooled_quantile(&[], 0.5).is_err());
    }
}
