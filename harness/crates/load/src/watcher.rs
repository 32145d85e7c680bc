//! Reports the first answer of each connection in which the watched value differs.

use super::trial::Trial;
use crate::watched::Change;
use harness_base::clock::Mono;

/// What one user saw last.
#[derive(Debug, Default)]
pub(super) struct Watcher {
    /// The value, and when the request of its last answer was sent.
    last: Option<(u64, Mono)>,
}

impl Watcher {
    /// Sees the value of an answer to a request that was sent at one instant and answered at another.
    pub(super) fn see(&mut self, trial: &Trial, connection: u64, value: Option<u64>, (sent, ended): (Mono, Mono)) {
        let Some(value) = value else {
            trial.tallies.current().watched.get_or_insert_default().without += 1;
            return;
        };
        let before = self.last.replace((value, sent));
        if before.is_some_and(|(known, _)| known == value) {
            return;
        }
        let since = |at: Mono| at.0 as i64 - trial.window_start.0 as i64;
        let before_ns = before.map(|(_, sent)| since(sent));
        let change = Change { connection, before_ns, at_ns: since(ended), value };
        trial.tallies.current().watched.get_or_insert_default().add(change);
    }
}
