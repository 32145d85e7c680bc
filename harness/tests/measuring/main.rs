//! Tests that measure, or load the machine: they run one at a time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test may fail loudly"
)]

#[path = "../support/docker.rs"]
mod docker;
#[path = "../support/mod.rs"]
mod support;

mod against;
mod approval;
mod artifacts;
mod bottleneck;
mod calibrate;
mod cgroup;
mod cluster;
mod command;
mod connections;
mod disturbed;
mod doctor;
mod echo;
mod errors;
mod events;
mod failures;
mod faults;
mod fleet;
mod freezes;
mod hostile;
mod init;
mod keeper;
mod known_truth;
mod limits;
mod load;
mod matrix;
mod mcp;
mod netem;
mod network;
mod pods;
mod profile;
mod reload;
mod retries;
mod robustness;
mod sampler;
mod scrape;
mod search;
mod sessions;
mod soak;
mod stalls;
mod stdio;
mod streaming;
mod target;
mod upload;
mod wires;

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Decides which tests of this process may run at the same time where `cargo test` runs them on threads.
static RUNNING: RwLock<()> = RwLock::new(());

struct Alone(#[expect(dead_code, reason = "held, not read")] RwLockWriteGuard<'static, ()>);
struct Beside(#[expect(dead_code, reason = "held, not read")] RwLockReadGuard<'static, ()>);

/// Keeps every other test waiting until the guard is dropped. Every test of this binary begins with it or with [`beside`], and
/// `alone::every_test_that_measures_runs_alone` checks it.
fn alone() -> Alone {
    Alone(RUNNING.write().unwrap_or_else(PoisonError::into_inner))
}

/// Runs a test beside others of its kind: those whose numbers other tests do not change.
fn beside() -> Beside {
    Beside(RUNNING.read().unwrap_or_else(PoisonError::into_inner))
}
