//! The hub, `harness __hub`: nodes join it, and control speaks with it as with one load child.
//!
//! It reads commands from stdin, answers on stdout, and exits when stdin is closed.

mod assembly;
mod conductor;
mod door;
mod error;
mod gather;
mod session;

use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;

use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{dup, dup2_stdout};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::net::unix::pipe;
use tokio::runtime::Builder;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinSet;

pub use self::error::HubError;

use self::assembly::{assemble, refuse_all};
use self::conductor::Conductor;
use self::door::Door;
use self::session::{Events, Session};
use super::binary::sha256;
use super::order::{HubEvent, HubOrder, NodeFacts};
use super::secret::HubSecret;
use super::tls::acceptor;
use super::upward::Upward;
use harness_base::error::chain;
use harness_rig::host::word;

/// The largest fleet.
const MOST_NODES: u64 = 1000;

/// Runs the hub until it exits.
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If stderr is closed, the exit code still reports the failure.
            let _ = writeln!(io::stderr(), "hub: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), HubError> {
    // It holds the private key of the fleet.
    set_dumpable(false).map_err(|errno| HubError::Dumpable(errno.into()))?;
    raise_descriptor_limit();
    let answers = take_stdout()?;
    let commands = io::stdin().as_fd().try_clone_to_owned()?;
    let binary = sha256(Path::new("/proc/self/exe")).map_err(HubError::Binary)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let commands = BufReader::new(pipe::Receiver::from_owned_fd(commands)?).lines();
        serve(&binary, commands, pipe::Sender::from_owned_fd(answers)?).await
    });
    runtime.shutdown_background();
    ended
}

/// Raises the soft limit, 1024 on most hosts: each node needs a descriptor.
fn raise_descriptor_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // If this fails, nodes that cannot be accepted are missing, which is reported.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// Returns the pipe to control. What else is printed to stdout goes to stderr.
fn take_stdout() -> io::Result<OwnedFd> {
    let out = dup(io::stdout())?;
    dup2_stdout(io::stderr())?;
    Ok(out)
}

/// Serves control: reads its order, waits for the nodes, and passes commands on to them until `commands` ends. `binary` is the SHA-256 that
/// the program of each node must have, hexadecimal.
///
/// # Errors
/// Returns an error when the order is impossible, or control cannot be answered.
pub async fn serve<C, A>(binary: &str, mut commands: Lines<C>, answers: A) -> Result<(), HubError>
where
    C: AsyncBufRead + Unpin,
    A: AsyncWrite + Unpin,
{
    let mut up = Upward::new(answers);
    let Some(line) = commands.next_line().await? else { return Ok(()) };
    let (order, door, listener) = match open(&line, binary).await {
        Ok(opened) => opened,
        Err(error) => {
            up.line(&HubEvent::Failed { message: chain(&error) }).await?;
            return Err(error);
        }
    };
    drop(line);
    up.line(&HubEvent::Listening { address: listener.local_addr()? }).await?;
    let (sender, mut knocks) = unbounded_channel();
    // When it is dropped, its tasks end.
    let mut tasks = JoinSet::new();
    tasks.spawn(door.keep(listener, usize::try_from(order.nodes).unwrap_or(usize::MAX), sender));
    let (mut events, boot) = (Events::default(), boot());
    let nodes = assemble(&order, boot, &mut knocks, &mut events, &mut commands, &mut up).await?;
    let Some(nodes) = nodes else { return Ok(()) };
    tasks.spawn(refuse_all(knocks));
    Conductor::new(nodes, events, up).run(commands).await?;
    Ok(())
}

/// Serves control with nodes that have joined already, each over a stream of its own.
///
/// # Errors
/// Returns an error when control cannot be answered.
pub async fn conduct<S, C, A>(nodes: Vec<(NodeFacts, S)>, commands: Lines<C>, answers: A) -> Result<(), HubError>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
    C: AsyncBufRead + Unpin,
    A: AsyncWrite + Unpin,
{
    let events = Events::default();
    let session = |(node, (facts, stream)): (usize, (NodeFacts, S))| {
        Session::start(stream, node, facts, None, events.sender.clone())
    };
    let nodes = nodes.into_iter().enumerate().map(session).collect();
    Conductor::new(nodes, events, Upward::new(answers)).run(commands).await?;
    Ok(())
}

/// Reads the order and listens where it says.
async fn open(line: &str, binary: &str) -> Result<(HubOrder, Door, TcpListener), HubError> {
    let order: HubOrder = serde_json::from_str(line).map_err(HubError::Order)?;
    if !(1..=MOST_NODES).contains(&order.nodes) {
        return Err(HubError::Nodes { nodes: order.nodes });
    }
    let secret = HubSecret::read(&order.secret)?;
    let door = Door { acceptor: acceptor(&secret)?, token: secret.token(), binary: binary.to_owned() };
    let listener = TcpListener::bind(order.listen).await;
    let listener = listener.map_err(|cause| HubError::Listen { address: order.listen, cause })?;
    Ok((order, door, listener))
}

/// Identifies the start of this machine's kernel.
fn boot() -> Option<String> {
    word(Path::new("/proc/sys/kernel/random/boot_id"))
}
