//! A node, `harness node join`: dials the hub, and loads the target when the hub says so.

pub(crate) mod about;
mod child;
pub(crate) mod dial;
mod error;
mod instance;
pub(crate) mod serve;

use std::path::{Path, PathBuf};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

pub use self::error::JoinError;

use self::about::about;
use self::dial::{dial, greet};
use self::serve::serve;
use super::binary::sha256;
use super::hello::{Hello, PROTOCOL, Role};
use super::secret::NodeSecret;
use super::tls::connector;
use harness_base::units::Nanos;

/// How a node takes part.
#[derive(Debug)]
pub struct JoinOptions {
    /// `HOST:PORT` of the hub.
    pub hub: String,
    /// The name in reports; that of the host if absent.
    pub name: Option<String>,
    /// How long the hub is dialled.
    pub wait: Nanos,
    pub secret: NodeSecret,
    /// This program, which is started again as load child.
    pub exe: PathBuf,
}

/// What a node did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    pub instances: u64,
}

/// Takes part in a fleet until its run is over.
///
/// # Errors
/// Returns an error when the hub cannot be reached, refuses this node or is lost, and when a signal ends the node.
pub fn join(options: JoinOptions) -> Result<Served, JoinError> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(JoinError::Runtime)?;
    let served = runtime.block_on(async {
        tokio::select! {
            served = take_part(options) => served,
            told = told_to_end() => told,
        }
    });
    runtime.shutdown_background();
    served
}

async fn take_part(options: JoinOptions) -> Result<Served, JoinError> {
    let JoinOptions { hub, name, wait, secret, exe } = options;
    let binary = sha256(&exe).map_err(|source| JoinError::Program { path: exe.clone(), source })?;
    let about = about(name);
    let (connector, token, cpus) = (connector(&secret)?, secret.token(), about.cpus);
    let stream = dial(&hub, wait, &connector).await?;
    let hello = Hello { protocol: PROTOCOL, token, binary, role: Role::Node, about };
    let instances = work(stream, &hub, &hello, &exe, cpus).await?;
    Ok(Served { instances })
}

/// Joins the hub at the other end of `stream` and serves it.
async fn work<S>(mut stream: S, hub: &str, hello: &Hello, exe: &Path, cpus: f64) -> Result<u64, JoinError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    greet(&mut stream, hub, hello).await?;
    serve(stream, exe, cpus).await
}

/// Waits for a signal. As the first process of a container, the node would not be ended by one otherwise.
pub(crate) async fn told_to_end<T>() -> Result<T, JoinError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(JoinError::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(JoinError::Runtime)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Err(JoinError::ToldToEnd)
}
