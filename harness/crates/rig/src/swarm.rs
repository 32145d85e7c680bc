//! Places the nodes of a fleet on the engines of a Docker Swarm, tells why they do not start, and removes them.
//!
//! The engine only starts copies of one image with one secret, at most one on each of its engines. The nodes dial the hub of the run.

mod constraint;
mod failure;
mod lack;
mod own_image;
mod service;

use std::collections::HashMap;
use std::path::Path;

use bollard::Docker;
use bollard::models::{LocalNodeState, Node, SwarmInfo};
use bollard::query_parameters::{ListNodesOptions, ListTasksOptions};

pub use failure::TaskFailure;
pub use lack::{Lack, LeftOut, WhyLeftOut};
pub use own_image::own_image_name;
pub use service::{Placement, SECRET_FILE};

use crate::aside::aside;
use crate::keeper::Keeper;
use crate::target::Error;
use crate::target::container::containers::Containers;
use crate::target::container::engine::connect;
use crate::target::container::error::{Error as ContainerError, is_absent};

/// A connection to an engine that may be in a Swarm.
#[derive(Debug, Clone)]
pub struct Swarm {
    docker: Docker,
}

/// What was placed: a service, and the secret that its tasks read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    id: String,
    secret: String,
}

impl Swarm {
    /// Connects to the engine that containers are started with.
    ///
    /// # Errors
    /// Returns [`ContainerError`] when no engine answers.
    pub async fn connect() -> Result<Self, ContainerError> {
        Ok(Self { docker: connect().await? })
    }

    /// Returns what the engine lacks for a fleet of `nodes`; nothing if it can be placed. Without an image, the nodes get that of
    /// [`Swarm::own_image`].
    ///
    /// # Errors
    /// Returns [`ContainerError`] when the engine refuses to tell.
    pub async fn check(
        &self,
        nodes: u64,
        constraints: &[String],
        image: Option<&str>,
    ) -> Result<Vec<Lack>, ContainerError> {
        let info = self.docker.info().await.map_err(ContainerError::refused("describe itself"))?;
        if let Some(lack) = membership(&info.swarm.unwrap_or_default()) {
            return Ok(vec![lack]);
        }
        let (constraints, unreadable) = constraint::read(constraints);
        let mut lacks: Vec<Lack> = unreadable.into_iter().map(|text| Lack::Constraint { text }).collect();
        let engines = self.engines().await?;
        lacks.extend(lack::too_few(nodes, &engines, &constraints));
        lacks.extend(match image {
            Some(image) => self.lacks_image(image).await?,
            None => lacks_own_image(engines.len()).await,
        });
        Ok(lacks)
    }

    /// Returns the name of the image that is made from the program `exe`, after making it and loading it into this engine, unless this engine
    /// has it. Other engines of the Swarm need it under the same name. An image that is made here is removed with the run.
    ///
    /// # Errors
    /// Returns [`Error`] when the image cannot be made.
    pub async fn own_image(
        &self,
        containers: &Containers,
        keeper: &Keeper,
        exe: &Path,
        scratch: &Path,
    ) -> Result<String, Error> {
        let engine = containers.engine(keeper).await?;
        let labels = engine.labels.all().into_iter().collect();
        Ok(own_image::load(&engine.docker, labels, exe, scratch).await?)
    }

    /// Starts the nodes. Before that, registers the label of the run with the keeper, which removes everything with it at the end.
    ///
    /// # Errors
    /// Returns [`Error`] when the engine refuses. Whether the nodes start is seen from those that join and from [`Swarm::failures`].
    pub async fn place(
        &self,
        containers: &Containers,
        keeper: &Keeper,
        placement: &Placement<'_>,
    ) -> Result<Service, Error> {
        let labels = containers.engine(keeper).await?.labels.all();
        let (_, number) = containers.next();
        let name = format!("harness-{}-fleet-{number}", placement.run_id);
        let kept = self.docker.create_secret(service::secret(&name, placement.secret, &labels)).await;
        let secret = kept.map_err(ContainerError::refused("keep the secret of the fleet"))?.id;
        let spec = service::spec(&name, placement, &labels, &secret);
        match self.docker.create_service(spec, None).await {
            Ok(created) => Ok(Service { id: created.id.unwrap_or_default(), secret }),
            Err(error) => {
                // If this fails, the keeper removes it.
                let _kept = self.docker.delete_secret(&secret).await;
                Err(ContainerError::refused("place the nodes of the fleet")(error).into())
            }
        }
    }

