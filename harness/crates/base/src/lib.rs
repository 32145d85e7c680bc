//! What every crate of the workspace needs and none of them owns: quantities with their units, the monotonic clock, files that
//! are written whole, and the exit codes.

pub mod clock;
pub mod exit;
pub mod files;
pub mod units;
pub mod words;
