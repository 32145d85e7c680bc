//! Runs a command to its end and measures it.
//!
//! `harness __stopwatch` is a process of its own for each run, because the kernel keeps the peak memory of ended children for each parent, and
//! never resets it. It runs empty programs first, which shows what a start and an end cost, then the command, and prints a [`Report`].

mod child;
mod empty;
mod report;

pub use child::main;
pub(crate) use child::{LOG, NONE};
pub use empty::write as write_empty;
pub use report::{Report, TimedRun};

/// The hidden command of this binary.
pub const COMMAND: &str = "__stopwatch";
