//! Estimates: a point and its interval.

use serde::{Deserialize, Serialize};

use super::sample::{Sample, middle};

/// The least coverage of an interval.
pub(super) const LEAST_COVERAGE: f64 = 0.95;

/// The share of cases on either side of an interval with that coverage.
pub(super) const OUTSIDE: f64 = (1.0 - LEAST_COVERAGE) / 2.0;

/// The fewest values for which an interval with that coverage exists; the whole range of fewer values covers less.
pub(super) const FEWEST: usize = 6;

/// The range that contains the true value with probability `coverage`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// The lower end, in the metric's unit.
    pub low: f64,
    /// The upper end, in the metric's unit.
    pub high: f64,
    /// The coverage. For ranks and order statistics it is the real coverage, which moves in steps and is at least 0.95; for means,
    /// pooled quantiles and slopes it is the nominal 0.95.
    #[cfg_attr(feature = "schema", schemars(range(min = 0.95, max = 1)))]
    pub coverage: f64,
}

/// A point estimate with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The point, in the metric's unit: the median unless stated otherwise.
    pub point: f64,
    /// Absent with too few values for an interval with 95 % coverage: below six for a median, below five for a mean.
    pub interval: Option<Interval>,
    /// The number of instances, rounds or launches, never of requests.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub n: u64,
}

impl Estimate {
    /// Returns the median with its exact order-statistic interval.
    ///
    /// The number of values below the true median is binomial with p = ½, so the k-th smallest and the k-th largest value
    /// enclose it with probability 1 − 2 P(B < k), whatever the distribution (H. A. David and H. N. Nagaraja, *Order
    /// Statistics*, 3rd edition, section 7.1). k is the largest for which that is at least 95 %.
    pub fn median(sample: &Sample) -> Self {
        let sorted = sample.sorted();
        let interval = rank(sorted.len()).map(|(rank, coverage)| Interval {
            low: sorted[rank - 1],
            high: sorted[sorted.len() - rank],
            coverage,
        });
        Self { point: middle(&sorted), interval, n: sorted.len() as u64 }
    }

    /// Returns the quantile `q` (0 to 1), interpolated linearly between two values (definition 7 of R. J. Hyndman and Y. Fan, *Sample
    /// Quantiles in Statistical Packages*, 1996). Its interval consists of two of the values. The number of values below the true quantile is binomial with p = q, whatever the distribution; at most 2.5 % of the
    /// cases are outside at either end (H. A. David and H. N. Nagaraja, *Order Statistics*, 3rd edition, section 7.1). p95 has an interval
    /// from 72 values on.
    pub fn quantile(sample: &Sample, q: f64) -> Self {
        let sorted = sample.sorted();
        let n = sorted.len();
        let place = q * (n - 1) as f64;
        let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
        let interval = quantile_ranks(n, q).map(|(low, high, coverage)| Interval {
            low: sorted[low - 1],
            high: sorted[high - 1],
            coverage,
        });
        Self { point: below + (above - below) * place.fract(), interval, n: n as u64 }
    }

    /// Returns why there is no interval, if there is none.
    pub fn why_no_interval(&self) -> Option<String> {
        self.interval.is_none().then(|| format!("an interval needs {FEWEST} values, there are {}", self.n))
    }
}

/// Returns the largest k (from 1) for which the k-th smallest and the k-th largest of `n` values cover the median with at least
/// 95 %, and that coverage. Binomial weights are kept as logarithms, because 2⁻ⁿ underflows beyond n = 1074.
pub(super) fn rank(n: usize) -> Option<(usize, f64)> {
    let mut log_weight = -(n as f64) * std::f64::consts::LN_2;
    let mut below = 0.0;
    let mut best = None;
    for rank in 1..=n / 2 {
        below += log_weight.exp();
        let coverage = 1.0 - 2.0 * below;
        if coverage < LEAST_COVERAGE {
            break;
        }
        best = Some((rank, coverage));
        log_weight += ((n - rank + 1) as f64 / rank as f64).ln();
    }
    best
}

