//! Relays connections or packets to another address, with the delays, limits and faults of a network.

mod args;
mod impairment;

pub use self::args::{Args, ArgsError, Protocol};
pub use self::impairment::{Impairment, Reset, Stall};
