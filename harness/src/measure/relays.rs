//! Defines what the relays of a network did during a trial.

use serde::{Deserialize, Serialize};

use harness_rig::paths::PathName;

/// What one relay did from before a trial until after it, in both directions and on all its ways.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RelayFacts {
    pub path: PathName,
    /// The time between the two reports of the relay, in nanoseconds.
    pub span_ns: u64,
    /// CPU time of the relay, which has one thread, in nanoseconds.
    pub cpu_ns: u64,
    /// Connections that were opened.
    pub connections: u64,
    /// Connections that were reset because the destination did not accept them.
    pub refused: u64,
    /// Connections that were reset because the network of the stage says so.
    pub reset: u64,
    pub bytes: u64,
    /// Pieces in which the bytes were passed on.
    pub chunks: u64,
    /// The sum of the times from the arrival of each piece to its departure, in nanoseconds.
    pub delay_sum_ns: u64,
    /// How much later than it was due a piece was written; absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<RelayLag>,
    /// How long what arrives waits before it is read, as seen by a timer; absent if it never expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<RelayLag>,
    /// How long its event loop did not run within the window although it was due, in nanoseconds, without what the hypervisor can have
    /// taken; absent where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stall_ns: Option<u64>,
}

/// A lag of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RelayLag {
    /// From 0 to 1: 0.99, or lower if fewer than ten values are beyond it.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub quantile: f64,
    /// The lag at this quantile, in nanoseconds, at most an eighth too large.
    pub lag_ns: u64,
    /// The largest one, in nanoseconds, at most an eighth too large.
    pub largest_ns: u64,
}

impl RelayLag {
    /// Returns the lag that is judged, from values in rising order with their numbers; `None` if there is none.
    pub fn of(counts: &[(u64, u64)]) -> Option<Self> {
        let total: u64 = counts.iter().map(|(_, count)| count).sum();
        let (largest_ns, _) = *counts.iter().rfind(|(_, count)| *count > 0)?;
        let quantile = 1.0 - (10.0 / total.max(20) as f64).max(0.01);
        let rank = (quantile * total as f64).ceil() as u64;
        let mut below = 0;
        let at = counts.iter().find(|(_, count)| {
            below += count;
            below >= rank
        });
        Some(Self { quantile, lag_ns: at.map_or(largest_ns, |(lag, _)| *lag), largest_ns })
    }
}

impl RelayFacts {
    /// Returns the lag that is compared with its limit: of writing or of reading, whichever is longer.
    pub fn judged(&self) -> Option<RelayLag> {
        self.lag.into_iter().chain(self.wait).max_by_key(|lag| lag.lag_ns)
    }

    /// Returns for which share of the time its thread used a CPU.
    pub fn busy(&self) -> f64 {
        self.cpu_ns as f64 / self.span_ns.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lag_is_judged_at_a_quantile_with_ten_values_beyond_it() {
        let lag = |counts: &[(u64, u64)]| RelayLag::of(counts).map(|lag| (lag.quantile, lag.lag_ns, lag.largest_ns));
        assert_eq!(lag(&[(10, 1_980), (500, 20)]), Some((0.99, 10, 500)));
        assert_eq!(lag(&[(10, 1_979), (500, 21)]), Some((0.99, 500, 500)));
        assert_eq!(lag(&[(10, 90), (500, 10)]), Some((0.9, 10, 500)));
        assert_eq!(lag(&[(10, 1), (500, 1), (900, 0)]), Some((0.5, 10, 500)), "few values are judged by their median");
        assert_eq!(lag(&[]), None);
    }
}
