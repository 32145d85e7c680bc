//! The sign-flip test: whether paired differences have mean zero, by their own sizes.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Method, Sample, Significance};

/// Beyond so many differences, arrangements are drawn instead of counted.
const EXACT: usize = 20;

/// Pairs of arrangements drawn: one, and the one with all signs turned.
const PAIRS: u32 = 10_000;

/// Drawn arrangements are the same ones in every run, so that a stored record is judged alike every time.
const SEED: u64 = 0x5167_6e66_6c69_7001;

/// Sums that differ by less than this share of the sum of all sizes are equal, except for rounding.
const GRAIN: f64 = 1e-12;

/// Whether the mean of paired differences is zero: under that hypothesis (and symmetry) every difference could as well have had
/// the other sign (R. A. Fisher, *The Design of Experiments*, 1935, section 21).
///
/// Exact up to 20 differences: all 2ⁿ ways of giving them signs are counted. Beyond, 20,000 are drawn with a fixed seed. All
/// differences zero give p = 1.
pub fn sign_flip(differences: &Sample) -> Significance {
    let largest = differences.values().iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    if largest == 0.0 {
        return Significance::new(1.0, 1.0, Method::Exact);
    }
    // Scaled, so that no sum overflows; sorted by size, so that neither order nor sign decides what is drawn.
    let mut scaled: Vec<f64> = differences.values().iter().map(|value| value / largest).collect();
    scaled.sort_by(|one, other| one.abs().total_cmp(&other.abs()).then(one.total_cmp(other)));
    let sizes: Vec<f64> = scaled.iter().map(|value| value.abs()).collect();
    let observed: f64 = scaled.iter().sum();
    let grain = GRAIN * sizes.iter().sum::<f64>();
    if sizes.len() <= EXACT { counted(&sizes, observed, grain) } else { drawn(&sizes, observed, grain) }
}

/// All arrangements, as every sum of the first half with every sum of the second.
fn counted(sizes: &[f64], observed: f64, grain: f64) -> Significance {
    let (one, other) = sizes.split_at(sizes.len() / 2);
    let (one, other) = (signed_sums(one), signed_sums(other));
    let (mut less, mut greater) = (0_u32, 0_u32);
    for first in &one {
        for second in &other {
            let sum = first + second;
            less += u32::from(sum <= observed + grain);
            greater += u32::from(sum >= observed - grain);
        }
    }
    let all = (one.len() * other.len()) as f64;
    Significance::new(f64::from(less) / all, f64::from(greater) / all, Method::Exact)
}

/// The sum of these sizes for each of the ways to give them signs.
fn signed_sums(sizes: &[f64]) -> Vec<f64> {
    sizes.iter().fold(vec![0.0], |sums, size| sums.iter().flat_map(|sum| [sum + size, sum - size]).collect())
}

fn drawn(sizes: &[f64], observed: f64, grain: f64) -> Significance {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let (mut less, mut greater) = (0, 0);
    for _ in 0..PAIRS {
        let sum: f64 = sizes.chunks(64).map(|chunk| signed(chunk, random.next_u64())).sum();
        for sum in [sum, -sum] {
            less += u32::from(sum <= observed + grain);
            greater += u32::from(sum >= observed - grain);
        }
    }
    Significance::drawn(less, greater, 2 * PAIRS)
}

/// The sum of at most 64 sizes, each with the sign that its bit tells.
fn signed(sizes: &[f64], bits: u64) -> f64 {
    let sign = |at: usize, size: f64| if bits >> at & 1 == 1 { size } else { -size };
    sizes.iter().enumerate().map(|(at, size)| sign(at, *size)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Significance {
        sign_flip(&Sample::new(values.to_vec()).unwrap())
    }

    #[test]
    fn arrangements_are_counted_by_hand() {
        // Of ±1 ±2 ±4, the sums at least 5 = −1 + 2 + 4 are 5 and 7.
        let p = of(&[-1.0, 2.0, 4.0]);
        assert_eq!((p.greater, p.less, p.two_sided, p.method), (2.0 / 8.0, 7.0 / 8.0, 4.0 / 8.0, Method::Exact));
        assert_eq!(of(&[0.1, 0.2, -0.3]).greater, 5.0 / 8.0, "sums of 0 but for rounding count");
        assert_eq!(of(&[0.0, 0.0]).two_sided, 1.0);
        assert_eq!(of(&[3.0]).two_sided, 1.0);
        assert_eq!(of(&[f64::MAX; 4]).greater, 1.0 / 16.0);
    }

    #[test]
    fn drawing_meets_counting() {
        let values: Vec<f64> = (0..20).map(|at| f64::from(at * at * 7 % 31) - 10.0).collect();
        let exact = of(&values);
        assert!(exact.two_sided > 0.01 && exact.two_sided < 0.99, "{exact:?}");
        let mut more = values;
        more.push(0.0);
        let drawn = of(&more);
        assert_eq!((exact.method, drawn.method), (Method::Exact, Method::MonteCarlo(20_000)));
        // Four standard errors of a share in 20,000 draws.
        assert!((exact.greater - drawn.greater).abs() < 0.015, "{exact:?} {drawn:?}");
        assert!((exact.less - drawn.less).abs() < 0.015, "{exact:?} {drawn:?}");
    }

    #[test]
    fn drawn_p_values_mirror_and_are_never_zero() {
        let values: Vec<f64> = (1..=40).map(f64::from).collect();
        let (up, down) = (of(&values), of(&values.iter().map(|value| -value).collect::<Vec<_>>()));
        assert_eq!(up.greater, 1.0 / 20_001.0);
        assert_eq!((up.greater, up.less, up.two_sided), (down.less, down.greater, down.two_sided));
    }
}
