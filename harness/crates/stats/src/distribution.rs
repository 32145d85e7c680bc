//! Tails and quantiles of Student's t and the normal distribution.

use std::f64::consts::SQRT_2;

use statrs::distribution::{ContinuousCDF, StudentsT};
use statrs::function::erf::{erfc, erfc_inv};

use super::undefined::Undefined;

/// Returns P(T > t) for Student's t with `df` degrees of freedom.
pub(super) fn student_tail(t: f64, df: f64) -> Result<f64, Undefined> {
    let student = StudentsT::new(0.0, 1.0, df).map_err(|_| Undefined::Overflow)?;
    Ok(student.sf(t))
}

/// Returns the t that is exceeded with probability `p`. Bisects until neighbouring numbers are reached, so the result is as
/// accurate as the tail.
pub(super) fn student_quantile(p: f64, df: f64) -> Result<f64, Undefined> {
    if p > 0.5 {
        return Ok(-student_quantile(1.0 - p, df)?);
    }
    let (mut low, mut high) = (0.0, 1.0);
    while student_tail(high, df)? > p && high < f64::MAX / 2.0 {
        high *= 2.0;
    }
    loop {
        let half = f64::midpoint(low, high);
        if half <= low || half >= high {
            return Ok(half);
        }
        if student_tail(half, df)? > p { low = half } else { high = half }
    }
}

/// Returns P(Z > z) for the standard normal distribution.
pub(super) fn normal_tail(z: f64) -> f64 {
    erfc(z / SQRT_2) / 2.0
}

/// Returns the `p` quantile of the standard normal distribution.
pub(super) fn normal_quantile(p: f64) -> f64 {
    -SQRT_2 * erfc_inv(2.0 * p)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-11 * expected.abs().max(1.0), "{found}, expected {expected}");
    }

    #[test]
    fn tails_and_quantiles_are_those_of_the_closed_forms() {
        // One degree of freedom is Cauchy's distribution; two have a closed form as well.
        near(student_tail(1.0, 1.0).unwrap(), 0.25);
        near(student_quantile(0.025, 1.0).unwrap(), (std::f64::consts::PI * 0.475).tan());
        near(student_tail(3.0, 2.0).unwrap(), 0.5 - 3.0 / (2.0 * 11.0_f64.sqrt()));
        near(student_quantile(0.05, 2.0).unwrap(), 0.9 * (2.0 / (1.0 - 0.81_f64)).sqrt());
        near(student_quantile(0.95, 2.0).unwrap(), -0.9 * (2.0 / (1.0 - 0.81_f64)).sqrt());
        near(student_quantile(0.5, 9.0).unwrap(), 0.0);
        near(normal_tail(0.0), 0.5);
        near(normal_tail(normal_quantile(0.975)), 0.025);
        near(normal_quantile(0.975), 1.959_963_984_540_054);
        assert!((normal_tail(6.0) / 9.865_876_450_376_946e-10 - 1.0).abs() < 1e-9, "far out, to a relative 1e-9");
    }

    #[test]
    fn tails_go_both_ways() {
        near(student_tail(-2.0, 7.5).unwrap() + student_tail(2.0, 7.5).unwrap(), 1.0);
        assert!(student_tail(1e150, 3.0).unwrap() >= 0.0);
        assert_eq!(student_tail(1.0, 0.0), Err(Undefined::Overflow));
    }
}
