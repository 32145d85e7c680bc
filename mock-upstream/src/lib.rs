//! Two small programs with known behaviour, as a library.
//!
//! [`upstream`] is the server that stands behind everything that is measured: it answers as its flags say, counts
//! every request it saw, and stamps its answers with the monotonic clock. [`sidecar`] is an honest reverse proxy
//! whose faults and costs are set by flags and which exports, by its own clock, what it really did.
//!
//! Callers own the listener and the stop signal, so a test binds port 0; `main_with` is the whole program for a
//! `main` that has parsed its arguments.

pub mod clock;
mod error;
pub mod healthy;
mod server;
pub mod sidecar;
pub mod units;
pub mod upstream;

pub use error::Error;
