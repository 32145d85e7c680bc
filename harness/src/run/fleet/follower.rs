//! Follows the pod of a target.

use harness_kube::{Followed, PodEnding, PodState};
use harness_rig::launch::{Ending, PodFacts};

/// A pod that is followed until this is dropped.
#[derive(Debug)]
pub(crate) struct Follower {
    followed: Followed,
    /// The container that is measured.
    container: String,
}

impl Follower {
    pub(super) const fn new(followed: Followed, container: String) -> Self {
        Self { followed, container }
    }

    /// Returns how the target ended, as that of a process; `None` while it runs.
    pub(crate) fn ended(&self) -> Option<Ending> {
        self.followed.ended().map(|ending| match ending {
            PodEnding::OutOfMemory => Ending::OutOfMemory(None),
            PodEnding::Exited { code } => i32::try_from(code).map_or(Ending::Unknown, Ending::Code),
            PodEnding::Signal { number } => i32::try_from(number).map_or(Ending::Unknown, Ending::Signal),
            _ => Ending::Unknown,
        })
    }

    /// Returns what Kubernetes reported last of the pod, if it did.
    pub(crate) fn facts(&self) -> Option<PodFacts> {
        Some(facts(self.followed.state()?, &self.container))
    }
}

/// Describes a pod for the record of its launch; `container` is the one that is measured.
pub(super) fn facts(mut state: PodState, container: &str) -> PodFacts {
    PodFacts {
        container_started: state.started.remove(container),
        name: state.name,
        node: state.node,
        address: state.address.to_string(),
        qos: state.qos,
        scheduled: state.scheduled,
        initialized: state.initialized,
        containers_ready: state.containers_ready,
        ready: state.ready,
    }
}
