//! The keeper: the process that starts all others.
//!
//! `harness __keeper` is a single thread in its own session. It starts every other process, takes the instant just before each start,
//! writes their output into bounded log files, and kills all its descendants as soon as the socket to the control process closes, so
//! that nothing keeps running after a `kill -9` of the control process. If the keeper itself is killed, the control process adopts and kills
//! what remains ([`adopt_orphans`]). The keeper is a child subreaper, so a process that detaches by a
//! double fork becomes its child and is killed with the rest. A process with limits runs in its own control group, which is removed
//! when the process is stopped.
//!
//! The control process has a [`Keeper`] and a [`Child`] for each process. Requests are round trips of at most a millisecond; waiting
//! uses the child's pidfd and is async.

mod child;
mod command;
mod control;
mod environment;
mod error;
mod join;
mod log;
mod orphans;
mod pre_exec;
mod program;
mod raw_path;
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
pub use orphans::{adopt_orphans, kill_stray, strays};
pub use program::find as find_program;
pub use refusal::Refusal;
pub use scratch::scratch_leftovers;
pub use serve::main;
pub use stopped::Stopped;
pub use sweep::BUSY;
pub use tree::{bearers, family, marked};
