//! p-values adjusted for the number of tests.

use super::undefined::Undefined;

/// Adjusts p-values by the method of Benjamini and Hochberg; keeps their order. If all findings with an adjusted p of at most q are
/// called significant, the expected share of false ones among them is at most q, for independent tests (Y. Benjamini and Y.
/// Hochberg, *Controlling the False Discovery Rate*, 1995). Verdicts do not use the adjusted values.
///
/// # Errors
/// [`Undefined::NoProbability`] when a p-value lies outside [0, 1].
pub fn benjamini_hochberg(p_values: &[f64]) -> Result<Vec<f64>, Undefined> {
    if let Some(value) = p_values.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(Undefined::NoProbability { value: *value });
    }
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|one, other| p_values[*one].total_cmp(&p_values[*other]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least: f64 = 1.0;
    for (rank, position) in order.into_iter().enumerate().rev() {
        // The factor is computed first. It is at least 1, so rounding cannot make the adjusted value smaller than p.
        least = least.min(p_values[position] * (p_values.len() as f64 / (rank + 1) as f64));
        adjusted[position] = least;
    }
    Ok(adjusted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjusted_by_hand() {
        // Sorted: 0.01 × 4/1 = 0.04, 0.02 × 4/2 = 0.04, 0.03 × 4/3 = 0.04, 0.5 × 4/4 = 0.5.
        let found = benjamini_hochberg(&[0.5, 0.01, 0.03, 0.02]).unwrap();
        let expected = [0.5, 0.04, 0.04, 0.04];
        assert!(found.iter().zip(expected).all(|(one, other)| (one - other).abs() < 1e-15), "{found:?}");
        // A larger p never has a smaller adjusted one: 0.02 × 2/1 = 0.04, held to 0.03 × 2/2.
        assert_eq!(benjamini_hochberg(&[0.03, 0.02]).unwrap(), [0.03, 0.03]);
        assert_eq!(benjamini_hochberg(&[1.0, 0.9, 0.8]).unwrap(), [1.0; 3]);
        assert_eq!(benjamini_hochberg(&[0.02]).unwrap(), [0.02]);
        assert_eq!(benjamini_hochberg(&[]).unwrap(), [0.0; 0]);
    }

    #[test]
    fn numbers_outside_zero_to_one_are_refused() {
        assert_eq!(benjamini_hochberg(&[0.5, 1.5]), Err(Undefined::NoProbability { value: 1.5 }));
        assert_eq!(benjamini_hochberg(&[-0.5]), Err(Undefined::NoProbability { value: -0.5 }));
        assert!(matches!(benjamini_hochberg(&[f64::NAN]), Err(Undefined::NoProbability { .. })));
    }
}
