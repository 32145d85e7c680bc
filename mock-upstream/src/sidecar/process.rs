//! Processes started from the own executable, and the double fork that consists of them.
//!
//! Forking a process that has threads is unsafe, so each "fork" executes this program again with the same arguments and a
//! hidden `--role`. This also works when the program is a subcommand of another one.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::args::DoubleFork;
use crate::error::Error;

/// Sent on the shared socket once the serving process listens.
const LISTENING: u8 = b'L';

/// Starts this program again in `role`, after `set_up` has changed the command.
pub(crate) fn start_self(what: &'static str, role: &str, set_up: impl FnOnce(&mut Command)) -> Result<Child, Error> {
    let program =
        std::env::current_exe().ok().filter(|path| path.exists()).unwrap_or_else(|| PathBuf::from("/proc/self/exe"));
    let mut argv = std::env::args_os();
    let mut command = Command::new(&program);
    if let Some(name) = argv.next() {
        command.arg0(name);
    }
    command.args(argv).args(["--role", role]);
    set_up(&mut command);
    command.spawn().map_err(|cause| Error::Spawn { what, program: program.display().to_string(), cause })
}

/// In the original process: starts the chain and waits until the grandchild listens, or until its end if `mode` says so.
pub(crate) fn double_fork(mode: DoubleFork) -> Result<(), Error> {
    let (mut ours, theirs) = UnixStream::pair().map_err(Error::setup("a socket pair"))?;
    let mut child = start_self("the session process", "session", |command| {
        command.stdin(Stdio::from(OwnedFd::from(theirs)));
    })?;
    child.wait().map_err(Error::setup("waiting for the session process"))?;
    let mut byte = [0];
    let listens = matches!(ours.read(&mut byte), Ok(1)) && byte[0] == LISTENING;
    if !listens {
        return Err(Error::ForkedProcessDied);
    }
    if mode == DoubleFork::Stay {
        // The grandchild holds the other end, so the end of the stream is the end of the grandchild.
        let _ = ours.read(&mut byte);
    }
    Ok(())
}

/// In the child: starts a session and the serving process.
pub(crate) fn start_session() -> Result<(), Error> {
    nix::unistd::setsid().map_err(|errno| Error::setup("a session")(errno.into()))?;
    start_self("the serving process", "serve", |_| {})?;
    Ok(())
}

/// In the grandchild: notifies the original process that connections are accepted.
pub(crate) fn notify_listening() {
    if let Ok(stdin) = std::io::stdin().as_fd().try_clone_to_owned() {
        // This fails if the original process was killed; the grandchild keeps serving.
        let _ = File::from(stdin).write_all(&[LISTENING]);
    }
}
