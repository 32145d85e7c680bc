//! Tests of hub and nodes together, within one process.

mod joining;
mod losses;
mod many;
mod nodes;
mod sessions;
mod support;
