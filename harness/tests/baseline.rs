//! Baselines: what may become one, which one a run is held against, and what is shown of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, reason = "a test may fail loudly")]

#[path = "baseline/branch.rs"]
mod branch;
#[path = "baseline/choosing.rs"]
mod choosing;
#[path = "baseline/command.rs"]
mod command;
#[path = "baseline/made.rs"]
mod made;
#[path = "baseline/promoting.rs"]
mod promoting;
#[path = "support/sample.rs"]
mod sample;
#[path = "baseline/storing.rs"]
mod storing;
#[path = "support/mod.rs"]
mod support;
#[path = "baseline/trend.rs"]
mod trend;
