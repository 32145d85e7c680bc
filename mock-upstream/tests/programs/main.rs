//! Tests the bundled programs: in-process on port 0, and as spawned binaries where a process ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test may fail loudly"
)]

mod client;
mod fault;
mod http2;
mod mcp;
mod process;
mod relay;
mod sidecar;
mod sidecar_costs;
mod spawned;
mod stdio;
mod streams;
mod tls;
mod unix;
mod upstream;
