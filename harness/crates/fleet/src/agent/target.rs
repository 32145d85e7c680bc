//! The target of the pod, and the sampler that reads it.

use harness_base::clock::Mono;
use harness_rig::cgroup::Group;
use harness_rig::pod::Found;
use harness_rig::sampler::{Container, Error, Pending, Sampler, Tree, Watched};

/// A target that came up.
#[derive(Debug)]
pub(super) struct Target {
    found: Found,
    watched: Watched,
    sampler: Sampler,
}

impl Target {
    /// Starts to watch it, and the upstream beside it.
    pub(super) fn watch(found: Found, upstream: Option<&Found>, group: &Group) -> Result<Self, Error> {
        let places = Some(group.places().clone());
        let watched = Watched {
            target: Some(Tree { pid: found.pid, mark: None, group: true }),
            container: Some(Container { cgroup: found.cgroup.clone(), places }),
            upstream: upstream.map(|upstream| upstream.pid),
            ..Watched::default()
        };
        let sampler = Sampler::start(watched.clone())?;
        Ok(Self { found, watched, sampler })
    }

    pub(super) const fn watched(&self) -> &Watched {
        &self.watched
    }

    /// Announces a window.
    pub(super) fn window(&self, start: Mono, end: Mono) -> Pending {
        self.sampler.window(start, end)
    }

    /// Gives up the windows that have not ended, for which the next one would wait.
    pub(super) fn give_up_windows(&mut self) {
        // Without a thread left for another sampler, the one there is goes on.
        if let Ok(sampler) = Sampler::start(self.watched.clone()) {
            self.sampler = sampler;
        }
    }

    /// Returns whether its first process has ended.
    pub(super) fn has_ended(&self) -> bool {
        !self.found.lives()
    }
}
