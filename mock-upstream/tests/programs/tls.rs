//! TLS of both programs, against clients that share no code with them.

pub mod certificates;
mod faults;
pub mod guest;
mod listener;
mod sidecar;
pub mod strangers;

use std::net::SocketAddr;

use self::certificates::Ca;
use crate::spawned::{Spawned, spawn};

/// An upstream with TLS.
pub struct Upstream {
    pub ca: Ca,
    process: Spawned,
    pub address: SocketAddr,
}

/// Starts an upstream whose certificate, for the address and the name of this host, a CA of its own signed.
pub fn upstream(flags: &[&str]) -> Upstream {
    upstream_named(&["127.0.0.1", "localhost"], flags)
}

/// Starts an upstream whose certificate is for these names and addresses.
fn upstream_named(names: &[&str], flags: &[&str]) -> Upstream {
    let ca = Ca::new();
    let own = ca.sign(names);
    let always = ["--listen", "127.0.0.1:0", "--announce"];
    let mut process = spawn(env!("CARGO_BIN_EXE_mock-upstream"), &[&always[..], &own.flags(), flags].concat());
    let line = process.line();
    let address = line.trim().strip_prefix("listening ").unwrap().parse().unwrap();
    Upstream { ca, process, address }
}
