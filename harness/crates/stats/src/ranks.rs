//! Ranks of values, with ties.

/// Returns twice the midrank of each value. Equal values share the mean of their ranks, which doubled is a whole number.
pub(super) fn doubled_midranks(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|one, other| values[*one].total_cmp(&values[*other]));
    let mut ranks = vec![0; values.len()];
    let mut first = 0;
    for group in order.chunk_by(|one, other| values[*one] == values[*other]) {
        let past = first + group.len();
        for position in group {
            ranks[*position] = first + 1 + past;
        }
        first = past;
    }
    ranks
}

/// Returns the sizes of the groups of equal values, from the smallest value to the largest.
pub(super) fn groups(values: &[f64]) -> Vec<usize> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.chunk_by(|one, other| one == other).map(<[f64]>::len).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_the_mean_of_their_ranks() {
        assert_eq!(doubled_midranks(&[30.0, 10.0, 20.0]), [6, 2, 4]);
        assert_eq!(doubled_midranks(&[3.0, 1.0, 3.0, 2.0, 3.0]), [8, 2, 8, 4, 8]);
        assert_eq!(doubled_midranks(&[0.0, -0.0]), [3, 3]);
        assert_eq!(groups(&[3.0, 1.0, 3.0, 2.0, 3.0]), [1, 1, 3]);
    }
}
