//! A window in which the target and the upstream beside it are sampled.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::shift::readings_to_control;
use crate::pod::Sampled;
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_rig::aside::aside;
use harness_rig::pod::peers;
use harness_rig::probe::fetch;
use harness_rig::sampler::{Pending, Window};
use harness_rig::target::HttpUrl;

/// The longest answer of a ledger, in bytes.
const LONGEST: usize = 4 << 20;

/// The upstream in the pod.
#[derive(Debug)]
pub(super) struct Upstream {
    /// Absent if it is not the bundled one.
    pub(super) ledger: Option<HttpUrl>,
    /// The port at which it is reached without the target; absent without an upstream in the pod.
    pub(super) port: Option<u16>,
}

impl Upstream {
    /// Reads its ledger. `None` without one, and when there is no answer.
    async fn count(&self) -> Option<Value> {
        let url = self.ledger.clone()?;
        let read = aside(move || fetch(&url, LONGEST, &|| false)).await.ok()?;
        serde_json::from_slice(&read.ok()?).ok()
    }
}

/// A window that has not been finished.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) number: u64,
    /// The clock of the agent − that of control.
    offset_ns: i64,
    /// The readings of the target; absent if there is none.
    pending: Option<Pending>,
    before: Option<Value>,
    peers: JoinHandle<BTreeSet<IpAddr>>,
}

impl Open {
    /// Reads the ledger, and begins to look for peers.
    pub(super) async fn begin(
        number: u64,
        (start, end): (Mono, Mono),
        offset_ns: i64,
        pending: Option<Pending>,
        upstream: &Upstream,
    ) -> Self {
        let before = upstream.count().await;
        let peers = tokio::spawn(peers_within(upstream.port, start, end));
        Self { number, offset_ns, pending, before, peers }
    }

    /// Waits for the end of the window, and reads the ledger again.
    pub(super) async fn finish(self, upstream: &Upstream, target_ended: impl FnOnce() -> bool) -> Sampled {
        let Self { offset_ns, pending, before, peers, .. } = self;
        let Window { readings, peak_rss_bytes, target_threads } = match pending {
            Some(mut pending) => pending.finish().await,
            None => Window::default(),
        };
        let peers = peers.await.unwrap_or_default();
        let after = upstream.count().await;
        Sampled {
            readings: readings_to_control(readings, offset_ns),
            peak_rss_bytes,
            target_threads,
            before,
            after,
            clock_offset_ns: offset_ns,
            peers: peers.into_iter().collect(),
            target_ended: target_ended(),
        }
    }
}

/// Returns the peers of a port within a window. The kernel walks through a table of all its connections for each look, so there are two.
async fn peers_within(port: Option<u16>, start: Mono, end: Mono) -> BTreeSet<IpAddr> {
    let mut found = BTreeSet::new();
    let Some(port) = port else { return found };
    let third = Nanos(end.since(start).0 / 3);
    for at in [start.after(third), start.after(third.times(2))] {
        sleep(at.remaining().duration()).await;
        found.extend(aside(move || peers(port)).await.unwrap_or_default());
    }
    found
}
