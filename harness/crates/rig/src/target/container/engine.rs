//! The container engine of this host.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bollard::{API_DEFAULT_VERSION, Docker};
use tokio::net::UnixStream;

use super::error::{Error, told};
use super::label::Labels;

/// Where engines listen unless `DOCKER_HOST` says otherwise.
const SOCKET: &str = "/var/run/docker.sock";
/// Seconds for one answer of the engine.
const PATIENCE: u64 = 30;

/// The engine as it was found.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    pub(super) docker: Docker,
    pub(super) labels: Labels,
    /// Where control groups are mounted. Read once: every container that comes or goes changes the table of mounts, and a
    /// table that changes while it is read may lack lines.
    pub(super) hierarchies: Arc<Vec<PathBuf>>,
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
