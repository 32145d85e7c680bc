//! Relays connections or packets to another address, with the delays, limits and faults of a network.
//!
//! Everything that arrives is stamped with the monotonic clock, enters its direction's line, and departs when the line has carried it and the
//! delay has passed. The relay counts what it really did, and how much later than it was due each chunk or packet was written.
//!
//! The loss of packets of TCP cannot be made here: the kernel acknowledges what the relay has not passed on yet.

mod args;
mod counts;
mod impairment;
mod line;
mod outbox;
mod queue;
mod serve;
mod state;
mod tcp;
mod udp;

pub use self::args::{Args, ArgsError, Protocol};
pub use self::counts::{DirectionReport, LagCount, RelayReport, RouteReport};
pub use self::impairment::{Impairment, Reset, Stall};
pub use self::serve::{Relaying, main_with};
