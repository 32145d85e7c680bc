//! Exit codes of `harness`.

use serde::{Deserialize, Serialize};

/// The result of a run. Each variant names its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// 0: every measurement is valid and nothing is worse than allowed.
    Pass,
    /// 2: a scenario, artifact or baseline is missing or malformed.
    InvalidInput,
    /// 3: a block, or a missed required target.
    Regressed,
    /// 4: wrong usage, or a required tool is missing.
    Usage,
    /// 5: the target failed (not ready, died) in a stage that does not measure failures.
    TargetFailed,
    /// 6: a measurement is invalid.
    Invalid,
    /// 130: interrupted by a signal.
    Interrupted,
}

impl Exit {
    /// From most to least urgent. The most urgent result of several is the exit code.
    pub const BY_URGENCY: [Self; 7] = [
        Self::Interrupted,
        Self::Usage,
        Self::InvalidInput,
        Self::TargetFailed,
        Self::Regressed,
        Self::Invalid,
        Self::Pass,
    ];

    pub const fn code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::InvalidInput => 2,
            Self::Regressed => 3,
            Self::Usage => 4,
            Self::TargetFailed => 5,
            Self::Invalid => 6,
            Self::Interrupted => 130,
        }
    }

    /// Returns the more urgent of two results. Associative and commutative; [`Exit::Pass`] is the neutral element.
    pub fn join(self, other: Self) -> Self {
        let urgent = Self::BY_URGENCY.into_iter().find(|exit| *exit == self || *exit == other);
        urgent.unwrap_or(Self::Pass)
    }

    /// Returns the urgency, 0 for [`Exit::Pass`].
    pub fn urgency(self) -> usize {
        Self::BY_URGENCY.into_iter().rev().position(|exit| exit == self).unwrap_or_default()
    }

    /// Returns the word shown in summaries.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::InvalidInput => "INVALID INPUT",
            Self::Regressed => "REGRESSED",
            Self::Usage => "USAGE",
            Self::TargetFailed => "TARGET FAILED",
            Self::Invalid => "INVALID",
            Self::Interrupted => "INTERRUPTED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_urgent_result_wins_in_any_order() {
        let order = Exit::BY_URGENCY;
        for (index, urgent) in order.iter().enumerate() {
            for milder in &order[index..] {
                assert_eq!(urgent.join(*milder), *urgent);
                assert_eq!(milder.join(*urgent), *urgent);
            }
        }
        assert!(order.is_sorted_by_key(|exit| std::cmp::Reverse(exit.urgency())));
        let codes: Vec<u8> = order.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, [130, 4, 2, 5, 3, 6, 0]);
    }
}
