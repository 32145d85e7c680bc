//! Launches a target in the way that its scenario names.

use std::path::PathBuf;

use super::error::Error;
use super::launcher::{Executable, LaunchRequest, Launcher};
use super::running::Running;
use super::site::Site;
use super::{command, container, external, process, spec, stdio};

impl Launcher for spec::Launch {
    async fn launch(&self, request: &LaunchRequest<'_>) -> Result<Running, Error> {
        match self {
            Self::Process(process) => process.launch(request).await,
            Self::Container(container) => container.launch(request).await,
            Self::External(external) => external.launch(request).await,
            Self::Command(_) => Err(Error::RunsOnce),
            Self::Stdio(stdio) => stdio.launch(request).await,
            Self::Pod(_) => Err(Error::InPod),
        }
    }
}

/// Starts or finds the target of a request.
///
/// # Errors
/// Returns [`Error`], with the next command to type.
pub async fn launch(request: &LaunchRequest<'_>) -> Result<Running, Error> {
    request.spec.launch.launch(request).await
}

/// Prepares what a target needs before its upstream starts: for a container, the engine, its image and its network.
///
/// # Errors
/// Returns [`Error`], with the next command to type.
pub async fn prepare(spec: &spec::Spec, site: &Site) -> Result<(), Error> {
    match &spec.launch {
        spec::Launch::Container(container) => container::prepare(container, site).await,
        spec::Launch::Process(_)
        | spec::Launch::External(_)
        | spec::Launch::Command(_)
        | spec::Launch::Stdio(_)
        | spec::Launch::Pod(_) => Ok(()),
    }
}

/// Saves the image of a target's container as an archive; `None` without an image that could be pulled.
///
/// # Errors
/// Returns [`Error`], with the next command to type.
pub async fn saved_image(spec: &spec::Spec, site: &Site) -> Result<Option<PathBuf>, Error> {
    match &spec.launch {
        spec::Launch::Container(container) => container::saved_image(container, site).await,
        spec::Launch::Process(_)
        | spec::Launch::External(_)
        | spec::Launch::Command(_)
        | spec::Launch::Stdio(_)
        | spec::Launch::Pod(_) => Ok(None),
    }
}

/// Finds the program of a target without starting it.
///
/// # Errors
/// Returns [`Error`] when there is no such program, or an external target does not run.
pub fn executable(spec: &spec::Spec, site: &Site) -> Result<Executable, Error> {
    match &spec.launch {
        spec::Launch::Process(process) => process::find(site, process, "target.process.command"),
        spec::Launch::Container(container) => container::find(site, container),
        spec::Launch::External(external) => external::find(*external),
        spec::Launch::Command(command) => process::find(site, &command.run, command::RUN),
        spec::Launch::Stdio(stdio) => stdio::find(site, stdio),
        // Its program is in an image that only the cluster has.
        spec::Launch::Pod(pod) => {
            Ok(Executable { named: pod.named(), path: PathBuf::new(), builtin: pod.is_bundled() })
        }
    }
}
