//! Shares of a sequence, such as one in ten of the answers.

/// Why a text is not a share.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a share between 0% and 100%; write 15%")]
pub(crate) struct NotAShare(String);

/// Parses `15%` or `15` as 0.15.
pub(crate) fn parse_share(text: &str) -> Result<f64, NotAShare> {
    let number = text.trim().trim_end_matches('%').trim_end();
    match number.parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err(NotAShare(text.to_owned())),
    }
}

/// Returns whether the member `number` of a sequence, counted from 0, belongs to a share of it.
///
/// Multiples of the golden ratio, modulo 1, spread any run of members evenly: the share is met almost exactly, and without a period that
/// a client could have too.
pub(crate) fn belongs(share: f64, number: u64) -> bool {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let spread = (number.wrapping_mul(GOLDEN) >> 11) as f64 / (1_u64 << 53) as f64;
    spread < share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_percentage() {
        let share = |text| parse_share(text).ok();
        assert_eq!([share("15%"), share("0"), share("100 %")], [Some(0.15), Some(0.0), Some(1.0)]);
        for wrong in ["101%", "-1", "NaN", "", "half"] {
            assert!(parse_share(wrong).unwrap_err().to_string().contains("write 15%"), "{wrong}");
        }
    }

    #[test]
    fn every_run_of_members_has_its_share() {
        for share in [0.0, 0.1, 0.15, 0.5, 1.0] {
            for first in [0, 7, 1_000_000] {
                let members = (first..first + 200).filter(|number| belongs(share, *number)).count() as f64;
                assert!((members - 200.0 * share).abs() <= 2.0, "{members} of 200 for {share}");
            }
        }
    }
}
