//! Checks that the relays of a network, and netem, did what they should when they should. They are a part of the instrument.

use super::{Blame, Check, Evidence, Found, Limits, OwnProcess, Rule, ShareOf};
use harness_load::pace::Pace;

/// Checks the stalls of the relays, which delay requests as those of the upstream do.
pub(super) fn relay_stall(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    if evidence.relays.is_empty() {
        return None;
    }
    let limit = limits.upstream_stall.0;
    let stalled: Option<Vec<u64>> = evidence.relays.iter().map(|relay| relay.stall_ns).collect();
    let Some(stalled) = stalled else { return Some(Check::unread(Rule::Stall, limit)) };
    let longest = stalled.into_iter().max().unwrap_or(0);
    let share = longest as f64 / evidence.load.window_ns.max(1) as f64;
    let found = Found::Stall { process: OwnProcess::Relay, share, share_of: ShareOf::Window, limit };
    Some(Check::new(found, share <= limit, Blame::Instrument))
}

/// Checks how late the relays wrote and read in an open loop. In a closed loop, what is relayed for other connections before is part of the
/// load, and [`super::tags`] says if a relay had no CPU time left.
pub(super) fn relay_lag(evidence: &Evidence<'_>, limits: &Limits) -> Option<Check> {
    let Pace::Open { .. } = evidence.offered else { return None };
    let judged = evidence.relays.iter().filter_map(|relay| Some((relay.path, relay.judged()?)));
    let (path, lag) = judged.max_by_key(|(_, lag)| lag.lag_ns)?;
    let limit_ns = limits.relay_lag_p99.0;
    let found = Found::RelayLag { path, quantile: lag.quantile, lag_ns: lag.lag_ns, limit_ns };
    Some(Check::new(found, lag.lag_ns <= limit_ns, Blame::Instrument))
}

/// Checks that netem lost as many packets as the network of the stage says, and no others.
pub(super) fn path_loss(evidence: &Evidence<'_>, _: &Limits) -> Option<Check> {
    let mut made = evidence.relays.iter().filter_map(|relay| Some((relay.path, relay.netem?)));
    let first = made.clone().next()?;
    let (path, netem) = made.find(|(_, netem)| !netem.is_as_wanted()).unwrap_or(first);
    let (packets, lost) = netem.arrived_and_dropped();
    let found = Found::PathLoss { path, lost, packets, wanted: netem.loss };
    Some(Check::new(found, netem.is_as_wanted(), Blame::Instrument))
}
