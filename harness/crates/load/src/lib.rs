//! The load generator and its child process.
//!
//! In the child (`harness __load`), Goose schedules virtual users and weights. Each user owns one lane per arm (a link, or
//! streams of one on HTTP/2), does its own I/O on it and records six instants. Control and child exchange JSON lines.
//!
//! ```text
//! control: generator ── frames ── child: users (Goose) → virtual user → trial (slots, window), lane (HTTP/1.1 or HTTP/2), tally
//! ```
//!
//! Several children on several machines share one job: it is split by stripes, and what they report is merged exactly.

pub mod asked_stream;
pub mod child;
pub mod echo;
pub mod facts;
pub mod frames;
pub mod generator;
pub mod latency;
pub mod lost;
pub mod mcp;
pub mod merge;
pub mod nodes;
pub mod outcome;
pub mod pace;
pub mod pointers;
pub mod seconds;
pub mod shift;
pub mod spec;
pub mod split;
pub mod streams;
pub mod stripe;
pub mod template;
pub mod watched;

mod arm_client;
mod child_error;
mod deadline;
mod error;
mod events;
mod header;
mod http2;
mod judge;
mod lane;
mod lifetime;
mod link;
mod opening;
mod preflight;
mod prepared;
mod read_lag;
mod release;
mod single;
mod slots;
mod stalls;
mod stamp;
mod tally;
mod trial;
mod users;
mod values;
mod virtual_user;
mod wakeups;
mod watch;
mod watcher;
mod window_reader;
mod wire;

pub use child_error::RequestError;
pub use error::Error;
pub use frames::{ArmAddress, Job, Opened, Preflight, TrialOrder};
pub use generator::{Generator, LoadEngine, LoadEvent, Streams};
pub use prepared::raw;
pub use single::{Answered, Single, SingleError};
pub use stripe::Stripe;
pub use values::check_pattern;
pub use wakeups::wakeups;
pub use wire::TlsError;
