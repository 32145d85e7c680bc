//! The protocol between control and keeper: one JSON text per packet, with file descriptors attached.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::command::Command;
use super::refusal::Refusal;
use crate::cgroup::Places;
use crate::launch::Ending;
use harness_base::clock::Mono;

/// The largest packet. It is smaller than the kernel's default socket buffer (`net.core.wmem_default`, 208 KiB), so packets are never
/// split.
const PACKET: usize = 160 * 1024;

/// A text with its number, so that a late answer is not confused with the next one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Packet<T> {
    pub(super) id: u64,
    pub(super) body: T,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    Hello,
    /// Starts a process. Answered by [`Reply::Spawned`] with its pidfd and, with pipes, its stdin and stdout.
    Spawn(Command),
    Status {
        child: u64,
    },
    Signal {
        child: u64,
        signal: i32,
        reach: Reach,
    },
    /// Creates this folder, and removes it at the end.
    Scratch {
        #[serde(with = "super::raw_path")]
        path: PathBuf,
    },
    /// Removes the services, secrets, containers, networks and images with this label at the end.
    Containers {
        label: String,
    },
    Shutdown,
}

/// The processes that a signal is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reach {
    /// The process that was started.
    Leader,
    Group,
    /// Its group, its descendants, and all processes with its mark.
    All,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply {
    Here,
    /// The process was started, just after `spawned`. `group` has the directories of its control group, if it has limits.
    Spawned {
        child: u64,
        pid: i32,
        spawned: Mono,
        mark: String,
        group: Option<Places>,
    },
    Refused(Refusal),
    Running,
    /// The process ended, and its log is complete.
    Ended(Ending),
    /// The number of living processes that got the signal.
    Signalled {
        count: usize,
    },
    Done,
}

/// Sends one packet with `fds` beside it.
///
/// # Errors
/// `BrokenPipe` when the other side is gone; `InvalidInput` when the text is too long for a packet.
pub(super) fn send<T: Serialize>(line: BorrowedFd<'_>, packet: &Packet<T>, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let text = serde_json::to_vec(packet)?;
    if text.len() > PACKET {
        let message = format!("{} bytes of command and environment, at most {PACKET} are possible", text.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many descriptors for one packet"));
    }
    loop {
        match sendmsg(line, &[IoSlice::new(&text)], &mut beside, SendFlags::NOSIGNAL) {
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Receives one packet and the descriptors beside it; `None` when the other side is gone.
///
/// # Errors
/// Returns the I/O error.
pub(super) fn receive<T: DeserializeOwned>(line: BorrowedFd<'_>) -> io::Result<Option<(Packet<T>, Vec<OwnedFd>)>> {
    let mut text = vec![0_u8; PACKET];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let bytes = loop {
        match recvmsg(line, &mut [IoSliceMut::new(&mut text)], &mut beside, RecvFlags::CMSG_CLOEXEC) {
            Ok(message) => break message.bytes,
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::CONNRESET) => break 0,
            Err(error) => return Err(error.into()),
        }
    };
    if bytes == 0 {
        return Ok(None);
    }
    let fds = beside.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
        _ => None,
    });
    let fds: Vec<OwnedFd> = fds.flatten().collect();
    let packet = serde_json::from_slice(text.get(..bytes).unwrap_or_default())?;
    Ok(Some((packet, fds)))
}
