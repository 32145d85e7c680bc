//! The container engine of this host.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bollard::{API_DEFAULT_VERSION, Docker};
use tokio::net::UnixStream;

use super::error::{Error, engine_message};
use super::label::Labels;
use super::transport::send;

/// The default socket of engines, without `DOCKER_HOST`.
const SOCKET: &str = "/var/run/docker.sock";
/// The time in seconds for the head of an answer, which the output of a container and its end need too. It is longer than that of
/// complete answers, whose error says more.
const HEAD: u64 = 35;

/// A connection to the engine.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    pub(crate) docker: Docker,
    pub(crate) labels: Labels,
    /// Where control groups are mounted. Read only once, because each container changes the table of mounts, and a table that changes
    /// while it is read can lack lines.
    pub(super) hierarchies: Arc<Vec<PathBuf>>,
}

/// Connects to the engine of `DOCKER_HOST` or at the default socket, with the newest API version that it supports.
pub(crate) async fn connect() -> Result<Docker, Error> {
    let host = std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
    let socket = match &host {
        Some(host) => host.strip_prefix("unix://").ok_or_else(|| Error::NotLocal { host: host.clone() })?,
        None => SOCKET,
    };
    reach(Path::new(socket)).await?;
    let no_answer = |error| Error::NoAnswer { socket: PathBuf::from(socket), message: engine_message(&error) };
    let path = PathBuf::from(socket);
    let send = move |request| send(path.clone(), request);
    let docker = Docker::connect_with_custom_transport(send, Some("http://localhost"), HEAD, API_DEFAULT_VERSION);
    let docker = docker.map_err(no_answer)?;
    docker.negotiate_version().await.map_err(no_answer)
}

/// Returns the version of the engine and that of its API.
///
/// # Errors
/// Returns [`Error`], with the next command to type.
pub async fn version() -> Result<String, Error> {
    let docker = connect().await?;
    let version = docker.version().await.map_err(Error::refused("tell its version"))?;
    let unknown = || "unknown".to_owned();
    let (engine, interface) = (version.version.unwrap_or_else(unknown), version.api_version.unwrap_or_else(unknown));
    Ok(format!("version {engine}, interface {interface}"))
}

/// Checks that the socket can be opened, because the client's own errors do not give the reason.
async fn reach(socket: &Path) -> Result<(), Error> {
    let path = socket.to_owned();
    match UnixStream::connect(socket).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::NoEngine { socket: path }),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(Error::NotPermitted { socket: path }),
        Err(error) => Err(Error::NoAnswer { socket: path, message: error.to_string() }),
    }
}
