//! Calls of the container engine that several files use.

use bollard::Docker;
use bollard::query_parameters::RemoveContainerOptions;
use tokio::task::JoinHandle;

use harness_base::clock::Mono;

/// A start call of the engine in progress, with the instant and the result of its return.
pub(super) type Starting = JoinHandle<(Mono, Result<(), bollard::errors::Error>)>;

/// Removes a container, running or not. One that was removed before is ignored.
pub(super) async fn remove(docker: &Docker, id: &str) {
    let options = RemoveContainerOptions { force: true, v: true, ..RemoveContainerOptions::default() };
    let _gone = docker.remove_container(id, Some(options)).await;
}
