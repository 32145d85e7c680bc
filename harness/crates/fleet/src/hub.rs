//! The hub, `harness __hub`: nodes join it, and control speaks with it as with one load child.
//!
//! It reads commands from stdin, answers on stdout, and exits when stdin is closed. In a pod, one connection takes the place of both:
//! `harness __hub --port 7410`.

mod agents;
mod assembly;
mod conductor;
mod control;
mod door;
mod error;
mod gather;
mod lead;
mod remote;
mod session;
mod state;

use std::ffi::OsString;
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
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinSet;

pub use self::error::HubError;

use self::agents::{Agents, Machines};
use self::assembly::assemble;
use self::conductor::Conductor;
use self::control::Control;
use self::door::Door;
use self::session::{Events, Session};
use super::binary::sha256;
use super::clock::ahead_ns;
use super::order::{HubEvent, HubOrder, NodeFacts};
use super::secret::HubSecret;
use super::tls::acceptor;
use super::upward::Upward;
use harness_base::clock::Mono;
use harness_base::error::chain;
use harness_base::units::Nanos;
use harness_rig::host::word;

/// The largest fleet.
const MOST_NODES: u64 = 1000;

/// How long a hub in a pod waits for control.
const CONTROL: Nanos = Nanos::from_secs(120);

/// Runs the hub until it exits. `args` are those after its name.
pub fn main(args: &[OsString]) -> ExitCode {
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If stderr is closed, the exit code still reports the failure.
            let _ = writeln!(io::stderr(), "hub: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[OsString]) -> Result<(), HubError> {
    let port = port(args)?;
    // It holds the private key of the fleet.
    set_dumpable(false).map_err(|errno| HubError::Dumpable(errno.into()))?;
    raise_descriptor_limit();
    let binary = sha256(Path::new("/proc/self/exe")).map_err(HubError::Binary)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        match port {
            Some(port) => serve_remote(&binary, remote::listen(port).await?).await,
            None => serve_pipes(&binary).await,
        }
    });
    runtime.shutdown_background();
    ended
}

/// Reads the arguments: none, or the port at which control connects.
fn port(args: &[OsString]) -> Result<Option<u16>, HubError> {
    let parsed = match args {
        [] => return Ok(None),
        [flag, port] if flag == "--port" => port.to_str().and_then(|port| port.parse().ok()),
        _ => None,
    };
    let given = || args.iter().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>().join(" ");
    parsed.map(Some).ok_or_else(|| HubError::Arguments { given: given() })
}

/// Serves control over stdin and stdout.
async fn serve_pipes(binary: &str) -> Result<(), HubError> {
    let answers = take_stdout()?;
    let commands = io::stdin().as_fd().try_clone_to_owned()?;
    let commands = BufReader::new(pipe::Receiver::from_owned_fd(commands)?).lines();
    serve(binary, commands, pipe::Sender::from_owned_fd(answers)?).await
}

/// Serves the control that connects to `listener`, until its connection or a signal ends the run.
///
/// # Errors
/// Returns an error when control does not connect, when a signal ends the hub, and those of [`serve`].
pub async fn serve_remote(binary: &str, listener: TcpListener) -> Result<(), HubError> {
    // As the first process of a container, the hub would not be ended by a signal otherwise.
    let mut terminate = signal(SignalKind::terminate())?;
    let served = async {
        let (commands, answers) = remote::accept(listener, CONTROL).await?.into_split();
        serve(binary, BufReader::new(commands).lines(), answers).await
    };
    tokio::select! {
        served = served => served,
        _ = terminate.recv() => Err(HubError::ToldToEnd),
    }
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
    let arrived = Mono::now();
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
    let nodes = assemble(&order, boot.clone(), &mut knocks, &mut events, &mut commands, &mut up).await?;
    let Some(nodes) = nodes else { return Ok(()) };
    let hub_ahead_ns = order.now.map_or(0, |now| ahead_ns(arrived, now));
    let boots = nodes.iter().map(|node| node.boot.clone()).collect();
    let agents = Agents::new(knocks, Machines { boot, nodes: boots, hub_ahead_ns });
    Conductor::new(nodes, events, agents, Control::new(up, hub_ahead_ns)).run(commands).await?;
    Ok(())
}

/// Serves control with nodes that have joined already, each over a stream of its own. Further nodes and agents cannot join.
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
        Session::start(stream, node, (facts, None), None, events.sender.clone())
    };
    let nodes = nodes.into_iter().enumerate().map(session).collect();
    let (_, no_knocks) = unbounded_channel();
    let (agents, control) = (Agents::new(no_knocks, Machines::default()), Control::new(Upward::new(answers), 0));
    Conductor::new(nodes, events, agents, control).run(commands).await?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_argument_is_a_port() {
        let port = |args: &[&str]| port(&args.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(port(&[]).unwrap(), None);
        assert_eq!(port(&["--port", "7410"]).unwrap(), Some(7410));
        for wrong in [&["--port"][..], &["--port", "70000"], &["7410"], &["--port", "1", "2"]] {
            assert_eq!(port(wrong).unwrap_err().to_string().rsplit("found ").next(), Some(wrong.join(" ").as_str()));
        }
    }
}
