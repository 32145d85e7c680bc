//! A running target.

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use super::container::watch::Contained;
use super::endpoints::Endpoints;
use super::error::Error;
use super::ports::{Allotted, Owner, owner};
use crate::cgroup::Group;
use crate::keeper::{Child, Stopped, log_tail};
use crate::launch::{Ending, EngineFacts};
use harness_base::clock::Mono;
use harness_base::units::Nanos;

#[derive(Debug)]
pub struct Running {
    pub pid: i32,
    /// The value of `HARNESS_MARK` in its environment, which its descendants inherit; absent if it is not ours.
    pub mark: Option<String>,
    /// The instant just before its start; for a container, the last instant at which its program was not yet executed. Absent if it is
    /// not ours, which then has no startup times.
    pub spawned: Option<Mono>,
    pub endpoints: Endpoints,
    /// The program and arguments that were executed.
    pub program: Vec<String>,
    pub executable: PathBuf,
    /// Whether it is a bundled program, whose file size is meaningless.
    pub builtin: bool,
    /// The folder of this host in which its files are, which a container finds at the same path; absent if it is not ours.
    pub folder: Option<PathBuf>,
    /// The file in which the bundled server behind its pipes writes its stalls; absent for others.
    pub stalls: Option<PathBuf>,
    /// The log; absent if it is not ours.
    pub log: Option<PathBuf>,
    /// It runs in a own control group, with limits that we set.
    pub limited: bool,
    /// The network at which it is reached: `process`, `host` or `bridge`; absent if it is not ours.
    pub network: Option<String>,
    /// The ports and sockets of this host that were allotted to it.
    pub allotted: Allotted,
    pub(super) hold: Hold,
}

/// The handle of a running target.
#[derive(Debug)]
pub(super) enum Hold {
    /// A process of ours, which is killed on drop.
    Ours(Box<Child>),
    /// A container of ours, which is removed on drop.
    Container(Contained),
    /// A process that is not ours, with a pidfd that shows its end.
    Theirs(OwnedFd),
    /// A process on another machine, which something else started.
    Elsewhere(Elsewhere),
}

/// Shows whether a target on another machine has ended.
pub struct Elsewhere(Box<dyn Fn() -> Option<Ending> + Send + Sync>);

impl Elsewhere {
    /// Asks `ended` how the target ended; `None` while it runs.
    pub fn new(ended: impl Fn() -> Option<Ending> + Send + Sync + 'static) -> Self {
        Self(Box::new(ended))
    }

    /// Returns how the target ended; `None` while it runs.
    pub fn ended(&self) -> Option<Ending> {
        (self.0)()
    }
}

impl fmt::Debug for Elsewhere {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Elsewhere").field(&self.ended()).finish()
    }
}

impl Running {
    /// Describes a target on another machine, whose processes cannot be looked at from here: its pid is 0.
    pub fn elsewhere(endpoints: Endpoints, program: Vec<String>, spawned: Mono, watched: Elsewhere) -> Self {
        Self {
            pid: 0,
            mark: None,
            spawned: Some(spawned),
            endpoints,
            program,
            executable: PathBuf::new(),
            builtin: false,
            folder: None,
            stalls: None,
            log: None,
            limited: false,
            network: None,
            allotted: Allotted::default(),
            hold: Hold::Elsewhere(watched),
        }
    }

    /// Returns whether we started it and may stop it.
    pub fn ours(&self) -> bool {
        !matches!(self.hold, Hold::Theirs(_) | Hold::Elsewhere(_))
    }

    /// Returns its stdin and stdout, once, if it was started with pipes.
    pub(super) fn take_pipes(&self) -> Option<(OwnedFd, OwnedFd)> {
        match &self.hold {
            Hold::Ours(child) => child.take_pipes(),
            Hold::Container(_) | Hold::Theirs(_) | Hold::Elsewhere(_) => None,
        }
    }

