//! What a server does with messages, and what it really did.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde::Serialize;

use super::args::Args;
use crate::tls::Acceptor;

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Echoed,
    /// Its last byte is changed.
    Corrupted,
    Swallowed,
}

/// The server.
pub(crate) struct Echo {
    pub(crate) acceptor: Acceptor,
    pub(crate) delay: Duration,
    corrupt_every: Option<u64>,
    swallow_every: Option<u64>,
    pub(crate) counts: Counts,
}

/// What the server did so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) tcp_connections: AtomicU64,
    pub(crate) quic_connections: AtomicU64,
    pub(crate) streams: AtomicU64,
    pub(crate) early_streams: AtomicU64,
    pub(crate) bytes: AtomicU64,
    messages: AtomicU64,
    corrupted: AtomicU64,
    swallowed: AtomicU64,
}

/// The truth about a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TruthReport {
    /// Connections of TCP on which bytes arrived, with TLS those with a complete handshake.
    pub tcp_connections: u64,
    pub quic_connections: u64,
    /// Streams of QUIC.
    pub streams: u64,
    /// Those of them whose data were accepted before the end of the handshake (0-RTT).
    pub early_streams: u64,
    /// Bytes that arrived, without those of TLS and QUIC themselves.
    pub bytes: u64,
    /// Messages of clients of the harness, those of the following counts included.
    pub messages: u64,
    pub corrupted: u64,
    pub swallowed: u64,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

impl Echo {
    pub(crate) fn new(args: &Args, acceptor: Acceptor) -> Self {
        Self {
            acceptor,
            delay: args.delay,
            corrupt_every: args.corrupt_every,
            swallow_every: args.swallow_every,
            counts: Counts::default(),
        }
    }

    /// Counts a message, and decides what becomes of it.
    pub(crate) fn next(&self) -> Fate {
        let number = self.counts.messages.fetch_add(1, Relaxed) + 1;
        let is = |every: Option<u64>| every.is_some_and(|every| number.is_multiple_of(every));
        if is(self.swallow_every) {
            count(&self.counts.swallowed);
            Fate::Swallowed
        } else if is(self.corrupt_every) {
            count(&self.counts.corrupted);
            Fate::Corrupted
        } else {
            Fate::Echoed
        }
    }

    pub(crate) fn truth(&self) -> TruthReport {
        let of = |counter: &AtomicU64| counter.load(Relaxed);
        let Counts { tcp_connections, quic_connections, streams, early_streams, bytes, messages, corrupted, swallowed } =
            &self.counts;
        TruthReport {
            tcp_connections: of(tcp_connections),
            quic_connections: of(quic_connections),
            streams: of(streams),
            early_streams: of(early_streams),
            bytes: of(bytes),
            messages: of(messages),
            corrupted: of(corrupted),
            swallowed: of(swallowed),
        }
    }
}
