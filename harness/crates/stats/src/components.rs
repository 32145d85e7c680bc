//! Splits the scatter of rounds into that between instances and that within an instance.

use super::moments::Moments;
use super::sample::Sample;
use super::undefined::{Undefined, finite};

/// Standard deviations of a value that was measured in several rounds of each of several units, in the unit of the value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Components {
    /// Of the true values of the units; 0 if the means scatter no more than their rounds explain.
    pub between: f64,
    /// Of the rounds of one unit.
    pub within: f64,
}

/// Estimates both components from the rounds of each unit, by the moments of a one-way layout with random effects (S. R. Searle,
/// G. Casella and C. E. McCulloch, *Variance Components*, 1992, section 3.6): within² is the pooled variance, and between² the
/// variance of the means − within² · the mean of 1 ÷ rounds.
///
/// # Errors
/// [`Undefined::TooFew`] with fewer than two units, or fewer than two rounds in one of them; [`Undefined::Overflow`] when a number is
/// not finite.
pub fn components(units: &[Sample]) -> Result<Components, Undefined> {
    if units.len() < 2 {
        return Err(Undefined::TooFew { needed: 2, found: units.len() });
    }
    let moments: Vec<Moments> = units.iter().map(Moments::of).collect::<Result<_, _>>()?;
    let freedom: f64 = moments.iter().map(|unit| unit.n - 1.0).sum();
    let within = moments.iter().map(|unit| (unit.n - 1.0) * unit.variance).sum::<f64>() / freedom;
    let means: Vec<f64> = moments.iter().map(|unit| unit.mean).collect();
    let explained = within * moments.iter().map(|unit| 1.0 / unit.n).sum::<f64>() / moments.len() as f64;
    let means = Sample::new(means).map_err(|_| Undefined::Overflow)?;
    let between = (Moments::of(&means)?.variance - explained).max(0.0);
    Ok(Components { between: finite(between.sqrt())?, within: finite(within.sqrt())? })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::super::tests::normal;
    use super::*;

    fn units(values: &[&[f64]]) -> Vec<Sample> {
        values.iter().map(|unit| Sample::new(unit.to_vec()).unwrap()).collect()
    }

    #[test]
    fn both_follow_from_the_variances() {
        // Means 1, 4, 10: their variance is 21. Within: 1 each, so ⅓ of it explains nothing but a third.
        let found = components(&units(&[&[0.0, 1.0, 2.0], &[3.0, 4.0, 5.0], &[9.0, 10.0, 11.0]])).unwrap();
        assert!((found.within - 1.0).abs() < 1e-12, "{found:?}");
        assert!((found.between - (21.0_f64 - 1.0 / 3.0).sqrt()).abs() < 1e-12, "{found:?}");
        let equal = components(&units(&[&[0.0, 2.0], &[0.0, 2.0]])).unwrap();
        assert_eq!(equal, Components { between: 0.0, within: 2.0_f64.sqrt() });
        assert_eq!(components(&units(&[&[0.0, 2.0]])), Err(Undefined::TooFew { needed: 2, found: 1 }));
        assert_eq!(components(&units(&[&[0.0, 2.0], &[1.0]])), Err(Undefined::TooFew { needed: 2, found: 1 }));
    }

    #[test]
    fn known_components_are_found() {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        for truth in [Components { between: 3.0, within: 5.0 }, Components { between: 1.0, within: 0.5 }] {
            let repeats = 400;
            let mut squares = (0.0, 0.0);
            for _ in 0..repeats {
                let unit = |random: &mut ChaCha8Rng| {
                    let own = truth.between * normal(random);
                    Sample::new((0..8).map(|_| own + truth.within * normal(random)).collect()).unwrap()
                };
                let units: Vec<Sample> = (0..8).map(|_| unit(&mut random)).collect();
                let found = components(&units).unwrap();
                squares = (squares.0 + found.between.powi(2), squares.1 + found.within.powi(2));
            }
            let root = |sum: f64| (sum / f64::from(repeats)).sqrt();
            assert!((root(squares.0) / truth.between - 1.0).abs() < 0.08, "{truth:?}: {squares:?}");
            assert!((root(squares.1) / truth.within - 1.0).abs() < 0.03, "{truth:?}: {squares:?}");
        }
    }
}
