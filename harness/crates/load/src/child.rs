//! The load child, `harness __load`: reads commands from stdin, answers on stdout, and exits when either is closed.

use std::fs::File;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{dup, dup2_stdout};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};

use super::child_error::ChildError;
use super::echo;
use super::frames::{ArmAddress, FromChild, Job, Opened, ToChild, TrialOrder};
use super::opening::Opening;
use super::preflight::preflight;
use super::spec::Request;
use super::trial::Trial;
use super::users;
use super::virtual_user::{Phase, Shared};
use super::window_reader::WindowReader;
use crate::facts::{Arm, LoadFacts};
use crate::outcome::Outcomes;
use harness_base::error::chain;

/// Runs the child until it exits.
pub fn main() -> ExitCode {
    let ended = FrameWriter::take_stdout().map_err(ChildError::from).and_then(|writer| {
        let writer = Arc::new(writer);
        run(&writer).inspect_err(|error| writer.send_error(error))
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If stderr is closed, the exit code still reports the failure.
            let _ = writeln!(io::stderr(), "load generator: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(writer: &Arc<FrameWriter>) -> Result<(), ChildError> {
    raise_descriptor_limit();
    let mut first = String::new();
    io::stdin().lock().read_line(&mut first)?;
    let ToChild::Job(job) = serde_json::from_str(&first).map_err(ChildError::Job)? else {
        return Err(ChildError::NoJob);
    };
    if job.users() == 0 {
        return Err(ChildError::NoConnections);
    }
    enough_descriptors(&job)?;
    let runtime = build_runtime(job.workers)?;
    let commands = listen(Arc::clone(writer))?;
    let ended = runtime.block_on(serve(job, writer, commands));
    // Goose's users never end by themselves.
    runtime.shutdown_background();
    ended
}

/// Builds the runtime. With one worker, the default, the users' tasks and the event loop share one thread, so neither a timer's
/// wake-up nor a request crosses threads. `docs/performance.md` has the measurement.
pub(super) fn build_runtime(workers: usize) -> io::Result<Runtime> {
    match workers {
        0 | 1 => Builder::new_current_thread().enable_all().build(),
        _ => Builder::new_multi_thread().worker_threads(workers).enable_all().build(),
    }
}

/// Raises the soft limit, 1024 on most hosts: each user needs a descriptor per arm and one for its timer.
fn raise_descriptor_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // If this fails, opening the connections reports it.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// The number of descriptors besides those of the users: pipes, event loops, timers of the threads.
const OTHER_DESCRIPTORS: u64 = 64;

/// Checks the limit before anything is measured, because a connection without a descriptor would look like one that the target
/// refused.
fn enough_descriptors(job: &Job) -> Result<(), ChildError> {
    let needed = descriptors(job);
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((limit, _)) if limit < needed => {
            Err(ChildError::Descriptors { connections: job.users(), arms: job.arms.len(), needed, limit })
        }
        // If the limit cannot be read, opening the connections reports it.
        _ => Ok(()),
    }
}

/// Returns the number of descriptors for the connections and the timers of all users, and the others.
fn descriptors(job: &Job) -> u64 {
    let lanes = job.requests.iter().map(Request::descriptors).max().unwrap_or(1);
    let users = job.users().saturating_mul(lanes);
    let of_arm = |arm: &ArmAddress| users.div_ceil(arm.http2.map_or(1, |http2| http2.streams.max(1)));
    let arms = job.arms.iter().map(of_arm).fold(0, u64::saturating_add);
    arms.saturating_add(job.users()).saturating_add(OTHER_DESCRIPTORS)
}

/// Reads commands on a separate thread. When stdin closes, control has exited, so the process exits at once.
fn listen(writer: Arc<FrameWriter>) -> io::Result<mpsc::UnboundedReceiver<ToChild>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    thread::Builder::new().name("commands".to_owned()).spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            match serde_json::from_str(&line) {
                Ok(command) => drop(sender.send(command)),
                Err(error) => writer.send_error(&ChildError::Command(error)),
            }
        }
        std::process::exit(0);
    })?;
    Ok(receiver)
}

async fn serve(
    job: Job,
    writer: &Arc<FrameWriter>,
    mut commands: mpsc::UnboundedReceiver<ToChild>,
) -> Result<(), ChildError> {
    let (gate, at_gate) = watch::channel(Phase::Idle);
    let shared = Arc::new(Shared::new(job, at_gate)?);
    let mut goose = tokio::spawn(users::run(Arc::clone(&shared)));
    let ready = async {
        shared.complete().await;
        writer.send(&FromChild::Ready);
        while let Some(command) = commands.recv().await {
            if matches!(command, ToChild::Stop) {
                break;
            }
            match execute(command, &shared, &gate, writer).await {
                Ok(answer) => writer.send(&answer),
                Err(error) => writer.send_error(&error),
            }
        }
    };
    tokio::select! {
        () = ready => Ok(()),
        ended = &mut goose => Err(ended.unwrap_or_else(ChildError::from)),
    }
}

