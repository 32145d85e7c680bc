//! Takes the pipes of a program that the keeper has started.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tokio::net::unix::pipe;

/// Our ends of the stdin and the stdout of a program.
pub(super) struct Ends {
    pub(super) stdin: pipe::Sender,
    pub(super) stdout: pipe::Receiver,
}

/// Makes two pipes and sends their other ends to the socket at `path`, at which the program waits for them.
pub(super) fn open(path: &Path) -> io::Result<Ends> {
    let door = UnixStream::connect(path)?;
    let ((its_stdin, stdin), (stdout, its_stdout)) = (io::pipe()?, io::pipe()?);
    let ends = [its_stdin.as_fd(), its_stdout.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !beside.push(SendAncillaryMessage::ScmRights(&ends)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // Descriptors are sent beside at least one byte.
    sendmsg(&door, &[IoSlice::new(b"\n")], &mut beside, SendFlags::NOSIGNAL)?;
    Ok(Ends {
        stdin: pipe::Sender::from_owned_fd(OwnedFd::from(stdin))?,
        stdout: pipe::Receiver::from_owned_fd(OwnedFd::from(stdout))?,
    })
}
