//! Samples: the values of one metric, one per round or launch.

/// One or more finite values, in the order of measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample(Vec<f64>);

/// The reason why values are not a sample.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unusable {
    #[error("no value")]
    Empty,
    #[error("value {index} is {value}, not a finite number")]
    NotFinite {
        /// The position, from 0.
        index: usize,
        value: f64,
    },
}

impl Sample {
    /// Creates a sample after checking the values.
    ///
    /// # Errors
    /// Returns [`Unusable`] when there are no values, or one is infinite or not a number.
    pub fn new(values: Vec<f64>) -> Result<Self, Unusable> {
        if values.is_empty() {
            return Err(Unusable::Empty);
        }
        match values.iter().position(|value| !value.is_finite()) {
            Some(index) => Err(Unusable::NotFinite { index, value: values[index] }),
            None => Ok(Self(values)),
        }
    }

    /// Returns the values in the order of measurement.
    pub fn values(&self) -> &[f64] {
        &self.0
    }

    /// Returns the values from smallest to largest.
    pub fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// Returns the positions of the outliers. They are flagged, never dropped.
    ///
    /// A value is an outlier when its modified z-score, 0.6745 × (value − median) ÷ MAD, is beyond ±3.5 (B. Iglewicz and D. C.
    /// Hoaglin, *How to Detect and Handle Outliers*, 1993). With fewer than six values, or when half of them are equal, there is no
    /// scale and no value is flagged.
    pub fn outliers(&self) -> Vec<usize> {
        const LIMIT: f64 = 3.5;
        const FEWEST: usize = 6;
        let center = middle(&self.sorted());
        let mut distances: Vec<f64> = self.0.iter().map(|value| (value - center).abs()).collect();
        distances.sort_by(f64::total_cmp);
        let scale = middle(&distances) / 0.6745;
        if self.0.len() < FEWEST || scale == 0.0 {
            return Vec::new();
        }
        let far = |(position, value): (usize, &f64)| ((value - center).abs() > LIMIT * scale).then_some(position);
        self.0.iter().enumerate().filter_map(far).collect()
    }
}

/// Returns the median of sorted values; for an even number, the mean of the two in the middle.
pub(super) fn middle(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { f64::midpoint(sorted[half - 1], sorted[half]) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Makes a sample of finite values.
    pub(crate) fn sample(values: &[f64]) -> Sample {
        Sample::new(values.to_vec()).unwrap()
    }

    #[test]
    fn only_finite_values_make_a_sample() {
        assert_eq!(Sample::new(vec![]), Err(Unusable::Empty));
        assert_eq!(Sample::new(vec![1.0, f64::INFINITY]), Err(Unusable::NotFinite { index: 1, value: f64::INFINITY }));
        assert!(matches!(Sample::new(vec![f64::NAN]), Err(Unusable::NotFinite { index: 0, .. })));
        assert_eq!(Sample::new(vec![2.0, -1.0]).map(|sample| sample.sorted()), Ok(vec![-1.0, 2.0]));
    }

    #[test]
    fn outliers_are_flagged() {
        let outliers = |values: &[f64]| Sample::new(values.to_vec()).unwrap().outliers();
        assert_eq!(outliers(&[10.0, 11.0, 90.0, 9.0, 10.5, 9.5, 10.2]), [2]);
        assert_eq!(outliers(&[10.0, 11.0, 12.0, 9.0, 10.5, 9.5, 10.2]), [0_usize; 0]);
        assert_eq!(outliers(&[5.0, 5.0, 5.0, 5.0, 9.0, 4.0]), [0_usize; 0], "no scale");
        assert_eq!(outliers(&[10.0, 11.0, 90.0, 9.0, 10.5]), [0_usize; 0], "too few");
        // The limit itself, by hand: median 4, distances 3 2 1 0 1 2 x, MAD 2, so 3.5 × 2 ÷ 0.6745 = 10.378.
        assert_eq!(outliers(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 14.37]), [0_usize; 0]);
        assert_eq!(outliers(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 14.38]), [6]);
    }
}
