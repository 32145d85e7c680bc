//! The state that all connections of the upstream share.

use std::sync::atomic::AtomicU64;

use bytes::Bytes;

use super::behaviour::Behaviour;
use super::delay::Sampler;
use super::fault::Switch;
use super::ledger::Ledger;

pub(crate) struct Upstream {
    pub(crate) behaviour: Behaviour,
    pub(crate) ledger: Ledger,
    pub(crate) switch: Switch,
    pub(crate) body: Bytes,
    pub(crate) delays: Sampler,
    /// Requests that faults may affect: all except admin paths and probes.
    pub(crate) numbered: AtomicU64,
}

impl Upstream {
    pub(crate) fn new(behaviour: Behaviour) -> Self {
        Self {
            ledger: Ledger::default(),
            switch: Switch::default(),
            body: vec![b'x'; behaviour.body].into(),
            delays: Sampler::new(behaviour.delay, behaviour.seed),
            numbered: AtomicU64::new(0),
            behaviour,
        }
    }
}
