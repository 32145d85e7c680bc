//! Errors of the start of a fleet.

use harness_fleet::AssembleError;
use harness_fleet::secret::{HUB_VARIABLE, NODE_VARIABLE, SecretError};
use harness_rig::keeper;
use harness_rig::swarm::Lack;
use harness_rig::target::{ContainerError, Error as TargetError};

/// Why the nodes of a fleet did not come together, or are gone.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error(
        "fleet.engine = \"joined\" needs a secret that the hub and its nodes share, and {HUB_VARIABLE} is not set; type in this shell: \
         eval \"$(harness fleet secret)\", and give each node the value of {NODE_VARIABLE}"
    )]
    NoSecret,
    #[error("{HUB_VARIABLE} is not the secret of a hub: {0}")]
    Secret(SecretError),
    #[error("no secret could be made for the fleet")]
    Unmade(#[source] SecretError),
    #[error("the keeper gave the hub of the fleet no pipes")]
    NoPipes,
    /// The text of an engine's reasons follows that of the hub.
    #[error("{cause}{}", listed(failures))]
    Placed { cause: AssembleError, failures: Vec<String> },
    #[error(transparent)]
    Assemble(AssembleError),
    #[error("cannot use the pipes of the hub")]
    Streams(#[source] harness_load::Error),
    #[error(transparent)]
    Hub(#[from] keeper::Error),
    #[error("the fleet ended in an earlier stage; see fleet-hub.log beside the result")]
    Over,
    #[error("Docker Swarm cannot run this fleet: {}", joined(lacks))]
    Lacks { lacks: Vec<Lack> },
    #[error(transparent)]
    Engine(#[from] ContainerError),
    #[error(transparent)]
    Place(#[from] TargetError),
    #[cfg(feature = "kubernetes")]
    #[error(transparent)]
    Kubernetes(#[from] harness_kube::KubeError),
    /// The target ended while its pod started.
    #[cfg(feature = "kubernetes")]
    #[error("pod {}: {}: {}", .0.pod, .0.reason, .0.message)]
    TargetEnded(Box<harness_kube::PodFailure>),
    #[cfg(feature = "kubernetes")]
    #[error(transparent)]
    Object(#[from] harness_kube::objects::ObjectError),
    #[cfg(feature = "kubernetes")]
    #[error("target.pod.manifest cannot be used")]
    Manifest(#[from] crate::scenario::manifest::ManifestError),
    /// A scenario with a pod cannot be read without the image, so this is a part of the harness that is missing.
    #[cfg(feature = "kubernetes")]
    #[error("fleet.image is not set; write the image of the harness that the cluster can pull")]
    NoImage,
    #[cfg(feature = "kubernetes")]
    #[error("the agent of {pod} reported no container named {container:?}; there are {}", found.join(", "))]
    NoContainer { pod: String, container: String, found: Vec<String> },
    #[cfg(not(feature = "kubernetes"))]
    #[error(
        "this harness was built without Kubernetes; install a release, or build it with: cargo build --release -p harness --features kubernetes"
    )]
    Without,
}

impl Trouble {
    /// Returns the last lines that the target printed, if the target is what failed.
    pub(crate) fn of_target(&self) -> Option<&[String]> {
        match self {
            #[cfg(feature = "kubernetes")]
            Self::TargetEnded(failure) => Some(&failure.printed),
            _ => None,
        }
    }
}

fn listed(failures: &[String]) -> String {
    failures.iter().map(|failure| format!("; {failure}")).collect()
}

fn joined(lacks: &[Lack]) -> String {
    lacks.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
