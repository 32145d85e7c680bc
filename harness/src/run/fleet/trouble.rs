//! Errors of the start of a fleet.

use harness_fleet::AssembleError;
use harness_fleet::secret::{HUB_VARIABLE, NODE_VARIABLE, SecretError};
use harness_rig::swarm::{Lack, TaskFailure};
use harness_rig::target::{ContainerError, Error as TargetError};

/// Why the nodes of a fleet did not come together, or are gone.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
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
    Placed { cause: AssembleError, failures: Vec<TaskFailure> },
    #[error(transparent)]
    Assemble(AssembleError),
    #[error("the fleet ended in an earlier stage; see fleet-hub.log beside the result")]
    Over,
    #[error("Docker Swarm cannot run this fleet: {}", joined(lacks))]
    Lacks { lacks: Vec<Lack> },
    #[error(transparent)]
    Engine(#[from] ContainerError),
    #[error(transparent)]
    Place(#[from] TargetError),
}

fn listed(failures: &[TaskFailure]) -> String {
    failures.iter().map(|failure| format!("; {failure}")).collect()
}

fn joined(lacks: &[Lack]) -> String {
    lacks.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
