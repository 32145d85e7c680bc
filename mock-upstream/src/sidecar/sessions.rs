//! Memory that is kept for each MCP session.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use harness_base::clock::Mono;
use harness_base::units::Nanos;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Request, Response};

use super::args::Args;
use super::leaks::mapped;
use crate::share::belongs;

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// The sessions whose ids the sidecar has seen, each with its memory.
///
/// The memory of each session is mapped separately, so that exactly this memory is released at its end.
#[derive(Debug)]
pub(crate) struct Sessions {
    /// Bytes of each session; 0: no session is noticed.
    bytes: usize,
    /// Share of the ended sessions whose memory is kept.
    leak: f64,
    ttl: Option<Nanos>,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    open: HashMap<HeaderValue, Session>,
    leaked: Vec<Vec<u8>>,
    totals: SessionsReport,
}

#[derive(Debug)]
struct Session {
    memory: Vec<u8>,
    used: Mono,
}

/// A request of a session.
#[derive(Debug)]
pub(crate) struct Noted {
    id: HeaderValue,
    deletes: bool,
}

/// MCP sessions by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SessionsReport {
    pub open: u64,
    pub opened: u64,
    /// Ended by DELETE.
    pub deleted: u64,
    /// Ended by `--session-ttl`.
    pub expired: u64,
    /// Ended sessions whose memory is kept.
    pub leaked: u64,
    /// Memory of open and leaked sessions.
    pub kept_bytes: u64,
}

impl Sessions {
    pub(crate) fn new(args: &Args) -> Self {
        Self {
            bytes: args.session_memory,
            leak: args.session_leak,
            ttl: args.session_ttl.map(Nanos::of),
            table: Mutex::default(),
        }
    }

    /// Notes that a request belongs to a session.
    pub(crate) fn note<B>(&self, request: &Request<B>) -> Option<Noted> {
        let id = request.headers().get(&SESSION).filter(|_| self.bytes > 0)?.clone();
        if let Some(session) = self.table().open.get_mut(&id) {
            session.used = Mono::now();
        }
        Some(Noted { id, deletes: request.method() == Method::DELETE })
    }

    /// Opens the session to which the upstream has given an id, or ends the one that it has deleted.
    pub(crate) fn answered<B>(&self, noted: Option<Noted>, response: &Response<B>) {
        if self.bytes == 0 || !response.status().is_success() {
            return;
        }
        if let Some(Noted { id, .. }) = noted.filter(|noted| noted.deletes) {
            let mut table = self.table();
            if table.end(&id, self.leak) {
                table.totals.deleted += 1;
            }
        } else if let Some(id) = response.headers().get(&SESSION) {
            let mut table = self.table();
            if !table.open.contains_key(id) {
                table.open.insert(id.clone(), Session { memory: mapped(self.bytes), used: Mono::now() });
                table.totals.opened += 1;
            }
        }
    }

    /// Ends the sessions that are older than `--session-ttl`.
    pub(crate) fn expire(&self) {
        let Some(ttl) = self.ttl else { return };
        let now = Mono::now();
        let mut table = self.table();
        let old = table.open.iter().filter(|(_, session)| now.since(session.used) >= ttl);
        let old: Vec<HeaderValue> = old.map(|(id, _)| id.clone()).collect();
        for id in old {
            if table.end(&id, self.leak) {
                table.totals.expired += 1;
            }
        }
    }

    pub(crate) fn report(&self) -> SessionsReport {
        let table = self.table();
        let kept = table.open.values().map(|session| session.memory.len());
        let kept: usize = kept.chain(table.leaked.iter().map(Vec::len)).sum();
        SessionsReport {
            open: table.open.len() as u64,
            leaked: table.leaked.len() as u64,
            kept_bytes: kept as u64,
            ..table.totals
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Ends a session. Returns whether there was one.
    fn end(&mut self, id: &HeaderValue, leak: f64) -> bool {
        let Some(session) = self.open.remove(id) else { return false };
        if belongs(leak, self.totals.deleted + self.totals.expired) {
            self.leaked.push(session.memory);
        }
        true
    }
}

impl SessionsReport {
    /// Returns the names, kinds and values in the Prometheus text format.
    pub(crate) const fn rows(&self) -> [(&'static str, &'static str, Option<u64>); 6] {
        [
            ("sessions_open", "gauge", Some(self.open)),
            ("sessions_opened_total", "counter", Some(self.opened)),
            ("sessions_deleted_total", "counter", Some(self.deleted)),
            ("sessions_expired_total", "counter", Some(self.expired)),
            ("sessions_leaked", "gauge", Some(self.leaked)),
            ("sessions_kept_bytes", "gauge", Some(self.kept_bytes)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn sessions(flags: &[&str]) -> Sessions {
        Sessions::new(&Args::parse_from(["sidecar"].iter().chain(flags)))
    }

    fn open(sessions: &Sessions, id: &'static str) {
        let response = Response::builder().header(SESSION, id).body(()).unwrap();
        sessions.answered(None, &response);
    }

    fn delete(sessions: &Sessions, id: &'static str, status: u16) {
        let request = Request::builder().method(Method::DELETE).header(SESSION, id).body(()).unwrap();
        let noted = sessions.note(&request);
        sessions.answered(noted, &Response::builder().status(status).body(()).unwrap());
    }

    #[test]
    fn a_session_keeps_its_memory_until_it_is_deleted() {
        let sessions = sessions(&["--session-memory", "4KiB"]);
        ["a", "b", "a"].into_iter().for_each(|id| open(&sessions, id));
        let report = SessionsReport { open: 2, opened: 2, kept_bytes: 8192, ..SessionsReport::default() };
        assert_eq!(sessions.report(), report);
        delete(&sessions, "a", 404);
        delete(&sessions, "c", 204);
        assert_eq!(sessions.report(), report);
        delete(&sessions, "a", 204);
        let report = SessionsReport { open: 1, opened: 2, deleted: 1, kept_bytes: 4096, ..SessionsReport::default() };
        assert_eq!(sessions.report(), report);
    }

    #[test]
    fn a_share_of_the_ended_sessions_is_leaked() {
        let sessions = sessions(&["--session-memory", "1KiB", "--session-leak", "50%"]);
        for id in ["a", "b", "c", "d"] {
            open(&sessions, id);
            delete(&sessions, id, 200);
        }
        let report = sessions.report();
        assert_eq!((report.open, report.deleted, report.leaked, report.kept_bytes), (0, 4, 2, 2048));
    }

    #[test]
    fn a_session_without_requests_expires() {
        let sessions = sessions(&["--session-memory", "1KiB", "--session-ttl", "1ns"]);
        open(&sessions, "a");
        open(&sessions, "b");
        let later = Mono::now().after(Nanos::from_secs(3600));
        sessions.table().open.get_mut(&HeaderValue::from_static("b")).unwrap().used = later;
        sessions.expire();
        let report = sessions.report();
        assert_eq!((report.open, report.opened, report.expired, report.kept_bytes), (1, 2, 1, 1024));
    }

    #[test]
    fn nothing_is_noticed_without_memory() {
        let sessions = sessions(&[]);
        open(&sessions, "a");
        assert_eq!(sessions.report(), SessionsReport::default());
    }
}
