//! Calls of the container engine that several files use.

use bollard::Docker;
use bollard::query_parameters::RemoveContainerOptions;
use tokio::task::JoinHandle;

use harness_base::clock::Mono;

/// The engine's start call on its way: the instant at which it returned, and what it said.
pub(super) type Starting = JoinHandle<(Mono, Result<(), bollard::errors::Error>)>;

/// Removes a container, running or not; one that is gone already is fine.
pub(super) async fn remove(docker: &Docker, id: &str) {
    let options = RemoveContainerOptions { force: true, v: true, ..RemoveContainerOptions::default() };
    let _gone = docker.remove_container(id, Some(options)).await;
}
