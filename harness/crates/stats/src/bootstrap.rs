//! The bootstrap: an interval for statistics that have no formula.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::distribution::{normal_quantile, normal_tail};
use super::estimate::LEAST_COVERAGE;
use super::undefined::finite;
use super::{Estimate, Interval, Sample, Undefined};

/// Fewest values: with fewer there is nothing to draw from.
const FEWEST: usize = 2;

/// How the ends of the interval are chosen among the resampled values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resampling {
    /// Their 2.5 % and 97.5 % quantiles.
    Percentile,
    /// The same, corrected for bias and for scatter that changes with the value (BCa).
    Corrected,
}

/// A statistic of a sample with its bootstrap interval: the statistic of `draws` samples of the same size, drawn from the values
/// with replacement by a generator (ChaCha8) that starts at `seed`. The coverage is nominal; below ten values the real one is
/// usually less.
///
/// Percentile and BCa after B. Efron and R. J. Tibshirani, *An Introduction to the Bootstrap*, 1993, sections 13.3 and 14.3; the
/// acceleration comes from leaving out one value at a time, and is 0 where that changes nothing. The statistic gets its values from
/// smallest to largest, or in the order drawn.
///
/// # Errors
/// [`Undefined::TooFew`] below two values or without draws, [`Undefined::Overflow`] when the statistic is not finite,
/// [`Undefined::OneSided`] when the correction for bias would be infinite.
pub fn bootstrap(
    sample: &Sample,
    statistic: impl Fn(&[f64]) -> f64,
    resampling: Resampling,
    draws: u32,
    seed: u64,
) -> Result<Estimate, Undefined> {
    let values = sample.sorted();
    if values.len() < FEWEST || draws == 0 {
        return Err(Undefined::TooFew { needed: FEWEST, found: values.len().min(draws as usize) });
    }
    let point = finite(statistic(&values))?;
    let resampled = resampled(&values, &statistic, draws, seed)?;
    let outside = (1.0 - LEAST_COVERAGE) / 2.0;
    let (low, high) = match resampling {
        Resampling::Percentile => (outside, 1.0 - outside),
        Resampling::Corrected => corrected(outside, bias(&resampled, point)?, acceleration(&values, &statistic)?)?,
    };
    let interval =
        Interval { low: quantile(&resampled, low), high: quantile(&resampled, high), coverage: LEAST_COVERAGE };
    Ok(Estimate { point, interval: Some(interval), n: values.len() as u64 })
}

/// The statistic of every resample, from smallest to largest.
fn resampled(values: &[f64], statistic: impl Fn(&[f64]) -> f64, draws: u32, seed: u64) -> Result<Vec<f64>, Undefined> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut drawn = values.to_vec();
    let mut found = Vec::with_capacity(draws as usize);
    for _ in 0..draws {
        drawn.iter_mut().for_each(|value| *value = values[random.random_range(0..values.len())]);
        found.push(finite(statistic(&drawn))?);
    }
    found.sort_by(f64::total_cmp);
    Ok(found)
}

/// How far the estimate is from the middle of the resamples, as a normal quantile; equal ones count half.
fn bias(resampled: &[f64], point: f64) -> Result<f64, Undefined> {
    let below = resampled.partition_point(|value| *value < point);
    let not_above = resampled.partition_point(|value| *value <= point);
    let share = (below + not_above) as f64 / (2 * resampled.len()) as f64;
    if share <= 0.0 || share >= 1.0 { Err(Undefined::OneSided) } else { finite(normal_quantile(share)) }
}

/// How fast the scatter changes with the value.
fn acceleration(values: &[f64], statistic: impl Fn(&[f64]) -> f64) -> Result<f64, Undefined> {
    let without = |left_out: usize| {
        let rest: Vec<f64> = [&values[..left_out], &values[left_out + 1..]].concat();
        finite(statistic(&rest))
    };
    let left: Vec<f64> = (0..values.len()).map(without).collect::<Result<_, _>>()?;
    let mean = left.iter().sum::<f64>() / left.len() as f64;
    let power = |exponent| left.iter().map(|value| (mean - value).powi(exponent)).sum::<f64>();
    let squares = power(2);
    if squares == 0.0 { Ok(0.0) } else { finite(power(3) / (6.0 * squares.powf(1.5))) }
}

