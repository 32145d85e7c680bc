//! The state that all connections of the upstream share.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use harness_base::clock::Mono;
use harness_base::heartbeat::Heartbeat;

use super::behaviour::Behaviour;
use super::cancels::Cancels;
use super::delay::Sampler;
use super::fault::Switch;
use super::ledger::{Ledger, LedgerReport};
use super::mcp::Server;

pub(crate) struct Upstream {
    pub(crate) behaviour: Behaviour,
    pub(crate) ledger: Ledger,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) switch: Switch,
    pub(crate) body: Bytes,
    /// The whole MCP server; absent without `--mcp`.
    pub(crate) mcp: Option<Server>,
    pub(crate) delays: Sampler,
    /// Requests that faults may affect: all except admin paths and probes.
    pub(crate) numbered: AtomicU64,
    /// Streams of stamped events so far.
    pub(crate) streams: AtomicU64,
    pub(crate) cancels: Arc<Cancels>,
}

impl Upstream {
    /// Records a stall of the event loop that ended just before now.
    pub(crate) fn watch(&self) {
        if let Some(stall) = self.heartbeat.check(Mono::now()) {
            self.ledger.record_stall(stall);
        }
    }

    /// Reports what was counted so far.
    pub(crate) fn report(&self) -> LedgerReport {
        self.watch();
        let report = self.ledger.report(self.heartbeat.is_known());
        LedgerReport { mcp: self.mcp.as_ref().map(Server::report), ..report }
    }

    pub(crate) fn new(behaviour: Behaviour) -> Self {
        let body = Bytes::from(vec![b'x'; behaviour.body]);
        Self {
            ledger: Ledger::default(),
            heartbeat: Heartbeat::default(),
            switch: Switch::default(),
            mcp: behaviour.mcp.clone().map(|flags| Server::new(flags, body.clone())),
            body,
            delays: Sampler::new(behaviour.delay, behaviour.seed),
            numbered: AtomicU64::new(0),
            streams: AtomicU64::new(0),
            cancels: Arc::default(),
            behaviour,
        }
    }
}
