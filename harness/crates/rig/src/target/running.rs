//! A running target.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use super::container::watch::Contained;
use super::endpoints::Endpoints;
use super::ports::{Owner, owner};
use crate::cgroup::Group;
use crate::keeper::{Child, Stopped, log_tail};
use crate::launch::{Ending, EngineFacts};
use harness_base::clock::Mono;
use harness_base::units::Nanos;

#[derive(Debug)]
pub struct Running {
    pub pid: i32,
    /// Value of `HARNESS_MARK` in its environment and in that of all that comes from it; absent where it is not ours.
    pub mark: Option<String>,
    /// The instant just before it was started, or the last look at which a container's program was not executed yet; absent where it is not ours, and with it every startup time.
    pub spawned: Option<Mono>,
    pub endpoints: Endpoints,
    /// Program and arguments as they were executed.
    pub program: Vec<String>,
    pub executable: PathBuf,
    /// It is one of the bundled programs: the size of its file says nothing.
    pub builtin: bool,
    /// Its log; absent where it is not ours.
    pub log: Option<PathBuf>,
    /// It runs in a control group of its own, with limits that we set.
    pub limited: bool,
    /// Where requests meet it: `process`, `host` or `bridge`; absent where it is not ours.
    pub network: Option<String>,
    /// The ports of this host that were chosen for it, by their names.
    pub ports: BTreeMap<String, u16>,
    pub(super) hold: Hold,
}

/// What a running target hangs on.
#[derive(Debug)]
pub(super) enum Hold {
    /// Ours: dropping it ends the process.
    Ours(Box<Child>),
    /// Ours, by the engine: dropping it removes the container.
    Container(Contained),
    /// Not ours: its pidfd, to see it end.
    Theirs(OwnedFd),
}

impl Running {
    /// Whether we started it, and so may stop it.
    pub fn ours(&self) -> bool {
        !matches!(self.hold, Hold::Theirs(_))
    }

    /// Its control group: its own where it has limits, also after its end until it is stopped; otherwise the one it lives in,
    /// with whatever else lives there.
    pub fn group(&self) -> Option<Group> {
        match &self.hold {
            Hold::Ours(child) if child.group.is_some() => child.group.clone().and_then(Group::open),
            Hold::Ours(_) | Hold::Container(_) | Hold::Theirs(_) => Group::of(self.pid),
        }
    }

    /// How it ended; nothing while it runs. One system call.
    pub fn ended(&self) -> Option<Ending> {
        match &self.hold {
            Hold::Ours(child) => child.ended().map(|ending| self.by_its_limit(ending)),
            Hold::Container(contained) => contained.ended(),
            Hold::Theirs(pidfd) => {
                let mut polled = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
                poll(&mut polled, PollTimeout::ZERO).is_ok_and(|count| count > 0).then_some(Ending::Unknown)
            }
        }
    }

    /// What a SIGKILL was about: the kernel's way to end what outgrew its memory limit.
    fn by_its_limit(&self, ending: Ending) -> Ending {
        let killed = self.limited && ending == Ending::Signal(Signal::SIGKILL as i32);
        let group = killed.then(|| self.group()).flatten();
        match group.filter(|group| group.read().oom_kills.is_some_and(|kills| kills > 0)) {
            Some(group) => Ending::OutOfMemory(group.limits().memory.map(|memory| memory.0)),
            None => ending,
        }
    }

    /// Stops it, and kills what it leaves behind; stopped again, it tells how it ended. One that is not ours is left alone.
    pub async fn stop(&self, patience: Nanos) -> Option<Stopped> {
        match &self.hold {
            Hold::Ours(child) => Some(child.stop(patience).await),
            Hold::Container(contained) => Some(contained.stop(patience).await),
            Hold::Theirs(_) => None,
        }
    }

    /// What the container engine did for it; nothing where there was none.
    pub async fn engine(&self) -> Option<EngineFacts> {
        match &self.hold {
            Hold::Container(contained) => Some(contained.facts().await),
            Hold::Ours(_) | Hold::Theirs(_) => None,
        }
    }

    /// The last lines it printed, oldest first; none where it is not ours.
    pub fn log_tail(&self, lines: usize) -> Vec<String> {
        self.log.as_deref().map(|log| log_tail(log, lines)).unwrap_or_default()
    }

    /// What to do about its end, where its last lines tell; in a sentence.
    pub fn advice(&self, tail: &[String]) -> Option<String> {
        match &self.hold {
            Hold::Container(contained) => contained.advice(tail),
            Hold::Ours(_) | Hold::Theirs(_) => None,
        }
    }

    /// A port chosen for this target that somebody else took before the target could bind it. Only then, and only when the
    /// target has ended, is another launch worth a try: up to [`super::ATTEMPTS`] in all.
    pub fn lost_port(&self) -> Option<(u16, Owner)> {
        self.ended()?;
        let taken = self.ports.values().filter_map(|port| Some((*port, owner(*port)?)));
        taken.into_iter().find(|(_, owner)| owner.mark.as_ref() != self.mark.as_ref())
    }
}
