//! Small programs with known behaviour, as a library.
//!
//! [`upstream`] is the server behind every target: it answers as its flags say, counts the requests that it received, and
//! stamps its answers with the monotonic clock. [`sidecar`] is a reverse proxy whose faults and costs are set by flags. It
//! exports what it really did, measured by its own clock. Both speak HTTP/1.1 and HTTP/2, and TLS if their
//! flags name a certificate.
//!
//! [`egress`] plays the foreign HTTPS hosts that a target calls, and a proxy that lets it reach no others.
//!
//! [`relay`] passes connections or packets on, with the delays, limits and faults of a network.
//!
//! [`echo`] sends back every byte, over TCP and over QUIC.
//!
//! [`command`] is a program that runs to its end, with costs and failures that flags set.
//!
//! Callers own the listener and the stop signal, so a test can bind port 0. `main_with` is the whole program for a `main`
//! that has parsed its arguments.

pub mod clock;
pub mod command;
pub mod echo;
pub mod egress;
mod error;
pub mod flags;
pub mod healthy;
mod pipes;
pub mod relay;
mod server;
mod share;
pub mod sidecar;
mod tls;
pub mod upstream;

pub use error::Error;
pub use tls::{ListenerFlags, TlsError};