/// Returns the ranks (from 1) of the two of `n` values that enclose the quantile `q`, and their coverage: the highest and the lowest for which
/// the true quantile is outside with at most 2.5 % each. `None` if there are too few values.
fn quantile_ranks(n: usize, q: f64) -> Option<(usize, usize, f64)> {
    // P(B = k) for k = 0 … n, by logarithms, because (1 − q)ⁿ underflows.
    let mut log_weight = n as f64 * (1.0 - q).ln();
    let mut below = 0.0;
    let (mut low, mut high) = (None, None);
    for k in 0..n {
        let until = below + log_weight.exp();
        // The value of rank k + 1 is above the quantile in the cases with at most k values below it.
        if until <= OUTSIDE {
            low = Some((k + 1, until));
        }
        if high.is_none() && until >= 1.0 - OUTSIDE {
            high = Some((k + 1, 1.0 - until));
        }
        below = until;
        log_weight += ((n - k) as f64 / (k + 1) as f64).ln() + (q / (1.0 - q)).ln();
    }
    let ((low, under), (high, over)) = (low?, high?);
    Some((low, high, (1.0 - under - over).min(1.0)))
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn median(values: &[f64]) -> Estimate {
        Estimate::median(&Sample::new(values.to_vec()).unwrap())
    }

    #[test]
    fn ranks_and_coverage_are_those_of_the_binomial_table() {
        let table = [
            (6, 1, 0.969),
            (7, 1, 0.984),
            (8, 1, 0.992),
            (9, 2, 0.961),
            (10, 2, 0.979),
            (11, 2, 0.988),
            (12, 3, 0.961),
            (13, 3, 0.978),
            (14, 3, 0.987),
            (15, 4, 0.965),
        ];
        for (n, expected, coverage) in table {
            let (found, real) = rank(n).unwrap();
            assert_eq!(found, expected, "n = {n}");
            assert!((real - coverage).abs() < 5e-4, "n = {n}: {real}");
        }
        assert_eq!((0..6).find_map(rank), None);
        let (found, real) = rank(10_000).unwrap();
        assert!((4_895..4_910).contains(&found) && (0.95..0.953).contains(&real), "{found} {real}");
    }

    #[test]
    fn ten_rounds_take_the_second_from_either_end() {
        let estimate = median(&[0.10, 0.35, 0.20, 0.30, 0.15, 0.25, 0.40, 0.45, 0.05, 9.0]);
        let interval = estimate.interval.unwrap();
        assert_eq!((interval.low, interval.high, estimate.n), (0.10, 0.45, 10));
        assert!((estimate.point - 0.275).abs() < 1e-12);
        assert!((interval.coverage - (1.0 - 22.0 / 1024.0)).abs() < 1e-12);
    }

    #[test]
    fn five_values_have_no_interval_and_give_the_reason() {
        let estimate = median(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!((estimate.point, estimate.interval), (3.0, None));
        assert_eq!(estimate.why_no_interval().as_deref(), Some("an interval needs 6 values, there are 5"));
        assert_eq!(median(&[0.0; 6]).why_no_interval(), None);
    }

    #[test]
    fn a_quantile_has_an_interval_as_soon_as_the_largest_value_can_bound_it() {
        // 0.95⁷¹ is 0.0262 and 0.95⁷² is 0.0249.
        assert_eq!((0..72).find_map(|n| quantile_ranks(n, 0.95)), None);
        let (low, high, coverage) = quantile_ranks(72, 0.95).unwrap();
        // By summing the binomial weights: P(B ≤ 63) is 0.0096, P(B ≤ 64) is 0.0272.
        assert_eq!((low, high), (64, 72));
        assert!((coverage - (0.975_105_719 - 0.009_615_671)).abs() < 1e-8, "{coverage}");
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        let p95 = Estimate::quantile(&Sample::new(values).unwrap(), 0.95);
        let interval = p95.interval.unwrap();
        assert!((p95.point - 95.05).abs() < 1e-9);
        assert_eq!((interval.low, interval.high), (90.0, 100.0));
        // At the median it is the interval of the median.
        let (low, high, _) = quantile_ranks(100, 0.5).unwrap();
        assert_eq!((low, 101 - high), (rank(100).unwrap().0, rank(100).unwrap().0));
        let few = Estimate::quantile(&Sample::new(vec![3.0, 1.0, 2.0]).unwrap(), 0.95);
        assert!((few.point - 2.9).abs() < 1e-12 && few.interval.is_none());
    }

    #[test]
    fn constants_have_zero_width() {
        let interval = median(&[4.0; 9]).interval.unwrap();
        assert_eq!((interval.low, interval.high), (4.0, 4.0));
    }

    #[test]
    fn the_order_of_the_rounds_does_not_matter() {
        let mut values = vec![3.0, 1.0, 2.0, 9.0, 4.0, 7.0, 5.0];
        let before = median(&values);
        values.reverse();
        assert_eq!(median(&values), before);
    }

    #[test]
    fn the_interval_has_its_stated_coverage() {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        for n in [6, 10, 12, 15, 40] {
            let trials = 4_000;
            let mut covered = 0;
            let mut promised = 0.0;
            for _ in 0..trials {
                // Exponential: skewed, so that a symmetric interval around the mean would fail. Its median is ln 2.
                let values: Vec<f64> = (0..n).map(|_| -random.random_range(f64::EPSILON..1.0_f64).ln()).collect();
                let interval = median(&values).interval.unwrap();
                promised = interval.coverage;
                covered += i32::from(interval.low <= std::f64::consts::LN_2 && std::f64::consts::LN_2 <= interval.high);
            }
            let found = f64::from(covered) / f64::from(trials);
            // Four standard errors of a share of about 0.97 in 4,000 trials.
            assert!((found - promised).abs() < 0.014, "n = {n}: covered {found}, promised {promised}");
        }
    }
}
