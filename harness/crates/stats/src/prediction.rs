//! Prediction: whether a new value fits the history.

use serde::{Deserialize, Serialize};

use super::distribution::{student_quantile, student_tail};
use super::moments::Moments;
use super::sample::Sample;
use super::significance::{Method, Significance};
use super::undefined::{Undefined, finite};

/// The comparison of a new value with its history.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prediction {
    /// The mean of the history, in the metric's unit.
    pub mean: f64,
    /// A new value lies above this limit with the chosen probability, in the metric's unit.
    pub low: f64,
    /// A new value lies below this limit with the chosen probability, in the metric's unit.
    pub high: f64,
    /// The distance of the value from the mean, in standard errors of a new value.
    pub t: f64,
    /// The degrees of freedom: the number of values in the history, minus one.
    pub df: f64,
    pub significance: Significance,
}

/// Tests whether a new value fits the history: t = (value − mean) ÷ (s √(1 + 1/n)) with n − 1 degrees of freedom (G. J. Hahn and
/// W. Q. Meeker, *Statistical Intervals*, 1991, section 4.7). Each limit is one-sided: at a level of 0.95, one of twenty values
/// passes either limit when nothing has changed.
///
/// # Errors
/// [`Undefined::TooFew`] below two values, [`Undefined::Constant`] when all are equal (compare exactly instead),
/// [`Undefined::NoProbability`] when the level is not between 0 and 1, [`Undefined::Overflow`] when the value is not a number.
pub fn predict(history: &Sample, value: f64, level: f64) -> Result<Prediction, Undefined> {
    if !(level > 0.0 && level < 1.0) {
        return Err(Undefined::NoProbability { value: level });
    }
    let moments = Moments::of(history)?;
    let error = finite((moments.variance * (1.0 + 1.0 / moments.n)).sqrt())?;
    if moments.constant || error == 0.0 {
        return Err(Undefined::Constant);
    }
    let df = moments.n - 1.0;
    let t = finite((value - moments.mean) / error)?;
    let margin = student_quantile(1.0 - level, df)? * error;
    Ok(Prediction {
        mean: moments.mean,
        low: finite(moments.mean - margin)?,
        high: finite(moments.mean + margin)?,
        t,
        df,
        significance: Significance::new(student_tail(-t, df)?, student_tail(t, df)?, Method::Student),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_p_agree() {
        let history = Sample::new(vec![100.0, 103.0, 98.0, 101.0, 99.0, 104.0, 97.0]).unwrap();
        let first = predict(&history, 112.0, 0.99).unwrap();
        let at_high = predict(&history, first.high, 0.99).unwrap();
        let at_low = predict(&history, first.low, 0.99).unwrap();
        assert!((at_high.significance.greater - 0.01).abs() < 1e-12);
        assert!((at_low.significance.less - 0.01).abs() < 1e-12);
        assert_eq!((first.low, first.high), (at_low.low, at_high.high));
    }

    #[test]
    fn a_history_without_information_gives_the_reason() {
        let of = |values: &[f64], value, level| predict(&Sample::new(values.to_vec()).unwrap(), value, level);
        assert_eq!(of(&[5.0; 8], 6.0, 0.95), Err(Undefined::Constant));
        assert_eq!(of(&[5.0], 6.0, 0.95), Err(Undefined::TooFew { needed: 2, found: 1 }));
        assert_eq!(of(&[5.0, 6.0], f64::NAN, 0.95), Err(Undefined::Overflow));
        for level in [0.0, 1.0, -0.1] {
            assert_eq!(of(&[5.0, 6.0], 6.0, level), Err(Undefined::NoProbability { value: level }));
        }
        assert!(matches!(of(&[5.0, 6.0], 6.0, f64::NAN), Err(Undefined::NoProbability { .. })));
    }
}
