//! Tests that need a container engine, and those of the images it loads.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test may fail loudly"
)]

#[path = "../support/docker.rs"]
mod docker;
#[path = "../support/mod.rs"]
mod support;

mod agent;
mod container;
mod image;
mod swarm;
