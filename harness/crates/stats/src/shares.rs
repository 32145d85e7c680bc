//! Estimates the share of requests that are beyond a limit, over independent units.

use statrs::function::beta::checked_beta_reg;

use super::distribution::student_quantile;
use super::estimate::{Estimate, Interval, LEAST_COVERAGE, OUTSIDE};
use super::undefined::{Undefined, finite};
use super::units::FEWEST_UNITS;

/// The requests of one unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Part {
    /// Requests beyond the limit, at most `of`.
    pub beyond: u64,
    /// All requests.
    pub of: u64,
}

/// Estimates the share of requests beyond a limit, from 0 to 1: the point is that of all requests together.
///
/// The interval covers two others. That of Student's t over the shares of the units allows for requests that depend on each other, because
/// those of one queue are late together. That of the binomial distribution allows for few requests: without it, units without a single
/// request beyond the limit would prove that there is none. There is no interval below [`FEWEST_UNITS`] units.
///
/// # Errors
/// Returns [`Undefined::TooFew`] without requests.
pub fn share(units: &[Part]) -> Result<Estimate, Undefined> {
    let units: Vec<Part> = units.iter().copied().filter(|unit| unit.of > 0).collect();
    let (n, all) = (units.len(), total(&units));
    if all.of == 0 {
        return Err(Undefined::TooFew { needed: 1, found: 0 });
    }
    let point = all.beyond as f64 / all.of as f64;
    if n < FEWEST_UNITS {
        return Ok(Estimate { point, interval: None, n: n as u64 });
    }
    let residual = |unit: &Part| unit.beyond as f64 - point * unit.of as f64;
    let squares: f64 = units.iter().map(residual).map(|residual| residual * residual).sum();
    let mean = all.of as f64 / n as f64;
    let half = student_quantile(OUTSIDE, (n - 1) as f64)? * (squares / (n * (n - 1)) as f64).sqrt() / mean;
    let (low, high) = binomial(all);
    let interval = Interval {
        low: finite((point - half).max(0.0).min(low))?,
        high: finite((point + half).min(1.0).max(high))?,
        coverage: LEAST_COVERAGE,
    };
    Ok(Estimate { point, interval: Some(interval), n: n as u64 })
}

/// Adds the requests of all units.
pub fn total(units: &[Part]) -> Part {
    let sum = |of: fn(&Part) -> u64| units.iter().map(of).sum();
    Part { beyond: sum(|unit| unit.beyond), of: sum(|unit| unit.of) }
}

/// Returns the interval of the binomial distribution for independent requests (C. J. Clopper, E. S. Pearson, "The Use of Confidence or
/// Fiducial Limits", 1934): from 0 to 1 without requests.
pub fn binomial(all: Part) -> (f64, f64) {
    let (beyond, within) = (all.beyond.min(all.of), all.of.saturating_sub(all.beyond));
    // P(X ≥ x) for the probability p is the regularised incomplete beta function I_p(x, n − x + 1).
    let at_least = |x: u64, p: f64| checked_beta_reg(x as f64, (all.of - x + 1) as f64, p).unwrap_or(0.0);
    let low = if beyond == 0 { 0.0 } else { bisect(|p| at_least(beyond, p) < OUTSIDE) };
    let high = if within == 0 { 1.0 } else { bisect(|p| 1.0 - at_least(beyond + 1, p) > OUTSIDE) };
    (low, high)
}

/// Returns where `below` turns from true to false between 0 and 1.
fn bisect(below: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    loop {
        let half = f64::midpoint(low, high);
        if half <= low || half >= high {
            return half;
        }
        if below(half) { low = half } else { high = half }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(units: &[(u64, u64)]) -> Vec<Part> {
        units.iter().map(|&(beyond, of)| Part { beyond, of }).collect()
    }

    fn ends(units: &[(u64, u64)]) -> (f64, f64) {
        let interval = share(&parts(units)).unwrap().interval.unwrap();
        (interval.low, interval.high)
    }

    fn near(found: f64, expected: f64) {
        assert!((found / expected - 1.0).abs() < 1e-6, "{found}, expected {expected}");
    }

    #[test]
    fn the_binomial_interval_is_that_of_the_tables() {
        // Without an event the upper end is 1 − 0.025^(1/n), with every one the lower end is 0.025^(1/n).
        near(binomial(Part { beyond: 0, of: 100 }).1, 1.0 - 0.025_f64.powf(0.01));
        near(binomial(Part { beyond: 100, of: 100 }).0, 0.025_f64.powf(0.01));
        let (low, high) = binomial(Part { beyond: 1, of: 10 });
        near(low, 0.002_528_579);
        near(high, 0.445_016_117);
        assert_eq!(binomial(Part::default()), (0.0, 1.0));
    }

    #[test]
    fn no_late_request_among_few_proves_little() {
        let (low, high) = ends(&[(0, 60); 5]);
        assert!(low == 0.0 && (0.012..0.0123).contains(&high), "{high}");
        assert!(ends(&[(0, 1_000); 5]).1 < 0.001);
    }

    #[test]
    fn units_that_differ_widen_the_interval_beyond_the_binomial_one() {
        let same = ends(&[(10, 1_000); 5]);
        let other = ends(&[(0, 1_000), (0, 1_000), (50, 1_000), (0, 1_000), (0, 1_000)]);
        assert_eq!(same, binomial(Part { beyond: 50, of: 5_000 }));
        // The standard error of the mean of 0, 0, 50, 0, 0 is 10, and t with four degrees of freedom is 2.776.
        assert_eq!(other.0, 0.0);
        near(other.1, 0.01 + 2.776_445_105 * 0.01);
    }

    #[test]
    fn few_units_have_a_point_and_no_interval() {
        let found = share(&parts(&[(1, 10), (2, 20), (3, 30), (4, 40), (0, 0)])).unwrap();
        assert_eq!((found.point, found.interval, found.n), (0.1, None, 4));
        assert_eq!(share(&parts(&[(0, 0)])), Err(Undefined::TooFew { needed: 1, found: 0 }));
    }
}
