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
    /// What netem did to the packets of this path; absent if the relay itself makes the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netem: Option<NetemFacts>,
}

/// What netem did to the packets of a path, and what it was to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NetemFacts {
    /// Share of the packets that are to be lost, from 0 to 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub loss: f64,
    /// Share of the packets that are to arrive twice, from 0 to 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub duplicate: f64,
    /// Whether the bandwidth is limited, so that packets are also dropped that find its queue full.
    pub limited: bool,
    pub forward: NetemLine,
    pub backward: NetemLine,
}

/// The packets of one direction, on all ways of the path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NetemLine {
    /// Packets that passed.
    pub packets: u64,
    /// Their bytes, with 14 of a header of loopback for each.
    pub bytes: u64,
    /// Packets that were dropped.
    pub dropped: u64,
}

impl NetemFacts {
    /// Returns the packets of both directions that arrived at netem, and those of them that it dropped.
    pub const fn arrived_and_dropped(&self) -> (u64, u64) {
        let dropped = self.forward.dropped + self.backward.dropped;
        (self.forward.packets + self.backward.packets + dropped, dropped)
    }

    /// Returns whether so many packets were dropped as independent losses of this share drop: within five standard deviations, and three
    /// packets for those that were under way at the readings. A queue that was full can have dropped more.
    pub fn is_as_wanted(&self) -> bool {
        let (arrived, dropped) = self.arrived_and_dropped();
        let (arrived, dropped, share) = (arrived as f64, dropped as f64, self.loss);
        if share <= 0.0 {
            return self.limited || dropped == 0.0;
        }
        // A packet that is to be lost and to arrive twice arrives once, and each second packet has arrived at netem too.
        let least = share * (1.0 - self.duplicate) / (1.0 + self.duplicate);
        let slack = |share: f64| 5.0 * (arrived * share * (1.0 - share)).sqrt() + 3.0;
        dropped >= arrived * least - slack(least) && (self.limited || dropped <= arrived * share + slack(share))
    }
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
    fn losses_are_as_wanted_within_what_is_random() {
        let facts = |packets, dropped| {
            let forward = NetemLine { packets, bytes: 0, dropped };
            NetemFacts { loss: 0.01, forward, ..NetemFacts::default() }
        };
        assert_eq!(facts(990, 10).arrived_and_dropped(), (1_000, 10));
        // Of 100,000 packets, 1,000 ± 31 are lost.
        assert!([850, 1_000, 1_150].into_iter().all(|lost| facts(100_000 - lost, lost).is_as_wanted()));
        assert!([700, 1_300].into_iter().all(|lost| !facts(100_000 - lost, lost).is_as_wanted()));
        assert!(facts(100, 0).is_as_wanted() && !facts(100_000, 0).is_as_wanted());
        assert!(NetemFacts { limited: true, ..facts(98_000, 2_000) }.is_as_wanted(), "the queue was full");
        assert!(!NetemFacts { limited: true, ..facts(100_000, 0) }.is_as_wanted());
        assert!(NetemFacts { duplicate: 0.5, ..facts(99_667, 333) }.is_as_wanted());
        assert!(!NetemFacts { loss: 0.0, ..facts(100, 1) }.is_as_wanted(), "nothing is lost by chance");
    }

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
