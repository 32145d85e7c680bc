//! Makes the objects of a run in the container engine: one network, and an image per binary.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bollard::models::NetworkCreateRequest;
use tokio::sync::{Mutex, OnceCell};

use super::engine::{Engine, connect};
use super::error::Error;
use super::image::Image;
use super::label::{self, Labels};
use super::nonce;
use super::sweep;
use crate::cgroup;
use crate::keeper::Keeper;
use crate::target::error::Error as TargetError;

/// The containers of a run. The engine is contacted when the first one is needed.
#[derive(Debug, Default)]
pub struct Containers {
    run: String,
    /// Whether its network leads nowhere but to this host.
    sealed: bool,
    engine: OnceCell<Engine>,
    network: OnceCell<()>,
    bridge: OnceLock<Bridge>,
    pub(super) images: Mutex<BTreeMap<String, Image>>,
    started: AtomicU64,
}

#[derive(Debug, Clone)]
pub(super) struct Bridge {
    pub(super) name: String,
    /// This host's address on it.
    pub(super) gateway: IpAddr,
}

impl Containers {
    /// Creates the containers of the run with this id.
    pub fn of(run: &str) -> Self {
        Self { run: run.to_owned(), ..Self::default() }
    }

    /// Makes a network that leads to this host and to no other.
    #[must_use]
    pub const fn sealed(mut self, sealed: bool) -> Self {
        self.sealed = sealed;
        self
    }

    /// This host's address on the run's network, once there is one: what listens there is reached from inside.
    pub fn gateway(&self) -> Option<IpAddr> {
        self.bridge.get().map(|bridge| bridge.gateway)
    }

    /// Returns the engine. On first use, registers the run's label with the keeper, which removes everything with it at the end, and
    /// removes what ended runs left behind.
    pub(crate) async fn engine(&self, keeper: &Keeper) -> Result<&Engine, TargetError> {
        let found = async || {
            let docker = connect().await?;
            let unwritable = |error: std::io::Error| Error::Refused {
                doing: "write the file that proves what is ours".to_owned(),
                message: error.to_string(),
            };
            let nonce = nonce::create().map_err(unwritable)?;
            keeper.remove_containers(&label::of_run(&nonce))?;
            // Leftovers of other runs must not prevent this run.
            let _kept = sweep::clean_with(&docker, false).await;
            let labels = Labels::new(&self.run, keeper.pid(), &nonce);
            Ok(Engine { docker, labels, hierarchies: Arc::new(cgroup::hierarchies().into_iter().collect()) })
        };
        self.engine.get_or_try_init(found).await
    }

    /// Returns the run's network, and creates it on first use.
    pub(super) async fn bridge(&self, engine: &Engine) -> Result<&Bridge, Error> {
        let make = async || {
            let bridge = make_bridge(engine, &self.run, self.sealed).await?;
            self.bridge.get_or_init(|| bridge);
            Ok::<(), Error>(())
        };
        self.network.get_or_try_init(make).await?;
        self.bridge
            .get()
            .ok_or_else(|| Error::Refused { doing: "make a network".to_owned(), message: "nothing".to_owned() })
    }

    /// Returns the run's id and a new number for what is created.
    pub(crate) fn next(&self) -> (&str, u64) {
        (&self.run, self.started.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

async fn make_bridge(engine: &Engine, run: &str, sealed: bool) -> Result<Bridge, Error> {
    let name = format!("harness-{run}");
    let request = NetworkCreateRequest {
        name: name.clone(),
        driver: Some("bridge".to_owned()),
        internal: Some(sealed),
        labels: Some(engine.labels.all()),
        options: Some(HashMap::new()),
        ..NetworkCreateRequest::default()
    };
    engine.docker.create_network(request).await.map_err(Error::refused("make a network"))?;
    let made = engine.docker.inspect_network(&name, None).await.map_err(Error::refused("look at its new network"))?;
    let configs = made.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
    let gateway = configs.iter().find_map(|config| config.gateway.as_ref()?.parse::<IpAddr>().ok());
    let message = "its new network has no gateway".to_owned();
    let gateway = gateway.ok_or(Error::Refused { doing: "make a network".to_owned(), message })?;
    Ok(Bridge { name, gateway })
}
