//! Code that every crate of the workspace uses: addresses, quantities with units, clocks and timers, bounded file reads, atomic file writes, names, printable text, workflow commands, error chains, exit codes.

pub mod address;
pub mod clock;
pub mod error;
pub mod exit;
pub mod files;
#[cfg(feature = "timer")]
pub mod heartbeat;
pub mod lines;
pub mod names;
pub mod printable;
#[cfg(feature = "timer")]
pub mod timer;
pub mod units;
pub mod unix;
pub mod words;
pub mod workflow;
