//! Student's t: means, differences of means, and ratios of geometric means.

use serde::{Deserialize, Serialize};

use super::distribution::{student_quantile, student_tail};
use super::estimate::LEAST_COVERAGE;
use super::pairs::logarithms;
use super::undefined::finite;
use super::{Interval, Method, Sample, Significance, Undefined};

/// Values whose range is below this share of the largest are constant, except for rounding.
const GRAIN: f64 = 4.0 * f64::EPSILON;

/// A t test with the interval that belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudentTest {
    /// The mean or the difference of means, in the metric's unit; for [`ratio`] the ratio, above 0 and without unit.
    pub point: f64,
    /// Where the true one lies, with 95 %.
    pub interval: Interval,
    /// The test statistic: how many standard errors the point (for [`ratio`] its logarithm) is away from none.
    pub t: f64,
    /// Degrees of freedom, not always whole.
    pub df: f64,
    /// Whether there is an effect.
    pub significance: Significance,
}

/// Whether the mean of paired differences is zero (Student, *The Probable Error of a Mean*, 1908): t = mean ÷ (s ÷ √n) with n − 1
/// degrees of freedom. It assumes normal scatter, which one disturbed round breaks; [`super::signed_rank()`] does not.
///
/// # Errors
/// [`Undefined::TooFew`] below two, [`Undefined::Constant`] when all are equal.
pub fn student(differences: &Sample) -> Result<StudentTest, Undefined> {
    let moments = Moments::of(differences)?;
    if moments.constant {
        return Err(Undefined::Constant);
    }
    tested(moments.mean, moments.square_error(), moments.n - 1.0)
}

/// Whether the means of two samples differ, their scatters being what they are (B. L. Welch, *The Generalization of "Student's"
/// Problem when Several Different Population Variances are Involved*, 1947; degrees of freedom after Satterthwaite).
///
/// # Errors
/// [`Undefined::TooFew`] below two values on a side, [`Undefined::Constant`] when both sides are constant.
pub fn welch(base: &Sample, head: &Sample) -> Result<StudentTest, Undefined> {
    let (base, head) = (Moments::of(base)?, Moments::of(head)?);
    if base.constant && head.constant {
        return Err(Undefined::Constant);
    }
    let (one, other) = (base.square_error(), head.square_error());
    // As shares, so that squares of small variances do not vanish.
    let share = one / (one + other);
    let df = 1.0 / (share.powi(2) / (base.n - 1.0) + (1.0 - share).powi(2) / (head.n - 1.0));
    tested(head.mean - base.mean, one + other, df)
}

/// The ratio of the geometric means, head ÷ base: [`welch`] on logarithms, where a change by a factor is a shift and scatter in
/// per cent is scatter alike. `exp` of its ends is the interval.
///
/// # Errors
/// Those of [`welch`], and [`Undefined::NotPositive`] when a value is zero or less.
pub fn ratio(base: &Sample, head: &Sample) -> Result<StudentTest, Undefined> {
    let logs = welch(&logarithms(base)?, &logarithms(head)?)?;
    // A logarithm that is a number can still belong to a ratio beyond the range of numbers, at either end.
    let factor =
        |log: f64| finite(log.exp()).and_then(|ratio| if ratio > 0.0 { Ok(ratio) } else { Err(Undefined::Overflow) });
    let (low, high) = (factor(logs.interval.low)?, factor(logs.interval.high)?);
    let interval = Interval { low, high, ..logs.interval };
    Ok(StudentTest { point: factor(logs.point)?, interval, ..logs })
}

/// The test of a point that has this squared standard error.
fn tested(point: f64, square_error: f64, df: f64) -> Result<StudentTest, Undefined> {
    let error = finite(square_error)?.sqrt();
    if error == 0.0 {
        return Err(Undefined::Constant);
    }
    let t = finite(point / error)?;
    let margin = student_quantile((1.0 - LEAST_COVERAGE) / 2.0, df)? * error;
    let interval = Interval { low: finite(point - margin)?, high: finite(point + margin)?, coverage: LEAST_COVERAGE };
    Ok(StudentTest { point, interval, t, df, significance: significance(t, df)? })
}