async fn execute(
    command: ToChild,
    shared: &Arc<Shared>,
    gate: &watch::Sender<Phase>,
    writer: &Arc<FrameWriter>,
) -> Result<FromChild, ChildError> {
    let position = |arm: Arm| {
        let found = shared.job.arms.iter().position(|address| address.arm == arm);
        found.ok_or(ChildError::NoArm { arm: arm.name() })
    };
    match command {
        ToChild::Open(arm) => Ok(FromChild::Opened(open(position(arm)?, shared, gate).await)),
        ToChild::Preflight(arm) => Ok(FromChild::Preflighted(preflight(shared, position(arm)?).await)),
        ToChild::Handshakes { arm, count } => {
            let (position, places) = (position(arm)?, shared.echo.as_ref().ok_or(ChildError::NoEcho)?);
            let handshakes = Box::pin(echo::handshakes(&places[position], count)).await;
            Ok(FromChild::Handshaken(Box::new(handshakes)))
        }
        ToChild::Trial(order) => {
            let arm = position(order.arm)?;
            trial(&order, arm, shared, gate, writer).await.map(|facts| FromChild::Done(Box::new(facts)))
        }
        ToChild::Job(_) => Err(ChildError::SecondJob),
        ToChild::Stop => Err(ChildError::Stopped),
    }
}

async fn open(arm: usize, shared: &Shared, gate: &watch::Sender<Phase>) -> Opened {
    let opening = Arc::new(Opening::new(arm));
    gate.send_replace(Phase::Open(Arc::clone(&opening)));
    opening.done.notified().await;
    gate.send_replace(Phase::Idle);
    opening.report(shared.job.arms[arm].arm)
}

async fn trial(
    order: &TrialOrder,
    arm: usize,
    shared: &Shared,
    gate: &watch::Sender<Phase>,
    writer: &Arc<FrameWriter>,
) -> Result<LoadFacts, ChildError> {
    let job = &shared.job;
    let trial = Arc::new(Trial::new(order, arm, job, shared.timeout));
    let send = |writer: &Arc<FrameWriter>| {
        let writer = Arc::clone(writer);
        move |frame: FromChild| writer.send(&frame)
    };
    if let Some(pipe) = &shared.pipes[arm] {
        pipe.begin((trial.window_start, trial.window_end));
    }
    let window_reader = WindowReader::start(&trial, job.seed, send(writer))?;
    gate.send_replace(Phase::Trial(Arc::clone(&trial)));
    trial.over().await;
    gate.send_replace(Phase::Idle);
    let counts = window_reader.close(send(writer));
    let (mean_in_flight, samples) = counts.in_flight();
    // With slices, the seconds were sent as they passed.
    let seconds = if order.slice.is_some() { Vec::new() } else { counts.seconds };
    let mut facts = LoadFacts { mean_in_flight, in_flight_samples: Some(samples), seconds, ..trial.facts() };
    if let Some(pipe) = &shared.pipes[arm] {
        facts = pipe.end().charged(facts);
    }
    if facts.outside.are_ok() {
        // All *ok* is not recorded, so that a record that is read again is the same.
        facts.outside = Outcomes::default();
    }
    Ok(facts)
}

/// Writes frames to control. Goose prints to stdout, so descriptor 1 is redirected to stderr, and frames go to a copy of the
/// original.
struct FrameWriter(Mutex<File>);

impl FrameWriter {
    fn take_stdout() -> io::Result<Self> {
        let out = dup(io::stdout())?;
        dup2_stdout(io::stderr())?;
        Ok(Self(Mutex::new(File::from(out))))
    }

    fn send_error(&self, error: &ChildError) {
        self.send(&FromChild::Failed { message: chain(error) });
    }

    /// Sends a frame. If that fails, the process exits: control has ended, or would wait for a frame that does not arrive.
    fn send(&self, frame: &FromChild) {
        let mut line = serde_json::to_vec(frame).unwrap_or_default();
        line.push(b'\n');
        let sent = self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line);
        if let Err(error) = sent {
            let _ = writeln!(io::stderr(), "load generator: cannot write to the control process: {error}");
            std::process::exit(1);
        }
    }
}
