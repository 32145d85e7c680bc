//! The sidecar between two pairs of pipes: passes the lines of a client on to a server that it starts, and the lines of the server back.

mod answers;
mod lines;
mod truth;

use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use harness_base::clock::Mono;
use harness_base::units::Nanos;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;

use self::answers::Answers;
use self::lines::Lines;
use self::truth::Truth;
use super::args::Args;
use super::queue::Queue;
use crate::clock::{Sleeper, burn};
use crate::error::Error;
use crate::server;

/// What a shell adds to the number of the signal that ended a process.
const BY_SIGNAL: i32 = 128;

/// Passes lines on until the server ends, and exits with its exit code; a signal that ended it counts as in a shell. At SIGTERM, SIGINT and
/// the end of its stdin, it closes the pipes of the server, and waits for the server to end.
///
/// # Errors
/// Returns an error when the server cannot be started, or a pipe cannot be used.
pub(crate) fn main(args: &Args) -> Result<(), Error> {
    let mut child = start(args)?;
    let truth = Arc::new(Truth::default());
    // The runtime is dropped here, and with it the pipes.
    let passed = server::runtime(1)?.block_on(async {
        let stop = server::stop_signal(args.ignore_sigterm)?;
        tokio::select! {
            passed = pass_on(args, &mut child, &truth) => passed,
            () = stop => Ok(()),
        }
    });
    if passed.is_err() {
        // The server cannot be used without its pipes.
        let _ = child.kill();
    }
    let status = child.wait().map_err(Error::setup("waiting for the server"))?;
    if args.truth_on_exit
        && let Ok(truth) = serde_json::to_string(&truth.report())
    {
        // A closed stderr is no error: the truth is not read then.
        let _ = writeln!(io::stderr(), "truth {truth}");
    }
    passed?;
    std::process::exit(code(status));
}

fn start(args: &Args) -> Result<Child, Error> {
    // clap refuses --stdio without a server.
    let (program, arguments) = args.server.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().map_err(|cause| Error::Spawn { what: "the server", program: program.to_owned(), cause })
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| BY_SIGNAL + signal)).unwrap_or(1)
}

/// Passes lines on in both directions until the server closes its stdout.
async fn pass_on(args: &Args, child: &mut Child, truth: &Arc<Truth>) -> Result<(), Error> {
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Error::setup("the pipes of the server")(io::ErrorKind::NotFound.into()));
    };
    let unusable = || Error::setup("the pipes of --stdio");
    let own = |fd: io::Result<OwnedFd>| fd.map_err(unusable());
    let client = own(io::stdin().as_fd().try_clone_to_owned())?;
    let client = pipe::Receiver::from_owned_fd(client).map_err(unusable())?;
    let to_client = own(io::stdout().as_fd().try_clone_to_owned())?;
    let to_client = pipe::Sender::from_owned_fd(to_client).map_err(unusable())?;
    let to_server = pipe::Sender::from_owned_fd(stdin.into()).map_err(unusable())?;
    let from_server = pipe::Receiver::from_owned_fd(stdout.into()).map_err(unusable())?;
    let (queue, queued) = mpsc::unbounded_channel();
    tokio::spawn(read_client(Lines::new(client), queue));
    tokio::spawn(Requests::new(args, Arc::clone(truth)).pass_on(queued, to_server));
    Answers::new(args, Arc::clone(truth)).pass_on(Lines::new(from_server), to_client).await;
    Ok(())
}

/// A line of the client and the instant at which it was read.
type Arrived = (Mono, Vec<u8>);

/// Reads lines until the end of the client, or until the server takes no more. What is under way keeps its place.
async fn read_client(mut lines: Lines, queue: mpsc::UnboundedSender<Arrived>) {
    while let Some((at, line)) = lines.next().await {
        if queue.send((at, line)).is_err() {
            return;
        }
    }
}

/// The way of the client's lines to the server.
struct Requests {
    delay: Nanos,
    cpu: Nanos,
    turns: Option<Queue>,
    sleeper: Sleeper,
    truth: Arc<Truth>,
}

impl Requests {
    fn new(args: &Args, truth: Arc<Truth>) -> Self {
        Self {
            delay: Nanos::of(args.add_latency),
            cpu: Nanos::of(args.burn),
            turns: args.serve_rate.map(|rate| Queue::new(Nanos((1e9 / rate.0) as u64))),
            sleeper: Sleeper::default(),
            truth,
        }
    }

    /// Passes each line on when it is due. Returns, and with that closes the server's stdin, when there are no more.
    async fn pass_on(mut self, mut queued: mpsc::UnboundedReceiver<Arrived>, mut server: pipe::Sender) {
        while let Some((at, line)) = queued.recv().await {
            let mut due = at.after(self.delay);
            if let Some(turns) = &self.turns {
                due = due.max(turns.enter(at).begins);
            }
            if due > Mono::now() {
                self.sleeper.sleep_until(due).await;
            }
            if self.cpu > Nanos::ZERO {
                self.truth.burned.record(burn(self.cpu));
            }
            self.truth.added_request.record(Mono::now().since(at));
            if server.write_all(&line).await.is_err() {
                return;
            }
        }
    }
}
