//! Connections that are closed after a number of requests: how opening them went, and how many carried all their requests.

use super::arm_client::{ArmClient, Completion};
use super::trial::Trial;
use super::wire::Opening;
use crate::facts::Connections;
use crate::outcome::Outcome;

/// The life of a user's present connection.
#[derive(Debug, Default)]
pub(super) struct Lifetime {
    /// Requests that it has carried.
    carried: u64,
    /// Whether one of them was not answered as expected.
    has_failed: bool,
}

impl Lifetime {
    /// Counts a request that has ended, and the opening of the connection if the request needed a new one. Closes the connection after
    /// the last of its `requests`.
    pub(super) fn after_request(
        &mut self,
        trial: &Trial,
        requests: u64,
        client: &mut ArmClient,
        completion: &Completion,
    ) {
        if let Some(opening) = client.take_opening() {
            *self = Self::default();
            count(trial, &opening);
        }
        self.carried += 1;
        self.has_failed |= completion.outcome != Outcome::Ok;
        if self.carried < requests {
            return;
        }
        if !self.has_failed && trial.in_window(completion.ended) {
            trial.tallies.current().connections.get_or_insert_default().completed_in_window += 1;
        }
        client.reset();
        *self = Self::default();
    }
}

/// Counts a connection that was opened, or could not be.
fn count(trial: &Trial, opening: &Opening) {
    let mut tally = trial.tallies.current();
    let connections = tally.connections.get_or_insert_default();
    connections.established_total += u64::from(opening.connected.is_some());
    if !trial.in_window(opening.began) {
        return;
    }
    let (Some(connected), Some(ready)) = (opening.connected, opening.ready) else {
        connections.failed += 1;
        return;
    };
    connections.opened += 1;
    connections.resumed += u64::from(opening.resumed == Some(true));
    if trial.is_stalled(opening.began, ready) {
        return;
    }
    let Connections { connect, full_handshake, resumed_handshake, .. } = &mut **connections;
    connect.record(connected.since(opening.began));
    match opening.resumed {
        None => {}
        Some(true) => resumed_handshake.get_or_insert_default().record(ready.since(connected)),
        Some(false) => full_handshake.get_or_insert_default().record(ready.since(connected)),
    }
}
