//! One process that the keeper started for us.

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

/// Time for a killed process to disappear.
const DYING: Nanos = Nanos::from_secs(3);

/// What is known of it from its start on.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) name: String,
    pub(super) pid: i32,
    pub(super) spawned: Mono,
    pub(super) mark: String,
    pub(super) log: PathBuf,
    pub(super) group: Option<Places>,
}

/// A process. Dropping it kills it and all that came from it, unless [`Child::stop`] did so before.
#[derive(Debug)]
pub struct Child {
    /// What it is called in messages.
    pub name: String,
    /// Its process id. The keeper collects it when it ends, so the number means nothing after that.
    pub pid: i32,
    /// The instant just before it was started.
    pub spawned: Mono,
    /// Value of `HARNESS_MARK` in its environment and in that of all that comes from it.
    pub mark: String,
    pub log: PathBuf,
    /// Where its control group is, if it has limits. The group stays until the process is stopped or dropped.
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
    /// [`Error::Refused`] with what was wrong with the command; [`Error::Gone`] when the keeper is.
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
    /// `fds` are the pidfd and, with pipes, stdin and stdout.
    pub(super) fn new(keeper: Keeper, number: u64, fds: Vec<OwnedFd>, facts: Facts) -> Result<Self, Error> {
        let mut fds = fds.into_iter();
        let pidfd = fds.next().ok_or(Error::Confused)?;
        let pipes = Mutex::new(fds.next().zip(fds.next()));
        let Facts { name, pid, spawned, mark, log, group } = facts;
        let (ending, cleared) = (OnceLock::new(), OnceLock::new());
        Ok(Self { name, pid, spawned, mark, log, group, keeper, number, pidfd, pipes, ending, cleared })
    }

    /// How it ended; nothing while it runs. Costs one system call while it runs. Once this has answered, all that it had
    /// printed is in its log.
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
            // The keeper's death killed it; how it would have ended is not known.
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

    /// Returns when the pidfd says that it ended. A descriptor of its own lets several tasks wait.
    #[expect(
        deprecated,
        reason = "its successor is unsafe for the sake of descriptors that are not owned; this one is"
    )]
    async fn over(&self) -> std::io::Result<()> {
        let watched = AsyncFd::with_interest(self.pidfd.try_clone()?, Interest::READABLE)?;
        watched.readable().await.map(|_| ())
    }

    /// Sends a signal to it alone. A process that has ended is left in peace.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn signal(&self, signal: Signal) -> Result<(), Error> {
        self.send(signal, Reach::Leader).map(|_| ())
    }

    /// Stops it: SIGTERM to its group, SIGKILL when it still runs after `patience`; then whatever it left behind, detached
    /// processes included, is killed.
    pub async fn stop(&self, patience: Nanos) -> Stopped {
        let before = self.ended();
        let start = Mono::now();
        let (ending, took, killed) = match before {
            Some(ending) => (ending, Nanos::ZERO, false),
            None => {
                let (ending, killed) = self.terminate(patience).await;
                (ending, Mono::now().since(start), killed)
            }
        };
        Stopped { ending, took, killed, strays: self.clear().await }
    }

    /// Asks it to end, and kills it when it does not. A request that fails means that the keeper is gone, and the process with it.
    async fn terminate(&self, patience: Nanos) -> (Ending, bool) {
        let _gone = self.send(Signal::SIGTERM, Reach::Group);
        if let Ok(ending) = tokio::time::timeout(patience.duration(), self.wait()).await {
            return (ending, false);
        }
        let _gone = self.send(Signal::SIGKILL, Reach::All);
        // One that the kernel cannot end yet counts as killed.
        let dead = tokio::time::timeout(DYING.duration(), self.wait()).await;
        (dead.unwrap_or(Ending::Signal(Signal::SIGKILL as i32)), true)
    }

    /// Kills all that came from it until nothing is left. Returns how many there were at first.
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

    /// Its stdin and stdout, once, where it was started with pipes.
    pub fn take_pipes(&self) -> Option<(OwnedFd, OwnedFd)> {
        self.pipes.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The last lines it printed, oldest first.
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