/// Which quantiles of the resamples the ends are.
fn corrected(outside: f64, bias: f64, acceleration: f64) -> Result<(f64, f64), Undefined> {
    let end = |p: f64| {
        let shifted = bias + normal_quantile(p);
        let slope = 1.0 - acceleration * shifted;
        // Beyond the pole the formula turns round.
        if slope <= 0.0 { Err(Undefined::OneSided) } else { finite(normal_tail(-(bias + shifted / slope))) }
    };
    Ok((end(outside)?, end(1.0 - outside)?))
}

/// Between the two neighbours, in proportion.
pub(super) fn quantile(sorted: &[f64], p: f64) -> f64 {
    let position = p.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let part = position - below as f64;
    sorted[below] * (1.0 - part) + sorted[above] * part
}

#[cfg(test)]
mod tests {
    use super::super::sample::middle;
    use super::*;

    fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }

    fn of(values: &[f64], resampling: Resampling) -> Interval {
        let sample = Sample::new(values.to_vec()).unwrap();
        bootstrap(&sample, mean, resampling, 4_000, 7).unwrap().interval.unwrap()
    }

    #[test]
    fn the_seed_decides_and_nothing_else() {
        let sample = |values: [f64; 6]| Sample::new(values.to_vec()).unwrap();
        let (one, other) = (sample([1.0, 2.0, 4.0, 8.0, 16.0, 32.0]), sample([32.0, 1.0, 16.0, 8.0, 2.0, 4.0]));
        let of = |sample, seed| bootstrap(sample, mean, Resampling::Corrected, 500, seed).unwrap();
        assert_eq!(of(&one, 1), of(&other, 1));
        assert_ne!(of(&one, 1), of(&one, 2));
    }

    #[test]
    fn the_interval_of_a_mean_is_near_its_standard_error() {
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        // The deviation of a resampled mean is √((n² − 1) ÷ 12 ÷ n) = 2.8865 exactly; its distribution is near normal here.
        for resampling in [Resampling::Percentile, Resampling::Corrected] {
            let interval = of(&values, resampling);
            assert!((interval.low - (49.5 - 1.96 * 2.8865)).abs() < 0.5, "{interval:?}");
            assert!((interval.high - (49.5 + 1.96 * 2.8865)).abs() < 0.5, "{interval:?}");
        }
    }

    #[test]
    fn the_correction_follows_the_skew() {
        let values: Vec<f64> = (0..30).map(|at| (f64::from(at) / 5.0).exp()).collect();
        let (plain, corrected) = (of(&values, Resampling::Percentile), of(&values, Resampling::Corrected));
        assert!(corrected.low > plain.low && corrected.high > plain.high, "{plain:?} {corrected:?}");
    }

    #[test]
    fn constants_have_zero_width_and_what_cannot_be_done_says_so() {
        for resampling in [Resampling::Percentile, Resampling::Corrected] {
            let interval = of(&[4.0; 9], resampling);
            assert_eq!((interval.low, interval.high), (4.0, 4.0));
        }
        let sample = Sample::new(vec![1.0, 2.0, 3.0]).unwrap();
        let of = |sample: &Sample, statistic: fn(&[f64]) -> f64, draws| {
            bootstrap(sample, statistic, Resampling::Corrected, draws, 1)
        };
        let single = Sample::new(vec![1.0]).unwrap();
        assert_eq!(of(&single, middle, 100), Err(Undefined::TooFew { needed: 2, found: 1 }));
        assert_eq!(of(&sample, middle, 0), Err(Undefined::TooFew { needed: 2, found: 0 }));
        assert_eq!(of(&sample, |_| f64::NAN, 100), Err(Undefined::Overflow));
        let calls = std::cell::Cell::new(0.0);
        let rising = |_: &[f64]| calls.replace(calls.get() + 1.0);
        let one_sided = bootstrap(&sample, rising, Resampling::Corrected, 100, 1);
        assert_eq!(one_sided, Err(Undefined::OneSided), "every resample lies above the estimate");
    }
}