/// What a t with these degrees of freedom says.
pub(super) fn significance(t: f64, df: f64) -> Result<Significance, Undefined> {
    Ok(Significance::new(student_tail(-t, df)?, student_tail(t, df)?, Method::Student))
}

/// Mean and variance of a sample.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments {
    pub(super) n: f64,
    pub(super) mean: f64,
    /// With n − 1.
    pub(super) variance: f64,
    /// All values are equal, except for rounding.
    pub(super) constant: bool,
}

impl Moments {
    /// Adds in order of size, so that the order of the values decides nothing.
    pub(super) fn of(sample: &Sample) -> Result<Self, Undefined> {
        let sorted = sample.sorted();
        let (smallest, largest) = (sorted[0], sorted[sorted.len() - 1]);
        if sorted.len() < 2 {
            return Err(Undefined::TooFew { needed: 2, found: sorted.len() });
        }
        let n = sorted.len() as f64;
        // Around the smallest value, so that constants have exactly their own mean.
        let mean = smallest + sorted.iter().map(|value| value - smallest).sum::<f64>() / n;
        let variance = sorted.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let constant = largest - smallest <= GRAIN * smallest.abs().max(largest.abs());
        let variance = if constant { 0.0 } else { finite(variance)? };
        Ok(Self { n, mean: finite(mean)?, variance, constant })
    }

    fn square_error(&self) -> f64 {
        self.variance / self.n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: &[f64]) -> Sample {
        Sample::new(values.to_vec()).unwrap()
    }

    #[test]
    fn a_mean_by_hand() {
        // Mean 2, s² 1, so t = 2 √3 with two degrees of freedom: p = 1 − t ÷ √(2 + t²).
        let found = student(&sample(&[3.0, 1.0, 2.0])).unwrap();
        let t = 2.0 * 3.0_f64.sqrt();
        assert!((found.t - t).abs() < 1e-14 && found.df == 2.0 && found.point == 2.0);
        assert!((found.significance.two_sided - (1.0 - t / (2.0 + t * t).sqrt())).abs() < 1e-14);
        assert!((found.interval.low + found.interval.high - 4.0).abs() < 1e-14);
    }

    #[test]
    fn constants_and_single_values_have_no_test() {
        assert_eq!(student(&sample(&[5.0; 9])), Err(Undefined::Constant));
        assert_eq!(student(&sample(&[0.3, 0.1 + 0.2, 0.3])), Err(Undefined::Constant), "equal but for rounding");
        assert_eq!(welch(&sample(&[5.0; 3]), &sample(&[6.0; 3])), Err(Undefined::Constant));
        assert_eq!(welch(&sample(&[5.0; 3]), &sample(&[6.0])), Err(Undefined::TooFew { needed: 2, found: 1 }));
        let zero = ratio(&sample(&[5.0, 0.0]), &sample(&[6.0, 7.0]));
        assert_eq!(zero, Err(Undefined::NotPositive { index: 1, value: 0.0 }));
    }

    #[test]
    fn one_constant_side_leaves_the_freedom_of_the_other() {
        let found = welch(&sample(&[5.0; 3]), &sample(&[6.0, 7.0, 8.0, 9.0])).unwrap();
        assert_eq!((found.point, found.df), (2.5, 3.0));
        let found = welch(&sample(&[6.0, 7.0, 8.0, 9.0]), &sample(&[5.0; 3])).unwrap();
        assert_eq!((found.point, found.df), (-2.5, 3.0));
    }

    #[test]
    fn what_is_beyond_numbers_says_so() {
        assert_eq!(student(&sample(&[f64::MAX, f64::MIN])), Err(Undefined::Overflow));
        assert_eq!(welch(&sample(&[1e200, 2e200]), &sample(&[1.0, 2.0])), Err(Undefined::Overflow));
        let (tiny, huge) = (sample(&[1e-300, 2e-300, 3e-300]), sample(&[1e300, 2e300, 3e300]));
        assert_eq!(ratio(&tiny, &huge), Err(Undefined::Overflow));
        assert_eq!(ratio(&huge, &tiny), Err(Undefined::Overflow));
    }
}