    /// Returns its control group. With limits it is its own, which remains after its end until it is stopped; otherwise it is the one
    /// that it shares with other processes.
    pub fn group(&self) -> Option<Group> {
        match &self.hold {
            Hold::Ours(child) if child.group.is_some() => child.group.clone().and_then(Group::open),
            Hold::Ours(_) | Hold::Container(_) | Hold::Theirs(_) => Group::of(self.pid),
            Hold::Elsewhere(_) => None,
        }
    }

    /// Returns how it ended; `None` while it runs. Costs one system call.
    pub fn ended(&self) -> Option<Ending> {
        match &self.hold {
            Hold::Ours(child) => child.ended().map(|ending| self.by_its_limit(ending)),
            Hold::Container(contained) => contained.ended(),
            Hold::Theirs(pidfd) => {
                let mut polled = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
                poll(&mut polled, PollTimeout::ZERO).is_ok_and(|count| count > 0).then_some(Ending::Unknown)
            }
            Hold::Elsewhere(watched) => watched.ended(),
        }
    }

    /// Recognizes a SIGKILL by which the kernel enforced the memory limit.
    fn by_its_limit(&self, ending: Ending) -> Ending {
        let killed = self.limited && ending == Ending::Signal(Signal::SIGKILL as i32);
        let group = killed.then(|| self.group()).flatten();
        match group.filter(|group| group.read().oom_kills.is_some_and(|kills| kills > 0)) {
            Some(group) => Ending::OutOfMemory(group.limits().memory.map(|memory| memory.0)),
            None => ending,
        }
    }

    /// Sends a signal to the process that was started, or by the engine to the first process of a container, and to no other. Returns
    /// whether that was possible: a target that is not ours is not signalled.
    ///
    /// # Errors
    /// Returns an error if the keeper has ended, or if the engine refuses.
    pub async fn signal(&self, signal: Signal) -> Result<bool, Error> {
        match &self.hold {
            Hold::Ours(child) => child.signal(signal)?,
            Hold::Container(contained) => contained.signal(signal).await?,
            Hold::Theirs(_) | Hold::Elsewhere(_) => return Ok(false),
        }
        Ok(true)
    }

    /// Stops it and kills what it leaves behind. Returns how it ended, also when it was stopped before. Does not stop a target that
    /// is not ours.
    pub async fn stop(&self, timeout: Nanos) -> Option<Stopped> {
        match &self.hold {
            Hold::Ours(child) => Some(child.stop(timeout).await),
            Hold::Container(contained) => Some(contained.stop(timeout).await),
            Hold::Theirs(_) | Hold::Elsewhere(_) => None,
        }
    }

    /// Returns what the container engine did for it; `None` without an engine.
    pub async fn engine(&self) -> Option<EngineFacts> {
        match &self.hold {
            Hold::Container(contained) => Some(contained.facts().await),
            Hold::Ours(_) | Hold::Theirs(_) | Hold::Elsewhere(_) => None,
        }
    }

    /// Returns the last lines that it printed, oldest first; none if it is not ours.
    pub fn log_tail(&self, lines: usize) -> Vec<String> {
        self.log.as_deref().map(|log| log_tail(log, lines)).unwrap_or_default()
    }

    /// Returns advice about its end, if its last lines give a hint.
    pub fn advice(&self, tail: &[String]) -> Option<String> {
        match &self.hold {
            Hold::Container(contained) => contained.advice(tail),
            Hold::Ours(_) | Hold::Theirs(_) | Hold::Elsewhere(_) => None,
        }
    }

    /// Returns a port of this target that another process took before the target bound it. Another launch makes sense only then, and
    /// only when the target has ended: up to [`super::ATTEMPTS`] in all.
    pub fn lost_port(&self) -> Option<(u16, Owner)> {
        self.ended()?;
        let taken = self.allotted.ports.values().filter_map(|port| Some((*port, owner(*port)?)));
        taken.into_iter().find(|(_, owner)| owner.mark.as_ref() != self.mark.as_ref())
    }
}
