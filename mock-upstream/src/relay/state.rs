//! What all connections of a relay share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use harness_base::clock::{Mono, process_cpu};
use harness_base::heartbeat::Heartbeat;

use super::counts::{Lags, RelayReport, RouteCounts, RouteReport, Stalls};
use super::impairment::Impairment;
use super::line::Line;

/// A running relay.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) routes: Vec<Arc<Route>>,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) stalls: Stalls,
    /// How late the event loop noticed that a timer was due.
    pub(crate) waits: Lags,
}

/// One --listen and its destination.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) listen: SocketAddr,
    pub(crate) to: SocketAddr,
    /// From the client to the destination.
    pub(crate) forward: Line,
    /// From the destination to the client.
    pub(crate) backward: Line,
    pub(crate) counts: RouteCounts,
    pub(crate) lags: Arc<Lags>,
    /// The inode of the socket to which packets are sent, by which the kernel's count of dropped packets is found; absent for TCP.
    pub(crate) inode: Option<u64>,
}

impl Relay {
    /// Creates the relay between addresses that are bound already; each has the inode of its socket if it is one of packets.
    pub(crate) fn new(pairs: &[(SocketAddr, SocketAddr, Option<u64>)], impairment: &Impairment) -> Self {
        let (start, lags) = (Mono::now(), Arc::new(Lags::default()));
        let route = |(number, (listen, to, inode)): (usize, &(SocketAddr, SocketAddr, Option<u64>))| {
            let number = number as u64 * 2;
            Arc::new(Route {
                listen: *listen,
                to: *to,
                forward: Line::new(impairment, start, number),
                backward: Line::new(impairment, start, number + 1),
                counts: RouteCounts::default(),
                lags: Arc::clone(&lags),
                inode: *inode,
            })
        };
        let routes = pairs.iter().enumerate().map(route).collect();
        Self { routes, heartbeat: Heartbeat::default(), stalls: Stalls::default(), waits: Lags::default() }
    }

    /// Obeys a command of the process that started this one. Returns the JSON of the answer.
    pub(crate) fn obey(&self, command: &str) -> Vec<u8> {
        let answer = match command {
            "counts" => serde_json::to_vec(&self.report()),
            _ => Ok(br#"{"error":"no such command; there is counts"}"#.to_vec()),
        };
        answer.unwrap_or_else(|_| br#"{"error":"the report has no JSON form"}"#.to_vec())
    }

    pub(crate) fn report(&self) -> RelayReport {
        if let Some(stall) = self.heartbeat.check(Mono::now()) {
            self.stalls.record(stall);
        }
        RelayReport {
            at_ns: Mono::now().0,
            cpu_ns: process_cpu().0,
            routes: self.routes.iter().map(|route| route.report()).collect(),
            lags: self.routes.first().map(|route| route.lags.report()).unwrap_or_default(),
            waits: self.waits.report(),
            stalls: self.heartbeat.is_known().then(|| self.stalls.report()),
        }
    }
}

impl Route {
    fn report(&self) -> RouteReport {
        let mut forward = self.forward.counts.report();
        forward.kernel_dropped = self.inode.and_then(dropped).unwrap_or(0);
        RouteReport {
            listen: self.listen.to_string(),
            to: self.to.to_string(),
            connections: self.counts.connections.load(Relaxed),
            refused: self.counts.refused.load(Relaxed),
            reset: self.counts.reset.load(Relaxed),
            forward,
            backward: self.backward.counts.report(),
        }
    }
}

/// Returns how many packets the kernel dropped at the socket with this inode, because its buffer was full.
fn dropped(inode: u64) -> Option<u64> {
    let tables = ["/proc/self/net/udp", "/proc/self/net/udp6"];
    let tables = tables.map(|path| std::fs::read_to_string(path).unwrap_or_default());
    tables.iter().flat_map(|table| table.lines()).find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        (fields.nth(9)?.parse() == Ok(inode)).then(|| fields.next_back()?.parse().ok())?
    })
}
