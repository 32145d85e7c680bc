//! Launches a target in the way that its scenario names.

use std::path::PathBuf;

use super::error::Error;
use super::launcher::{Executable, LaunchRequest, Launcher};
use super::running::Running;
use super::site::Site;
use super::{container, external, process, spec};

impl Launcher for spec::Launch {
    async fn launch(&self, order: &LaunchRequest<'_>) -> Result<Running, Error> {
        match self {
            Self::Process(process) => process.launch(order).await,
            Self::Container(container) => container.launch(order).await,
            Self::External(external) => external.launch(order).await,
        }
    }
}

/// Starts or finds the target of `order`.
///
/// # Errors
/// [`Error`], each with the next command to type.
pub async fn launch(order: &LaunchRequest<'_>) -> Result<Running, Error> {
    order.spec.launch.launch(order).await
}

/// Makes what must be there before the upstream of a target starts: for a container the engine, its image and its network.
///
/// # Errors
/// [`Error`], each with the next command to type.
pub async fn prepare(spec: &spec::Spec, site: &Site) -> Result<(), Error> {
    match &spec.launch {
        spec::Launch::Container(container) => container::prepare(container, site).await,
        spec::Launch::Process(_) | spec::Launch::External(_) => Ok(()),
    }
}

/// An archive of the image that a target is a container of; nothing where there is none that anybody would pull.
///
/// # Errors
/// [`Error`], each with the next command to type.
pub async fn saved_image(spec: &spec::Spec, site: &Site) -> Result<Option<PathBuf>, Error> {
    match &spec.launch {
        spec::Launch::Container(container) => container::saved_image(container, site).await,
        spec::Launch::Process(_) | spec::Launch::External(_) => Ok(None),
    }
}

/// The program of a target, found without starting it.
///
/// # Errors
/// [`Error`] when there is no such program, or an external target does not run.
pub fn executable(spec: &spec::Spec, site: &Site) -> Result<Executable, Error> {
    match &spec.launch {
        spec::Launch::Process(process) => process::find(site, process),
        spec::Launch::Container(container) => container::find(site, container),
        spec::Launch::External(external) => external::find(*external),
    }
}
