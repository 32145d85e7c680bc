//! What was seen of the other containers of a pod.

use std::path::Path;

use super::found::Found;
use super::processes::{cgroup, name, pids, stat};
use harness_base::clock::Mono;

/// The names of processes that prepare a container begin with one of these.
const RUNTIMES: [&str; 2] = ["runc", "crun"];
/// The name of the process that holds the namespaces of a pod, and its pid in them.
const PAUSE: (i32, &str) = (1, "pause");
/// The hexadecimal digits of a container's id.
const ID_LENGTH: usize = 64;

/// The reason why a container is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unseen {
    #[error("no process of another container is visible from the agent; the pod needs shareProcessNamespace: true")]
    Alone,
    #[error("container {id} is none of the {others} beside the agent whose processes are visible; was it restarted?")]
    Another { id: String, others: usize },
    #[error(
        "the control groups of this node do not name containers, and each of the {others} beside the agent could be container {id}; \
         measure a pod with no other container than the target and the agent"
    )]
    Unnamed { id: String, others: usize },
}

/// The containers that have executed their programs.
#[derive(Debug)]
pub(super) struct Seen {
    /// The control groups of this process.
    own: String,
    /// In the order in which they were seen.
    found: Vec<Found>,
    /// The beginning of the look before.
    last: Option<Mono>,
}

impl Seen {
    pub(super) const fn new(own: String) -> Self {
        Self { own, found: Vec::new(), last: None }
    }

    /// Looks at all processes below `proc`. What executes a program now did not at the look before.
    pub(super) fn look(&mut self, proc: &Path, now: Mono) {
        let mut fresh: Vec<Found> = Vec::new();
        for found in pids(proc).into_iter().filter_map(|pid| self.program(proc, pid)) {
            match fresh.iter_mut().find(|other| other.cgroup == found.cgroup) {
                Some(other) if order(&found) < order(other) => *other = found,
                Some(_) => {}
                None => fresh.push(found),
            }
        }
        fresh.sort_by_key(order);
        self.found.extend(fresh);
        self.last = Some(now);
    }

    /// Returns a process if it executes the program of a container that is not known yet.
    fn program(&self, proc: &Path, pid: i32) -> Option<Found> {
        let cgroup = cgroup(proc, pid)?;
        if cgroup == self.own || self.found.iter().any(|known| known.cgroup == cgroup) {
            return None;
        }
        let name = name(proc, pid)?;
        if (pid, name.as_str()) == PAUSE || RUNTIMES.iter().any(|runtime| name.starts_with(runtime)) {
            return None;
        }
        // The kernel shows a process that has ended in another group.
        let stat = stat(proc, pid).filter(|stat| !stat.has_ended())?;
        let (spawned, was_there) = (self.last.unwrap_or_else(|| stat.started()), self.last.is_none());
        Some(Found { pid, spawned, was_there, cgroup, start_ticks: stat.start_ticks })
    }

    /// Returns the container that was seen first.
    pub(super) fn first(&self) -> Option<Found> {
        self.found.first().cloned()
    }

    /// Returns the container whose control group is named after its id.
    pub(super) fn containing(&self, id: &str) -> Option<Found> {
        self.found.iter().find(|found| found.cgroup.contains(id)).cloned()
    }

    /// Returns the container that must have this id, where control groups are not named after containers.
    pub(super) fn unnamed(&self, id: &str) -> Result<Found, Unseen> {
        let (id, others) = (id.to_owned(), self.found.len());
        match self.found.as_slice() {
            [] => Err(Unseen::Alone),
            found if found.iter().any(|found| names_a_container(&found.cgroup)) => Err(Unseen::Another { id, others }),
            [only] => Ok(only.clone()),
            _ => Err(Unseen::Unnamed { id, others }),
        }
    }

    /// Returns the only container beside this process and `target`, if there is exactly one.
    pub(super) fn beside(&self, target: &Found) -> Option<Found> {
        let mut others = self.found.iter().filter(|found| found.cgroup != target.cgroup);
        let only = others.next()?;
        others.next().is_none().then(|| only.clone())
    }
}

/// Returns what orders the processes of a container: the first one has started before all others.
const fn order(found: &Found) -> (u64, i32) {
    (found.start_ticks, found.pid)
}

/// Returns whether a group is named after a container.
fn names_a_container(cgroup: &str) -> bool {
    cgroup.split(|letter: char| !letter.is_ascii_hexdigit()).any(|word| word.len() >= ID_LENGTH)
}

#[cfg(test)]
mod tests;
