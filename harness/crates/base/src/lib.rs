//! Code that every crate of the workspace uses: quantities with units, clocks and timers, atomic file writes, error chains, exit codes.

pub mod clock;
pub mod error;
pub mod exit;
pub mod files;
#[cfg(feature = "timer")]
pub mod heartbeat;
#[cfg(feature = "timer")]
pub mod timer;
pub mod units;
pub mod words;
