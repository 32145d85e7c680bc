//! Load: the generator and its child process.
//!
//! The child (`harness __load`) lets Goose schedule virtual users and weights; each user owns one hyper connection per arm,
//! does its own I/O on it and stamps six instants. Control talks to the child in JSON lines.
//!
//! ```text
//! control side: generator ── frames ── child: users (goose) → seat → trial (slots, window), connection (hyper), tally
//! ```

pub mod child;
pub mod facts;
pub mod frames;
pub mod generator;
pub mod latency;
pub mod outcome;
pub mod pace;
pub mod pointers;
pub mod spec;
pub mod template;

mod arm_client;
mod connection;
mod deadline;
mod judge;
mod preflight;
mod prepared;
mod raw;
mod tally;
mod trial;
mod users;
mod virtual_user;
mod wakeups;
mod window_reader;

pub use frames::{ArmAddress, Job, Opened, Preflight, TrialOrder};
pub use generator::{Generator, LoadEngine, LoadEvent};
pub use raw::raw;
pub use wakeups::wakeups;

/// Why a load generator could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process is gone, or closed its end.
    #[error("the load generator ended while {doing}; its last words are in the run's log")]
    Died {
        /// What it was asked for.
        doing: &'static str,
    },
    /// It answered that it cannot.
    #[error("the load generator failed while {doing}: {message}")]
    Failed {
        /// What it was asked for.
        doing: &'static str,
        message: String,
    },
    /// Nothing came for far longer than the work takes.
    #[error("the load generator said nothing for {seconds} s while {doing}; stop the run and look at the host's load")]
    Silent {
        /// What it was asked for.
        doing: &'static str,
        /// How long it was waited for.
        seconds: u64,
    },
    /// What it said could not be understood.
    #[error("the load generator answered {line:?} while {doing}, which is no answer to that ({reason})")]
    Garbled {
        /// What it was asked for.
        doing: &'static str,
        /// The beginning of what it said.
        line: String,
        /// Why it was not understood.
        reason: String,
    },
    /// Its pipes could not be used.
    #[error("cannot talk to the load generator: {0}")]
    Pipe(#[from] std::io::Error),
}
