//! The engine that places the nodes of a fleet.

use std::net::SocketAddr;
use std::sync::Arc;

use super::kubernetes::OnKubernetes;
use super::swarm::OnSwarm;
use super::trouble::Trouble;
use harness_fleet::secret::NodeSecret;
use harness_fleet::spec::FleetSpec;
use harness_rig::target::Site;

#[derive(Debug)]
pub(super) enum Placing {
    /// Others start the nodes.
    Joined,
    Swarm(OnSwarm),
    Kubernetes(Arc<OnKubernetes>),
}

impl Placing {
    /// Places the nodes, which join the hub at `hub`.
    ///
    /// # Errors
    /// Returns [`Trouble`] if the engine refuses to run them.
    pub(super) async fn place(
        &mut self,
        spec: &FleetSpec,
        (site, run_id): (&Site, &str),
        (secret, hub): (&NodeSecret, SocketAddr),
    ) -> Result<(), Trouble> {
        match self {
            Self::Joined => Ok(()),
            Self::Swarm(swarm) => swarm.place(spec, (site, run_id), (secret, hub)).await,
            Self::Kubernetes(kubernetes) => kubernetes.place(spec, secret).await,
        }
    }

    /// Returns why nodes did not start, in the words of the engine.
    pub(super) async fn failures(&self) -> Vec<String> {
        match self {
            Self::Joined => Vec::new(),
            Self::Swarm(swarm) => swarm.failures().await.iter().map(ToString::to_string).collect(),
            Self::Kubernetes(kubernetes) => kubernetes.failures().await,
        }
    }

    /// Removes what was placed.
    pub(super) async fn remove(self) {
        match self {
            Self::Joined => {}
            Self::Swarm(swarm) => swarm.remove().await,
            Self::Kubernetes(kubernetes) => kubernetes.remove().await,
        }
    }
}
