//! What netem does to the packets of a path.

use harness_base::units::{BitRate, Nanos, Ratio};

/// The delays, limits and losses of each direction.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Impairment {
    /// One way.
    pub delay: Nanos,
    /// The largest difference from `delay`, at most `delay`.
    pub jitter: Nanos,
    /// Counts the packets of IP with their headers; absent: as fast as the host.
    pub bandwidth: Option<BitRate>,
    /// Share of the packets that are lost, from 0 to 1.
    pub loss: Ratio,
    /// Share of the packets that arrive twice.
    pub duplicate: Ratio,
    /// Share of the packets that are not delayed, so that they overtake others.
    pub reorder: Ratio,
}

/// The packets that netem may hold without a limit of the bandwidth: more than all windows of TCP together, so nothing is dropped by chance.
const UNLIMITED: u64 = 1_000_000;
/// Bytes that may wait for their turn on a line with limited bandwidth, as in the user space relay.
const WAITING: u64 = 256 << 10;
/// The longest packet.
const PACKET: u64 = 1_500;

impl Impairment {
    /// Returns how many packets netem holds at most, those that are delayed included. What finds it full is lost, as at a router.
    pub(super) fn limit(&self) -> u64 {
        let Some(BitRate(bits_per_second)) = self.bandwidth else { return UNLIMITED };
        let held = self.delay.plus(self.jitter).0 as f64 / 1e9 * bits_per_second as f64 / 8.0;
        // Twice, because many packets are shorter than the longest.
        let packets = (2.0 * held / PACKET as f64).ceil() as u64;
        packets.saturating_add(WAITING.div_ceil(PACKET)).min(UNLIMITED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limited_line_holds_what_it_delays_and_a_queue() {
        assert_eq!(Impairment::default().limit(), 1_000_000);
        let line = |delay, rate| Impairment {
            delay: Nanos::from_millis(delay),
            bandwidth: Some(BitRate(rate)),
            ..Impairment::default()
        };
        assert_eq!(line(0, 10_000_000).limit(), 175);
        assert_eq!(line(12, 10_000_000).limit(), 175 + 20, "15 kB are under way");
        assert_eq!(line(10_000, 100_000_000_000).limit(), 1_000_000);
    }
}
