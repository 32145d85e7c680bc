//! Tests that measure nothing and need no engine, so that they run at the same time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test may fail loudly"
)]

#[path = "../support/github.rs"]
mod github;
#[path = "../support/hostile.rs"]
mod hostile;
#[path = "../support/sample.rs"]
mod sample;
#[path = "../support/mod.rs"]
mod support;

mod against;
mod alone;
mod architecture;
mod baseline;
mod compare;
mod engine;
mod faults;
mod init;
mod malformed;
mod power;
mod publish;
mod reports;
mod rights;
mod scenario;
mod schemas;
mod soak;
mod verdict;
