//! Processes started from our own executable, and the double fork made of them.
//!
//! Forking a process that has threads is unsafe, so every "fork" re-executes this program with the arguments it was
//! started with and a hidden `--role` behind them. That also works when the program is a subcommand of another one.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::DoubleFork;
use crate::Error;

/// Told on the shared socket once the serving process listens.
const LISTENING: u8 = b'L';

/// Starts this program again in `role`, with `set_up` applied to the command first.
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
    command.spawn().map_err(|source| Error::Spawn { what, program: program.display().to_string(), source })
}

/// In the original process: starts the chain, waits until the grandchild listens, then does as `mode` says.
pub(crate) fn double_fork(mode: DoubleFork) -> Result<(), Error> {
    let (mut ours, theirs) = UnixStream::pair().map_err(Error::setup("a socket pair"))?;
    let mut child = start_self("the session process", "session", |command| {
        command.stdin(Stdio::from(OwnedFd::from(theirs)));
    })?;
    child.wait().map_err(Error::setup("waiting for the session process"))?;
    let mut told = [0];
    let listens = matches!(ours.read(&mut told), Ok(1)) && told[0] == LISTENING;
    if !listens {
        return Err(Error::ForkedProcessDied);
    }
    if mode == DoubleFork::Stay {
        // The end of the file is the end of the grandchild, which holds the other end.
        let _ = ours.read(&mut told);
    }
    Ok(())
}

/// In the child: leads a session of its own and starts the process that serves.
pub(crate) fn start_session() -> Result<(), Error> {
    nix::unistd::setsid().map_err(|errno| Error::setup("a session")(errno.into()))?;
    start_self("the serving process", "serve", |_| {})?;
    Ok(())
}

/// In the grandchild: tells the original process that connections are accepted.
pub(crate) fn tell_listening() {
    if let Ok(stdin) = std::io::stdin().as_fd().try_clone_to_owned() {
        // The original process may have been killed; the grandchild serves on.
        let _ = File::from(stdin).write_all(&[LISTENING]);
    }
}
