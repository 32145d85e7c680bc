//! Lets Docker Swarm run the nodes of a fleet.

use std::net::SocketAddr;

use super::Event;
use super::trouble::Trouble;
use harness_fleet::secret::NodeSecret;
use harness_fleet::spec::FleetSpec;
use harness_rig::swarm::{Lack, Placement, Service, Swarm, TaskFailure};
use harness_rig::target::Site;

/// The engine, and what it runs.
#[derive(Debug)]
pub(super) struct OnSwarm {
    swarm: Swarm,
    image: String,
    service: Option<Service>,
}

impl OnSwarm {
    /// Checks that the engine can run the nodes, and makes their image if the scenario names none.
    ///
    /// # Errors
    /// Returns [`Trouble`] with what the engine lacks.
    pub(super) async fn prepare(
        spec: &FleetSpec,
        site: &Site,
        events: &mut (dyn FnMut(Event) + Send),
    ) -> Result<Self, Trouble> {
        events(Event::Doing("asking Docker Swarm".to_owned()));
        let swarm = Swarm::connect().await?;
        let lacks = swarm.check(spec.nodes, &spec.constraints, spec.image.as_deref()).await?;
        let (fatal, notes): (Vec<Lack>, Vec<Lack>) = lacks.into_iter().partition(Lack::is_fatal);
        if !fatal.is_empty() {
            return Err(Trouble::Lacks { lacks: fatal });
        }
        notes.iter().for_each(|lack| events(Event::Note(format!("  fleet: {lack}"))));
        let image = match &spec.image {
            Some(image) => image.clone(),
            None => swarm.own_image(&site.containers, &site.keeper, &site.exe, &site.scratch).await?,
        };
        Ok(Self { swarm, image, service: None })
    }

    /// Places the nodes, which join the hub at `hub`.
    ///
    /// # Errors
    /// Returns [`Trouble`] if the engine refuses the service.
    pub(super) async fn place(
        &mut self,
        spec: &FleetSpec,
        (site, run_id): (&Site, &str),
        (secret, hub): (&NodeSecret, SocketAddr),
    ) -> Result<(), Trouble> {
        let secret = secret.text();
        let placement = Placement {
            run_id,
            nodes: spec.nodes,
            image: &self.image,
            cpus: spec.each.cpus,
            memory_bytes: spec.each.memory.map(|memory| memory.0),
            constraints: &spec.constraints,
            secret: &secret,
            hub,
            wait: spec.wait,
        };
        self.service = Some(self.swarm.place(&site.containers, &site.keeper, &placement).await?);
        Ok(())
    }

    /// Returns why tasks did not start, in the words of the engine.
    pub(super) async fn failures(&self) -> Vec<TaskFailure> {
        match &self.service {
            Some(service) => self.swarm.failures(service).await,
            None => Vec::new(),
        }
    }

    /// Removes the nodes and their secret.
    pub(super) async fn remove(self) {
        if let Some(service) = self.service {
            // The keeper removes what is left at its end, and `harness clean` reports it.
            let _kept = self.swarm.remove(service).await;
        }
    }
}
