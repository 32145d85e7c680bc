//! What the tests of objects have in common.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::{Agent, Common, Owner, Size};
use harness_base::units::Nanos;

/// Returns the terms of a run whose pods share no node of the cluster.
pub(super) fn common(node_selector: &BTreeMap<String, String>) -> Common<'_> {
    let deadline = Nanos::from_secs(600);
    Common { run_id: "r1", namespace: "bench", image: "harness:1", node_selector, co_located: false, deadline }
}

pub(super) fn owner() -> Owner {
    Owner { name: "harness-r1-hub".to_owned(), uid: "u1".to_owned() }
}

/// Returns an agent of a target that has neither health, readiness nor an upstream.
pub(super) fn agent() -> Agent<'static> {
    Agent {
        hub: SocketAddr::from(([10, 1, 2, 3], 7411)),
        wait: Nanos::from_secs(90),
        deadline: Nanos::from_secs(10),
        proxy: "http://$(POD_IP):8080",
        health: None,
        ready: None,
        ledger: None,
        direct_port: None,
        size: Size { cpus: 1.0, memory_bytes: 128 << 20 },
    }
}
