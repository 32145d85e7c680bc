//! Tests of hub and nodes together, within one process.

mod agent;
mod joining;
mod listening;
mod losses;
mod many;
mod nodes;
mod pods;
mod remote;
mod sessions;
mod support;
