//! The open sessions of the legacy era.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use harness_base::clock::Mono;
use harness_base::units::Nanos;
use tokio::sync::watch;

use super::counts::McpSessions;
use super::revision::Legacy;

/// Digits of an id, which is hexadecimal.
const DIGITS: usize = 32;

/// The sessions that are open. Their number is bounded, and those that are not used are gone after a while.
#[derive(Debug)]
pub(super) struct Sessions {
    table: Mutex<Table>,
    most: usize,
    idle: Nanos,
}

#[derive(Debug, Default)]
struct Table {
    open: HashMap<u128, Session>,
    totals: McpSessions,
}

#[derive(Debug)]
struct Session {
    revision: Legacy,
    used: Mono,
    /// Ends the streams of the session when it is dropped; absent until the first one is opened.
    streams: Option<watch::Sender<()>>,
}

impl Session {
    fn is_in_use(&self, now: Mono, idle: Nanos) -> bool {
        now.since(self.used) < idle || self.streams.as_ref().is_some_and(|streams| streams.receiver_count() > 0)
    }
}

impl Sessions {
    /// Creates a table for `most` sessions, each of which is gone after it was not used for `idle`.
    pub(super) fn new(most: usize, idle: Nanos) -> Self {
        Self { table: Mutex::default(), most, idle }
    }

    /// Opens a session and returns its id, which is random. Returns `None` if too many are open.
    pub(super) fn open(&self, revision: Legacy) -> Option<String> {
        let mut table = self.table();
        if table.open.len() >= self.most {
            table.expire(self.idle);
        }
        if table.open.len() >= self.most {
            table.totals.refused += 1;
            return None;
        }
        let id: u128 = rand::random();
        table.open.insert(id, Session { revision, used: Mono::now(), streams: None });
        table.totals.opened += 1;
        Some(format!("{id:0DIGITS$x}"))
    }

    /// Notes a request of a session, and returns what it has agreed on. Returns `None` if there is no such session.
    pub(super) fn touch(&self, id: &str) -> Option<Legacy> {
        self.with(id, |session| session.revision)
    }

    /// Opens a stream of a session. The receiver is closed when the session ends.
    pub(super) fn listen(&self, id: &str) -> Option<watch::Receiver<()>> {
        self.with(id, |session| session.streams.get_or_insert_with(|| watch::Sender::new(())).subscribe())
    }

    /// Ends a session and its streams. Returns whether there was one.
    pub(super) fn end(&self, id: &str) -> bool {
        let known = self.touch(id).is_some();
        let mut table = self.table();
        let ended = known && parse(id).is_some_and(|id| table.open.remove(&id).is_some());
        table.totals.deleted += u64::from(ended);
        ended
    }

    /// Counts the sessions.
    pub(super) fn totals(&self) -> McpSessions {
        let mut table = self.table();
        table.expire(self.idle);
        McpSessions { open: table.open.len() as u64, ..table.totals }
    }

    fn with<T>(&self, id: &str, then: impl FnOnce(&mut Session) -> T) -> Option<T> {
        let id = parse(id)?;
        let now = Mono::now();
        let mut table = self.table();
        let session = table.open.get_mut(&id)?;
        if session.is_in_use(now, self.idle) {
            session.used = now;
            return Some(then(session));
        }
        table.open.remove(&id);
        table.totals.expired += 1;
        None
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn expire(&mut self, idle: Nanos) {
        let (before, now) = (self.open.len(), Mono::now());
        self.open.retain(|_, session| session.is_in_use(now, idle));
        self.totals.expired += (before - self.open.len()) as u64;
    }
}

fn parse(id: &str) -> Option<u128> {
    (id.len() == DIGITS).then(|| u128::from_str_radix(id, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Nanos = Nanos::from_secs(3600);

    #[test]
    fn a_session_lives_until_it_is_ended() {
        let sessions = Sessions::new(10, HOUR);
        let id = sessions.open(Legacy::June2025).unwrap();
        assert_eq!(sessions.touch(&id), Some(Legacy::June2025));
        let stream = sessions.listen(&id).unwrap();
        assert!(stream.has_changed().is_ok());
        assert!(sessions.end(&id));
        assert!(stream.has_changed().is_err(), "the stream ends with its session");
        assert!(!sessions.end(&id));
        assert_eq!([sessions.touch(&id), sessions.touch(""), sessions.touch("zz")], [None; 3]);
        assert_eq!(sessions.totals(), McpSessions { opened: 1, deleted: 1, ..McpSessions::default() });
    }

    #[test]
    fn ids_are_random_and_their_number_is_bounded() {
        let sessions = Sessions::new(2, HOUR);
        let ids = [(); 3].map(|()| sessions.open(Legacy::November2025));
        assert!(ids[0].is_some() && ids[1].is_some() && ids[0] != ids[1] && ids[2].is_none());
        assert!(ids.iter().flatten().all(|id| id.len() == DIGITS));
        assert_eq!(sessions.totals(), McpSessions { open: 2, opened: 2, refused: 1, ..McpSessions::default() });
    }

    #[test]
    fn a_session_without_requests_and_streams_is_gone_after_a_while() {
        let sessions = Sessions::new(2, Nanos::ZERO);
        let (idle, listening) = (sessions.open(Legacy::June2025).unwrap(), sessions.open(Legacy::June2025).unwrap());
        // A session that is idle for 0 ns is gone at once, unless a stream holds it.
        let id = parse(&listening).unwrap();
        let held = sessions.table().open.get_mut(&id).unwrap().streams.insert(watch::Sender::new(())).subscribe();
        assert_eq!([sessions.touch(&idle), sessions.touch(&listening)], [None, Some(Legacy::June2025)]);
        assert_eq!(sessions.totals(), McpSessions { open: 1, opened: 2, expired: 1, ..McpSessions::default() });
        drop(held);
        assert_eq!(sessions.totals().open, 0);
    }
}
