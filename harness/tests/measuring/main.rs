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
mod artifacts;
mod bottleneck;
mod calibrate;
mod cgroup;
mod doctor;
mod failures;
mod faults;
mod keeper;
mod known_truth;
mod limits;
mod load;
mod profile;
mod robustness;
mod sampler;
mod soak;
mod target;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keeps every other test of this process waiting until it is dropped.
struct Alone(#[expect(dead_code, reason = "held, not read")] MutexGuard<'static, ()>);

/// Lets one test run at a time where `cargo test` runs them on threads. Every test of this binary begins with it, and
/// `alone::every_test_that_measures_runs_alone` checks it.
fn alone() -> Alone {
    static ONE: Mutex<()> = Mutex::new(());
    Alone(ONE.lock().unwrap_or_else(PoisonError::into_inner))
}
