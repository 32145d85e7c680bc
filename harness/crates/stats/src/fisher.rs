//! Fisher's exact test of two shares.

use statrs::function::factorial::ln_binomial;

/// Relative tolerance for tables that are equally probable except for rounding.
const GRAIN: f64 = 1e-7;

/// Returns the two-sided p-value for the rows of a table having the same share in the first column: the probability, with these sums of
/// rows and columns, of all tables that are at most as probable as this one (R. A. Fisher, *Statistical Methods for Research Workers*,
/// 1934). It is 1 if a row or a column is empty.
pub fn fisher_exact([[a, b], [c, d]]: [[u64; 2]; 2]) -> f64 {
    let (first, second, column) = (a + b, c + d, a + c);
    let total = ln_binomial(first + second, column);
    let ln_p = |a: u64| ln_binomial(first, a) + ln_binomial(second, column - a) - total;
    let observed = ln_p(a) + GRAIN;
    let possible = column.saturating_sub(second)..=first.min(column);
    possible.map(ln_p).filter(|ln_p| *ln_p <= observed).map(f64::exp).sum::<f64>().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_is_that_of_scipy() {
        let near =
            |table, p: f64| assert!((fisher_exact(table) - p).abs() < 1e-6, "{table:?}: {}", fisher_exact(table));
        near([[8, 2], [1, 5]], 0.034_965_034_965);
        near([[3, 1], [1, 3]], 0.485_714_285_714);
        near([[20, 80], [2, 98]], 0.000_050_912);
        near([[0, 5], [0, 9]], 1.0);
        near([[5, 5], [5, 5]], 1.0);
    }

    #[test]
    fn rows_and_columns_can_be_exchanged() {
        for (a, b, c, d) in [(7, 3, 2, 9), (0, 12, 4, 1), (30, 70, 12, 88)] {
            let p = fisher_exact([[a, b], [c, d]]);
            for other in [[[c, d], [a, b]], [[b, a], [d, c]], [[a, c], [b, d]]] {
                assert!((p - fisher_exact(other)).abs() < 1e-9);
            }
        }
    }
}
