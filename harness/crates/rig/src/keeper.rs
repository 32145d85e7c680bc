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
mod control;
mod join;
mod log;
mod pre_exec;
mod program;
mod scratch;
mod serve;
mod spawn;
mod sweep;
mod tree;
mod wire;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub use child::{Child, Stopped};
pub use control::{Command, Keeper};
pub use log::{Sink, tail as log_tail};
pub use program::find as find_program;
pub use scratch::scratch_leftovers;
pub use serve::main;
pub use tree::{bearers, family, marked};
pub use wire::Refusal;

use harness_base::units::Bytes;

/// Bytes of output kept per process unless told otherwise.
pub const LOG_LIMIT: Bytes = Bytes::from_mebi(8);

/// What can go wrong between the control process and the keeper.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The keeper could not be started.
    #[error("the keeper could not be started from {}: {source}; check that this file is the harness binary", exe.display())]
    Start {
        /// The binary that was to become the keeper.
        exe: PathBuf,
        source: std::io::Error,
    },
    /// The keeper ended. It took everything it had started with it.
    #[error(
        "the keeper process (pid {pid}) is gone, and all it had started with it; its last words, if any, are in {}; \
         was it killed? try: dmesg | tail",
        log.display()
    )]
    Gone {
        pid: i32,
        /// What it wrote to stderr.
        log: PathBuf,
    },
    /// The keeper did not answer in time.
    #[error("the keeper process (pid {pid}) did not answer within {seconds} s; look at it with: cat /proc/{pid}/stack")]
    Silent { pid: i32, seconds: u64 },
    /// Talking to the keeper failed.
    #[error("talking to the keeper process failed: {0}")]
    Wire(std::io::Error),
    /// It answered something else than was asked for: two versions of harness talk to each other.
    #[error("the keeper answered something else than was asked for; was the harness binary replaced during the run?")]
    Confused,
    /// The process could not be started.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// The environment of a process: `PATH` and `HOME` as they are here, `TMPDIR` in the run's scratch folder, and `extra`, which
/// wins. Nothing else gets through, proxy variables least of all.
pub fn clean_env(scratch: &Path, extra: &[(String, String)]) -> Vec<(String, String)> {
    let inherited = ["PATH", "HOME"].into_iter().filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)));
    let tmp = ("TMPDIR".to_owned(), scratch.to_string_lossy().into_owned());
    let base = inherited.chain([tmp]).filter(|(name, _)| extra.iter().all(|(other, _)| other != name));
    base.chain(extra.iter().cloned()).collect()
}

/// Ends the keeper process with a sentence on stderr.
fn fail(message: &str) -> ExitCode {
    use std::io::Write as _;
    // Nobody is left to hear about a stderr that cannot be written.
    drop(writeln!(std::io::stderr(), "harness: {message}"));
    ExitCode::from(harness_base::exit::Exit::Usage.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_three_variables_and_what_was_asked_for() {
        let extra = [("HOME".to_owned(), "/nowhere".to_owned()), ("RUST_LOG".to_owned(), "error".to_owned())];
        let env = clean_env(Path::new("/scratch"), &extra);
        let mut names: Vec<&str> = env.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["HOME", "PATH", "RUST_LOG", "TMPDIR"]);
        assert!(env.contains(&("HOME".to_owned(), "/nowhere".to_owned())));
        assert!(env.contains(&("TMPDIR".to_owned(), "/scratch".to_owned())));
    }
}