    /// Returns why tasks of the service did not start or have ended, in the order of the names of their engines. Returns nothing if the engine does
    /// not tell.
    pub async fn failures(&self, service: &Service) -> Vec<TaskFailure> {
        let filters = HashMap::from([("service".to_owned(), vec![service.id.clone()])]);
        let options = ListTasksOptions { filters: Some(filters) };
        let tasks = self.docker.list_tasks(Some(options)).await.unwrap_or_default();
        let engines = self.engines().await.unwrap_or_default();
        let named = engines.iter().filter_map(|node| Some((node.id.clone()?, constraint::host(node).to_owned())));
        let hosts: HashMap<String, String> = named.collect();
        let mut found: Vec<TaskFailure> = tasks.iter().filter_map(|task| failure::of(task, &hosts)).collect();
        found.sort_by(|one, other| one.node.cmp(&other.node));
        found
    }

    /// Stops the nodes, and removes the service and its secret.
    ///
    /// # Errors
    /// Returns [`ContainerError`] when the engine refuses; the keeper tries it again at the end of the run.
    pub async fn remove(&self, service: Service) -> Result<(), ContainerError> {
        let stopped = gone(self.docker.delete_service(&service.id).await);
        let forgotten = gone(self.docker.delete_secret(&service.secret).await);
        stopped.map_err(ContainerError::refused("stop the nodes of the fleet"))?;
        forgotten.map_err(ContainerError::refused("remove the secret of the fleet"))
    }

    async fn engines(&self) -> Result<Vec<Node>, ContainerError> {
        let listed = self.docker.list_nodes(None::<ListNodesOptions>).await;
        listed.map_err(ContainerError::refused("list the engines of the Swarm"))
    }

    async fn lacks_image(&self, image: &str) -> Result<Option<Lack>, ContainerError> {
        match self.docker.inspect_image(image).await {
            Ok(_) => Ok(None),
            Err(error) if is_absent(&error) => Ok(Some(Lack::NoImage { image: image.to_owned() })),
            Err(error) => Err(ContainerError::refused(&format!("look at image {image}"))(error)),
        }
    }
}

/// Returns that the image of this program must be loaded into the other engines, if there are others.
async fn lacks_own_image(engines: usize) -> Option<Lack> {
    if engines < 2 {
        return None;
    }
    let exe = crate::target::own_binary();
    let image = aside(move || own_image_name(&exe)).await.ok()?.ok()?;
    Some(Lack::OwnImage { image, engines: engines as u64 })
}

/// Returns what is missing for this engine to be a manager of a Swarm.
fn membership(swarm: &SwarmInfo) -> Option<Lack> {
    match (swarm.local_node_state, swarm.control_available) {
        (Some(LocalNodeState::ACTIVE), Some(true)) => None,
        (Some(LocalNodeState::ACTIVE), _) => Some(Lack::NotManager),
        (Some(LocalNodeState::LOCKED), _) => Some(Lack::Locked),
        (Some(LocalNodeState::ERROR | LocalNodeState::PENDING), _) => {
            Some(Lack::Broken { message: swarm.error.clone().unwrap_or_default() })
        }
        _ => Some(Lack::NotInSwarm),
    }
}

/// Counts what does not exist as removed.
fn gone(removed: Result<(), bollard::errors::Error>) -> Result<(), bollard::errors::Error> {
    match removed {
        Err(error) if is_absent(&error) => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_manager_can_place_a_fleet() {
        let of = |state, control_available| {
            let error = Some("no majority".to_owned());
            membership(&SwarmInfo { local_node_state: state, control_available, error, ..SwarmInfo::default() })
        };
        assert_eq!(of(Some(LocalNodeState::ACTIVE), Some(true)), None);
        assert_eq!(of(Some(LocalNodeState::ACTIVE), Some(false)), Some(Lack::NotManager));
        assert_eq!(of(Some(LocalNodeState::LOCKED), None), Some(Lack::Locked));
        let broken = Some(Lack::Broken { message: "no majority".to_owned() });
        assert_eq!(of(Some(LocalNodeState::ERROR), None), broken);
        for none in [None, Some(LocalNodeState::EMPTY), Some(LocalNodeState::INACTIVE)] {
            assert_eq!(of(none, None), Some(Lack::NotInSwarm));
        }
    }
}
