//! Sends messages that a server sends back, over TCP and over QUIC.
//!
//! A user owns a connection of TCP, or a stream of the one connection of QUIC that all users of the arm share. It sends one message after the other,
//! and checks every byte that comes back. After a message that was lost, late or changed it opens a new connection or stream, so that no later
//! byte of the old one is taken for the next message.
//!
//! ```text
//! user: content (the bytes of a message) → exchange on a stream → trial;   place: the way to the server of one arm
//! ```

pub mod facts;
pub mod workload;

mod content;
mod exchange;
mod handshakes;
mod place;
mod preflight;
mod quic;
mod stream;
mod user;

pub(super) use handshakes::handshakes;
pub(super) use place::Place;
pub(super) use preflight::preflight;
pub(super) use user::User;
