//! A process that the keeper started.

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::command::Command;
use super::control::Keeper;
use super::error::Error;
use super::log::tail;
use super::stopped::Stopped;
use super::wire::{Reach, Reply, Request};
use crate::cgroup::Places;
use crate::launch::Ending;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The time for a killed process to disappear.
const DYING: Nanos = Nanos::from_secs(3);

/// The facts of a process that are known from its start.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) name: String,
    pub(super) pid: i32,
    pub(super) spawned: Mono,
    pub(super) mark: String,
    pub(super) log: PathBuf,
    pub(super) group: Option<Places>,
}

/// A process. On drop, it and its descendants are killed, unless [`Child::stop`] has done so.
#[derive(Debug)]
pub struct Child {
    /// The name in messages.
    pub name: String,
    /// The process id. It is invalid after the end of the process, because the keeper reaps it.
    pub pid: i32,
    /// The instant just before its start.
    pub spawned: Mono,
    /// The value of `HARNESS_MARK` in its environment, which its descendants inherit.
    pub mark: String,
    pub log: PathBuf,
    /// The directories of its control group, if it has limits. The group remains until the process is stopped or dropped.
    pub group: Option<Places>,
    keeper: Keeper,
    number: u64,
    pidfd: OwnedFd,
    pipes: Mutex<Option<(OwnedFd, OwnedFd)>>,
    ending: OnceLock<Ending>,
    cleared: OnceLock<()>,
}

impl Keeper {
    /// Starts a process.
    ///
    /// # Errors
    /// Returns [`Error::Refused`] with the reason, or [`Error::Gone`] when the keeper has ended.
    pub fn spawn(&self, command: Command) -> Result<Child, Error> {
        let (name, log) = (command.name.clone(), command.log.clone());
        let (reply, fds) = self.call(&Request::Spawn(command))?;
        match reply {
            Reply::Spawned { child, pid, spawned, mark, group } => {
                Child::new(self.clone(), child, fds, Facts { name, pid, spawned, mark, log, group })
            }
            Reply::Refused(refusal) => Err(refusal.into()),
            _ => Err(Error::Confused),
        }
    }
}

impl Child {
    /// Creates the handle; `fds` are the pidfd and, with pipes, stdin and stdout.
    pub(super) fn new(keeper: Keeper, number: u64, fds: Vec<OwnedFd>, facts: Facts) -> Result<Self, Error> {
        let mut fds = fds.into_iter();
        let pidfd = fds.next().ok_or(Error::Confused)?;
        let pipes = Mutex::new(fds.next().zip(fds.next()));
        let Facts { name, pid, spawned, mark, log, group } = facts;
        let (ending, cleared) = (OnceLock::new(), OnceLock::new());
        Ok(Self { name, pid, spawned, mark, log, group, keeper, number, pidfd, pipes, ending, cleared })
    }

    /// Returns how it ended; `None` while it runs, for one system call. Once this returns an ending, the log is complete.
    pub fn ended(&self) -> Option<Ending> {
        if let Some(ending) = self.ending.get() {
            return Some(ending.clone());
        }
        let mut polled = [PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN)];
        let over = poll(&mut polled, PollTimeout::ZERO).is_ok_and(|count| count > 0);
        if !over {
            return None;
        }
        let ending = match self.keeper.call(&Request::Status { child: self.number }) {
            Ok((Reply::Ended(ending), _)) => ending,
            Ok(_) => return None,
            // The end of the keeper killed it.
            Err(_) => Ending::Signal(Signal::SIGKILL as i32),
        };
        Some(self.ending.get_or_init(|| ending).clone())
    }

    pub async fn wait(&self) -> Ending {
        loop {
            if let Some(ending) = self.ended() {
                return ending;
            }
            if self.over().await.is_err() {
                tokio::time::sleep(Nanos::from_millis(5).duration()).await;
            }
        }
    }

    /// Waits until the pidfd shows its end. Duplicates the descriptor, so that several tasks can wait.
    #[expect(
        deprecated,
        reason = "its successor is unsafe for the sake of descriptors that are not owned; this one is"
    )]
    async fn over(&self) -> std::io::Result<()> {
        let watched = AsyncFd::with_interest(self.pidfd.try_clone()?, Interest::READABLE)?;
        watched.readable().await.map(|_| ())
    }

    /// Sends a signal to this process only, unless it has ended.
    ///
    /// # Errors
    /// Returns [`Error::Gone`].
    pub fn signal(&self, signal: Signal) -> Result<(), Error> {
        self.send(signal, Reach::Leader).map(|_| ())
    }

    /// Stops it with SIGTERM to its group, and SIGKILL if it still runs after `grace`. Then kills what it left behind, including
    /// detached processes.
    pub async fn stop(&self, grace: Nanos) -> Stopped {
        let before = self.ended();
        let start = Mono::now();
        let (ending, took, killed) = match before {
            Some(ending) => (ending, Nanos::ZERO, false),
            None => {
                let (ending, killed) = self.terminate(grace).await;
                (ending, Mono::now().since(start), killed)
            }
        };
        Stopped { ending, took, killed, strays: self.clear().await }
    }

    /// Sends SIGTERM, and SIGKILL if that has no effect. If a request fails, the keeper has ended, and the process with it.
    async fn terminate(&self, grace: Nanos) -> (Ending, bool) {
        let _gone = self.send(Signal::SIGTERM, Reach::Group);
        if let Ok(ending) = tokio::time::timeout(grace.duration(), self.wait()).await {
            return (ending, false);
        }
        let _gone = self.send(Signal::SIGKILL, Reach::All);
        // A process that the kernel cannot end yet counts as killed.
        let dead = tokio::time::timeout(DYING.duration(), self.wait()).await;
        (dead.unwrap_or(Ending::Signal(Signal::SIGKILL as i32)), true)
    }

    /// Kills its descendants until none is left. Returns how many there were at first.
    async fn clear(&self) -> usize {
        let end = Mono::now().after(DYING);
        let first = self.send(Signal::SIGKILL, Reach::All).unwrap_or(0);
        let mut left = first;
        while left > 0 && Mono::now() < end {
            tokio::time::sleep(Nanos::from_millis(1).duration()).await;
            left = self.send(Signal::SIGKILL, Reach::All).unwrap_or(0);
        }
        if left == 0 {
            self.cleared.get_or_init(|| ());
        }
        first
    }

    fn send(&self, signal: Signal, reach: Reach) -> Result<usize, Error> {
        match self.keeper.call(&Request::Signal { child: self.number, signal: signal as i32, reach })?.0 {
            Reply::Signalled { count } => Ok(count),
            Reply::Refused(refusal) => Err(refusal.into()),
            _ => Err(Error::Confused),
        }
    }

    /// Returns its stdin and stdout, once, if it was started with pipes.
    pub fn take_pipes(&self) -> Option<(OwnedFd, OwnedFd)> {
        self.pipes.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Returns the last lines that it printed, oldest first.
    pub fn log_tail(&self, lines: usize) -> Vec<String> {
        tail(&self.log, lines)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.cleared.get().is_none() {
            let _gone = self.send(Signal::SIGKILL, Reach::All);
        }
    }
}
