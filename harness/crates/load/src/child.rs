//! The load child, `harness __load`: takes orders on stdin, answers on stdout, ends when either is closed.

use std::fs::File;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{dup, dup2_stdout};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};

use super::frames::{FromChild, Job, Opened, ToChild, TrialOrder};
use super::preflight::preflight;
use super::trial::Trial;
use super::users;
use super::virtual_user::{Opening, Phase, Shared};
use super::window_reader::WindowReader;
use crate::facts::{Arm, LoadFacts};

/// Runs the child to its end.
pub fn main() -> ExitCode {
    let ended = FrameWriter::take_stdout().map_err(|error| error.to_string()).and_then(|writer| {
        let writer = Arc::new(writer);
        run(&writer).inspect_err(|message| writer.say(&FromChild::Failed { message: message.clone() }))
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // A closed stderr leaves the exit code to tell.
            let _ = writeln!(io::stderr(), "load generator: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(writer: &Arc<FrameWriter>) -> Result<(), String> {
    raise_descriptor_limit();
    let mut first = String::new();
    io::stdin().lock().read_line(&mut first).map_err(|error| error.to_string())?;
    let ToChild::Job(job) = serde_json::from_str(&first).map_err(|error| format!("no job: {error}"))? else {
        return Err("the first order must be a job".to_owned());
    };
    if job.connections == 0 {
        return Err("a job needs at least one connection".to_owned());
    }
    enough_descriptors(&job)?;
    let runtime = runtime(job.workers).map_err(|error| error.to_string())?;
    let orders = listen(Arc::clone(writer)).map_err(|error| error.to_string())?;
    let ended = runtime.block_on(serve(job, writer, orders));
    // Goose's users never end by themselves.
    runtime.shutdown_background();
    ended
}

/// One worker is the default: the users' tasks and the event loop then share one thread, so nothing has to be handed between
/// threads, neither a timer's wake-up nor a request. Measured in `docs/performance.md`.
pub(super) fn runtime(workers: usize) -> io::Result<Runtime> {
    match workers {
        0 | 1 => Builder::new_current_thread().enable_all().build(),
        _ => Builder::new_multi_thread().worker_threads(workers).enable_all().build(),
    }
}

/// Each user needs a descriptor per arm and one for its timer; the soft limit is 1024 on most hosts.
fn raise_descriptor_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Refused, it stays as it is, and opening connections will say so.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// Descriptors beside those of the users: pipes, event loops, timers of the threads.
const OTHER_DESCRIPTORS: u64 = 64;

/// Before anything is measured: a connection that finds no descriptor left would look like one that the target refused.
fn enough_descriptors(job: &Job) -> Result<(), String> {
    let needed = descriptors(job.connections, job.arms.len() as u64);
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((limit, _)) if limit < needed => Err(format!(
            "{} connections to {} arm(s) need {needed} descriptors, and this process may open {limit}; raise the limit with: sudo prlimit \
             --pid $$ --nofile={room}:{room}, or lower `connections`",
            job.connections,
            job.arms.len(),
            room = needed.next_power_of_two(),
        )),
        // Where the limit cannot be read, opening connections will tell.
        _ => Ok(()),
    }
}

/// One for each arm and one for the timer of each user, and some more.
const fn descriptors(connections: u64, arms: u64) -> u64 {
    connections.saturating_mul(arms + 1).saturating_add(OTHER_DESCRIPTORS)
}

/// Reads orders on a thread of its own. When stdin closes, control is gone: the process ends at once, whatever it does.
fn listen(writer: Arc<FrameWriter>) -> io::Result<mpsc::UnboundedReceiver<ToChild>> {
    let (give, take) = mpsc::unbounded_channel();
    thread::Builder::new().name("orders".to_owned()).spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            match serde_json::from_str(&line) {
                Ok(order) => drop(give.send(order)),
                Err(error) => writer.say(&FromChild::Failed { message: format!("order not understood: {error}") }),
            }
        }
        std::process::exit(0);
    })?;
    Ok(take)
}

async fn serve(
    job: Job,
    writer: &Arc<FrameWriter>,
    mut orders: mpsc::UnboundedReceiver<ToChild>,
) -> Result<(), String> {
    let (gate, at_gate) = watch::channel(Phase::Idle);
    let shared = Arc::new(Shared::new(job, at_gate)?);
    let mut goose = tokio::spawn(users::run(Arc::clone(&shared)));
    let ready = async {
        shared.complete().await;
        writer.say(&FromChild::Ready);
        while let Some(order) = orders.recv().await {
            if matches!(order, ToChild::Stop) {
                break;
            }
            let answer = obey(order, &shared, &gate, writer).await;
            writer.say(&answer.unwrap_or_else(|message| FromChild::Failed { message }));
        }
    };
    tokio::select! {
        () = ready => Ok(()),
        ended = &mut goose => Err(ended.unwrap_or_else(|error| error.to_string())),
    }
}

async fn obey(
    order: ToChild,
    shared: &Arc<Shared>,
    gate: &watch::Sender<Phase>,
    writer: &Arc<FrameWriter>,
) -> Result<FromChild, String> {
    let position = |arm: Arm| {
        let found = shared.job.arms.iter().position(|address| address.arm == arm);
        found.ok_or_else(|| format!("the job has no {} arm", arm.name()))
    };
    match order {
        ToChild::Open(arm) => Ok(FromChild::Opened(open(position(arm)?, shared, gate).await)),
        ToChild::Preflight(arm) => Ok(FromChild::Preflighted(preflight(shared, position(arm)?).await)),
        ToChild::Trial(order) => {
            let arm = position(order.arm)?;
            trial(&order, arm, shared, gate, writer).await.map(|facts| FromChild::Done(Box::new(facts)))
        }
        ToChild::Job(_) => Err("there is a job already".to_owned()),
        ToChild::Stop => Err("stopped".to_owned()),
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
) -> Result<LoadFacts, String> {
    let job = &shared.job;
    let trial = Arc::new(Trial::new(order, arm, job.connections, shared.timeout, job.workers));
    let tell = |writer: &Arc<FrameWriter>| {
        let writer = Arc::clone(writer);
        move |frame: FromChild| writer.say(&frame)
    };
    let window_reader = WindowReader::start(&trial, job.seed, tell(writer)).map_err(|error| error.to_string())?;
    gate.send_replace(Phase::Trial(Arc::clone(&trial)));
    trial.over().await;
    gate.send_replace(Phase::Idle);
    let counts = window_reader.close(tell(writer));
    let mean_in_flight = counts.mean_in_flight();
    // The seconds of hours were told as they passed.
    let seconds = if order.slice.is_some() { Vec::new() } else { counts.seconds };
    Ok(LoadFacts { mean_in_flight, seconds, ..trial.facts() })
}

/// What control hears. Goose prints, so descriptor 1 leads to stderr and answers go over a copy of what it was.
struct FrameWriter(Mutex<File>);

impl FrameWriter {
    fn take_stdout() -> io::Result<Self> {
        let out = dup(io::stdout())?;
        dup2_stdout(io::stderr())?;
        Ok(Self(Mutex::new(File::from(out))))
    }

    /// Control that does not listen any more has closed stdin too, and that ends the process.
    fn say(&self, frame: &FromChild) {
        if let Ok(mut line) = serde_json::to_vec(frame) {
            line.push(b'\n');
            let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line);
        }
    }
}
