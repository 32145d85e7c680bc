//! HTTP/2 of both programs, spoken by the client of the `h2` crate and by programs that are not written in Rust.

mod faults;
pub mod guest;
mod listener;
mod sidecar;
mod strangers;
