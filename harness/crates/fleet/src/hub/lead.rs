//! When a trial can start at the earliest.

use crate::clock::Estimate;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// How much earlier than its start a trial must be ordered, besides the longest round trip.
const LEAST_LEAD: Nanos = Nanos::from_millis(5);

/// The time to send an order to one node, at most.
const SENDING: Nanos = Nanos::from_micros(20);

/// How much later a trial starts while an agent watches the target, which reads the ledger of the upstream before.
const AGENT_LEAD: Nanos = Nanos::from_millis(20);

/// Returns the earliest start of a trial that reaches all nodes in time; one clock for each.
pub(super) fn earliest(clocks: &[Estimate], is_watched: bool) -> Mono {
    let trip = clocks.iter().map(|clock| clock.round_trip()).max().unwrap_or_default();
    let agent = if is_watched { AGENT_LEAD } else { Nanos::ZERO };
    Mono::now().after(trip).after(LEAST_LEAD).after(SENDING.times(clocks.len() as u64)).after(agent)
}
