//! The container engine of this host, and what a run makes with it: one network, and an image per binary.

use std::collections::{BTreeMap, HashMap};
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bollard::models::NetworkCreateRequest;
use bollard::{API_DEFAULT_VERSION, Docker};
use tokio::net::UnixStream;
use tokio::sync::{Mutex, OnceCell};

use super::error::{Error, told};
use super::image::Image;
use super::label::{self, Labels};
use super::sweep;
use crate::cgroup;
use crate::keeper::Keeper;

/// Where engines listen unless `DOCKER_HOST` says otherwise.
const SOCKET: &str = "/var/run/docker.sock";
/// Seconds for one answer of the engine.
const PATIENCE: u64 = 30;

/// The containers of a run. The engine is asked for when the first one is wanted.
#[derive(Debug, Default)]
pub struct Containers {
    run: String,
    engine: OnceCell<Engine>,
    network: OnceCell<()>,
    bridge: OnceLock<Bridge>,
    pub(super) images: Mutex<BTreeMap<String, Image>>,
    started: AtomicU64,
}

/// The engine as it was found.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    pub(super) docker: Docker,
    pub(super) labels: Labels,
    /// Where control groups are mounted. Read once: every container that comes or goes changes the table of mounts, and a
    /// table that changes while it is read may lack lines.
    pub(super) hierarchies: Arc<Vec<PathBuf>>,
}

#[derive(Debug, Clone)]
pub(super) struct Bridge {
    pub(super) name: String,
    /// This host's address on it.
    pub(super) gateway: IpAddr,
}

impl Containers {
    /// Of the run with this id.
    pub fn of(run: &str) -> Self {
        Self { run: run.to_owned(), ..Self::default() }
    }

    /// This host's address on the run's network, once there is one: what listens there is reached from inside.
    pub fn gateway(&self) -> Option<IpAddr> {
        self.bridge.get().map(|bridge| bridge.gateway)
    }

    /// The engine. When it is first asked for, the keeper is told to remove all that bears the run's label, and what dead
    /// runs left behind is removed.
    pub(super) async fn engine(&self, keeper: &Keeper) -> Result<&Engine, super::super::Error> {
        let found = async || {
            let docker = connect().await?;
            keeper.remove_containers(&label::of_run(&self.run))?;
            // Leftovers of others must not keep this run from starting.
            let _kept = sweep::clean_with(&docker, false).await;
            let labels = Labels::new(&self.run, keeper.pid());
            Ok(Engine { docker, labels, hierarchies: Arc::new(cgroup::hierarchies().into_iter().collect()) })
        };
        self.engine.get_or_try_init(found).await
    }

    /// The run's network, made when it is first asked for.
    pub(super) async fn bridge(&self, engine: &Engine) -> Result<&Bridge, Error> {
        let make = async || {
            let bridge = make_bridge(engine, &self.run).await?;
            self.bridge.get_or_init(|| bridge);
            Ok::<(), Error>(())
        };
        self.network.get_or_try_init(make).await?;
        self.bridge
            .get()
            .ok_or_else(|| Error::Refused { doing: "make a network".to_owned(), message: "nothing".to_owned() })
    }

    /// The run's id and a number that no other container of it has.
    pub(super) fn next(&self) -> (&str, u64) {
        (&self.run, self.started.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// The engine behind `DOCKER_HOST` or at the usual socket, spoken to in the newest version that it knows.
pub(super) async fn connect() -> Result<Docker, Error> {
    let host = std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
    let socket = match &host {
        Some(host) => host.strip_prefix("unix://").ok_or_else(|| Error::NotLocal { host: host.clone() })?,
        None => SOCKET,
    };
    reach(Path::new(socket)).await?;
    let no_answer = |error| Error::NoAnswer { socket: PathBuf::from(socket), message: told(&error) };
    let docker = Docker::connect_with_unix(socket, PATIENCE, API_DEFAULT_VERSION).map_err(no_answer)?;
    docker.negotiate_version().await.map_err(no_answer)
}

/// What the engine of this host says about itself: its version and that of its interface.
///
/// # Errors
/// [`Error`], with the next command to type.
pub async fn version() -> Result<String, Error> {
    let docker = connect().await?;
    let told = docker.version().await.map_err(Error::refused("tell its version"))?;
    let unknown = || "unknown".to_owned();
    let (engine, interface) = (told.version.unwrap_or_else(unknown), told.api_version.unwrap_or_else(unknown));
    Ok(format!("version {engine}, interface {interface}"))
}

/// Whether the socket can be opened; the client's own errors do not tell why not.
async fn reach(socket: &Path) -> Result<(), Error> {
    let path = socket.to_owned();
    match UnixStream::connect(socket).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::NoEngine { socket: path }),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(Error::NotPermitted { socket: path }),
        Err(error) => Err(Error::NoAnswer { socket: path, message: error.to_string() }),
    }
}

async fn make_bridge(engine: &Engine, run: &str) -> Result<Bridge, Error> {
    let name = format!("harness-{run}");
    let request = NetworkCreateRequest {
        name: name.clone(),
        driver: Some("bridge".to_owned()),
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
