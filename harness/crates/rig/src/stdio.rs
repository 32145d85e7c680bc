//! Starts a program whose stdin and stdout are pipes of another process.
//!
//! `harness __stdio SOCKET PROGRAM ARGUMENT…` listens at the socket until a process sends it the ends of two pipes, takes them as its stdin
//! and stdout, and becomes the program. So the keeper starts, watches and ends the program like every other, and the generator, which
//! started nothing, holds the other ends: when either is gone, the pipes are closed.

use std::ffi::OsString;
use std::io::{self, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use nix::unistd::{dup2_stdin, dup2_stdout};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use harness_base::exit::Exit;

/// The hidden command of this binary.
pub const COMMAND: &str = "__stdio";

/// The entry point: `SOCKET PROGRAM ARGUMENT…`. Returns only if the program cannot be started.
pub fn main(arguments: &[OsString]) -> ExitCode {
    let [socket, program, arguments @ ..] = arguments else { return Exit::Usage.code().into() };
    let error = match take_pipes(Path::new(socket)) {
        Ok(()) => Command::new(program).args(arguments).exec(),
        Err(error) => error,
    };
    // If stderr is closed, the exit code still reports the failure.
    let _ = writeln!(io::stderr(), "cannot start {}: {error}", program.display());
    Exit::Usage.code().into()
}

/// Makes the pipes that a process sends to the socket its own stdin and stdout.
fn take_pipes(socket: &Path) -> io::Result<()> {
    let listener = UnixListener::bind(socket)?;
    loop {
        let (client, _) = listener.accept()?;
        // The probe connects, and sends nothing.
        let Some([stdin, stdout]) = receive(&client)? else { continue };
        dup2_stdin(stdin)?;
        dup2_stdout(stdout)?;
        // No other client is served, so the next launch can use the path.
        return std::fs::remove_file(socket);
    }
}

/// Receives the ends of two pipes; `None` if the other side sends none.
fn receive(client: &UnixStream) -> io::Result<Option<[OwnedFd; 2]>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    loop {
        match recvmsg(client, &mut [IoSliceMut::new(&mut byte)], &mut beside, RecvFlags::CMSG_CLOEXEC) {
            Ok(_) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::CONNRESET) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    let rights = beside.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(pipes) => Some(pipes),
        _ => None,
    });
    let pipes: Vec<OwnedFd> = rights.flatten().collect();
    Ok(pipes.try_into().ok())
}

#[cfg(test)]
mod tests {
    use std::io::{IoSlice, Read};
    use std::os::fd::AsFd;

    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

    use super::*;

    #[test]
    fn two_pipes_are_received_and_a_probe_is_not_confused_with_them() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let ((mut reader, stdout), (stdin, _writer)) = (io::pipe().unwrap(), io::pipe().unwrap());
        let fds = [stdin.as_fd(), stdout.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        assert!(beside.push(SendAncillaryMessage::ScmRights(&fds)));
        sendmsg(&ours, &[IoSlice::new(b"\n")], &mut beside, SendFlags::NOSIGNAL).unwrap();
        let [_, received] = receive(&theirs).unwrap().unwrap();
        drop(stdout);
        std::fs::File::from(received).write_all(b"through").unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
        drop(ours);
        assert!(receive(&theirs).unwrap().is_none(), "a client that sends nothing");
    }
}
