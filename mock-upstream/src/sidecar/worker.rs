//! The worker process: holds memory and burns CPU beside the proxy, and reports to its parent.

use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use harness_base::units::Nanos;

use super::args::Args;
use super::state::Sidecar;
use super::{leaks, process};
use crate::clock;
use crate::error::Error;

/// How often the worker burns CPU and reports it.
const TICK: Duration = Duration::from_millis(20);

/// The worker process, killed on drop.
pub(crate) struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        // The worker may have exited.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// In the parent: starts the worker and reads its reports.
pub(crate) fn start(sidecar: &Arc<Sidecar>) -> Result<Worker, Error> {
    let mut child = process::start_self("the worker", "worker", |command| {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
    })?;
    let truth = Arc::clone(sidecar);
    truth.truth.worker_pid.store(child.id().into(), Relaxed);
    if let Some(out) = child.stdout.take() {
        let read = move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if let Some((burned, ballast)) = parse(&line) {
                    truth.truth.worker_burned_ns.store(burned, Relaxed);
                    truth.truth.worker_ballast.store(ballast, Relaxed);
                }
            }
        };
        std::thread::Builder::new().name("worker-report".into()).spawn(read).map_err(Error::setup("a thread"))?;
    }
    Ok(Worker(child))
}

fn parse(line: &str) -> Option<(u64, u64)> {
    let (burned, ballast) = line.split_once(' ')?;
    Some((burned.parse().ok()?, ballast.parse().ok()?))
}

/// Works in the worker process until the parent closes the pipe. It is not inlined, so that profiles contain it.
#[inline(never)]
pub(crate) fn work(args: &Args) {
    let ballast = black_box(leaks::touched(args.worker_ballast));
    let mut out = std::io::stdout();
    let start = Instant::now();
    let mut burned = Nanos::ZERO;
    loop {
        let due = args.worker_burn.mul_f64(start.elapsed().as_secs_f64());
        let owed = Nanos::of(due).minus(burned);
        if owed > Nanos::ZERO {
            burned = burned.plus(clock::burn(owed));
        }
        let written = writeln!(out, "{} {}", burned.0, ballast.len()).and_then(|()| out.flush());
        if written.is_err() {
            return;
        }
        std::thread::sleep(TICK);
    }
}
