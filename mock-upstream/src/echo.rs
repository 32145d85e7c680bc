//! A server that sends back every byte: over TCP, over TLS, and over QUIC, at the same port number.
//!
//! A client of the harness sends messages that begin with their length and a number. The server counts them, and can corrupt or swallow some of
//! them, or hold each back. It sends the bytes of every other client back as they are. What it really did is its truth.

mod args;
mod messages;
mod quic;
mod serve;
mod state;
mod tcp;

pub use self::args::Args;
pub use self::serve::main_with;
pub use self::state::TruthReport;
