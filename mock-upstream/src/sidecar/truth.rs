//! Counters of what the sidecar really did, by its own clock.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use harness_base::clock::Mono;

use super::lengths::Lengths;

/// Running counters. An instant that has not come yet is 0.
#[derive(Debug)]
pub(crate) struct Truth {
    main: Mono,
    pub(crate) listening_ns: AtomicU64,
    pub(crate) admin_listening_ns: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) forwarded: AtomicU64,
    pub(crate) errors_injected: AtomicU64,
    pub(crate) connect_failures: AtomicU64,
    pub(crate) cut_at_stop: AtomicU64,
    pub(crate) added_request: Lengths,
    pub(crate) added_response: Lengths,
    pub(crate) asked: Lengths,
    pub(crate) answered: Lengths,
    pub(crate) queued: Lengths,
    pub(crate) held: Lengths,
    pub(crate) events: AtomicU64,
    pub(crate) burned: Lengths,
    pub(crate) flooded: AtomicU64,
    pub(crate) flood_writes: Lengths,
    pub(crate) worker_pid: AtomicU64,
    pub(crate) worker_burned_ns: AtomicU64,
    pub(crate) worker_ballast: AtomicU64,
}

impl Truth {
    pub(crate) fn new(main: Mono) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            main,
            listening_ns: zero(),
            admin_listening_ns: zero(),
            connections: zero(),
            requests: zero(),
            forwarded: zero(),
            errors_injected: zero(),
            connect_failures: zero(),
            cut_at_stop: zero(),
            added_request: Lengths::new(),
            added_response: Lengths::new(),
            asked: Lengths::new(),
            answered: Lengths::new(),
            queued: Lengths::new(),
            held: Lengths::new(),
            events: zero(),
            burned: Lengths::new(),
            flooded: zero(),
            flood_writes: Lengths::new(),
            worker_pid: zero(),
            worker_burned_ns: zero(),
            worker_ballast: zero(),
        }
    }

    /// Records the instant at which the proxy port began to listen. Later calls have no effect.
    pub(crate) fn set_listening(&self) {
        stamp(&self.listening_ns);
    }

    pub(crate) fn set_admin_listening(&self) {
        stamp(&self.admin_listening_ns);
    }

    pub(crate) fn main(&self) -> Mono {
        self.main
    }
}

fn stamp(instant: &AtomicU64) {
    let _ = instant.compare_exchange(0, Mono::now().0, Relaxed, Relaxed);
}

/// Reads an instant that may not have come yet.
pub(crate) fn instant(value: &AtomicU64) -> Option<u64> {
    Some(value.load(Relaxed)).filter(|ns| *ns > 0)
}
