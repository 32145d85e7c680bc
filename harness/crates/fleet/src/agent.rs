//! The agent in a pod, `harness __agent`: joins the hub, watches the target of its pod come up, and samples it in the windows of the trials.

mod sampling;
mod serve;
mod shift;
mod startup;
mod target;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use self::sampling::Upstream;
use self::serve::{Worker, serve};
use self::startup::Startup;
use super::binary::sha256;
use super::hello::{Hello, PROTOCOL, Role};
use super::node::about::about;
use super::node::dial::{dial, greet};
use super::node::{JoinError, told_to_end};
use super::secret::NodeSecret;
use super::tls::connector;
use harness_base::units::Nanos;
use harness_rig::target::{Endpoints, HttpUrl};

/// What an agent watches, and how it takes part.
#[derive(Debug)]
pub struct AgentOptions {
    /// `HOST:PORT` of the hub.
    pub hub: String,
    /// The name by which the hub knows it: that of its pod.
    pub name: String,
    /// How long the hub is dialled.
    pub wait: Nanos,
    pub secret: NodeSecret,
    /// This program.
    pub exe: PathBuf,
    /// Those of the target, as they are reached from its pod.
    pub endpoints: Endpoints,
    /// How long the target may take to come up, from the order on.
    pub deadline: Nanos,
    /// The ledger of the bundled upstream; absent without one.
    pub ledger: Option<HttpUrl>,
    /// The port at which the upstream is reached without the target; absent if there is none in the pod.
    pub direct_port: Option<u16>,
    /// The port that shows that processes are watched, so that the target can be started; absent if it is started by hand.
    pub watching_port: Option<u16>,
    /// Whether the only container beside the target and the agent is the upstream.
    pub app: bool,
}

/// Takes part in a run until it is over.
///
/// # Errors
/// Returns an error when processes cannot be watched, when the hub cannot be reached, refuses this agent or is lost, and when a signal ends
/// the agent.
pub fn run(options: AgentOptions) -> Result<(), JoinError> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(JoinError::Runtime)?;
    let done = runtime.block_on(async {
        tokio::select! {
            done = take_part(options) => done,
            told = told_to_end() => told,
        }
    });
    runtime.shutdown_background();
    done
}

/// Listens at every address of this machine.
async fn listen(port: u16) -> io::Result<TcpListener> {
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
        Ok(listener) => Ok(listener),
        // A machine without IPv6.
        Err(_) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await,
    }
}

async fn take_part(options: AgentOptions) -> Result<(), JoinError> {
    let AgentOptions { hub, name, wait, secret, exe, endpoints, deadline, ledger, direct_port, watching_port, app } =
        options;
    // First of all: the target may start at any moment.
    let startup = Startup::begin(endpoints, deadline, app).map_err(JoinError::Watch)?;
    // When it is dropped, its task ends.
    let mut shown = JoinSet::new();
    if let Some(port) = watching_port {
        let listener = listen(port).await.map_err(JoinError::Watch)?;
        shown.spawn(async move { while listener.accept().await.is_ok() {} });
    }
    let binary = sha256(&exe).map_err(|source| JoinError::Program { path: exe.clone(), source })?;
    let about = about(Some(name));
    let (connector, token) = (connector(&secret)?, secret.token());
    let mut stream = dial(&hub, wait, &connector).await?;
    let hello = Hello { protocol: PROTOCOL, token, binary, role: Role::Agent, about: about.clone() };
    greet(&mut stream, &hub, &hello).await?;
    serve(stream, Worker::new(about, startup, Upstream { ledger, port: direct_port })).await
}
