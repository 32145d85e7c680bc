//! Keeper: the process that owns all others.
//!
//! `harness __keeper` is a single thread in a session of its own. It starts every other process, takes the instant just
//! before each start, drains what they print into bounded log files, and kills all its descendants as soon as the socket to
//! the control process closes: after a `kill -9` of the control process nothing runs on. It is a child subreaper, so a
//! process that detaches by a double fork becomes its child and dies with the rest. A process with limits runs in a control
//! group of its own, which is removed when the process is stopped.
//!
//! The control process holds a [`Keeper`] and, per process started, a [`Child`]. Requests are round trips of a millisecond
//! or less; waiting goes through the child's pidfd and is async.

mod child;
mod command;
mod control;
mod environment;
mod error;
mod join;
mod log;
mod pre_exec;
mod program;
mod refusal;
mod scratch;
mod serve;
mod spawn;
mod stopped;
mod sweep;
mod tree;
mod wire;

pub use child::Child;
pub use command::{Command, LOG_LIMIT};
pub use control::Keeper;
pub use environment::clean_env;
pub use error::Error;
pub use log::{Sink, tail as log_tail};
pub use program::find as find_program;
pub use refusal::Refusal;
pub use scratch::scratch_leftovers;
pub use serve::main;
pub use stopped::Stopped;
pub use tree::{bearers, family, marked};
