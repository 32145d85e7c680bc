//! The worker process: holds memory and burns CPU beside the proxy, and tells its parent what it did.

use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::{Args, Sidecar, faults, process};
use crate::{Error, clock};

/// The worker burns a slice in every tick and tells about it.
const TICK: Duration = Duration::from_millis(20);

/// The worker, ended when dropped.
pub(crate) struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// In the parent: starts the worker and keeps its account up to date.
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
        std::thread::Builder::new().name("worker-account".into()).spawn(read).map_err(Error::setup("a thread"))?;
    }
    Ok(Worker(child))
}

fn parse(line: &str) -> Option<(u64, u64)> {
    let (burned, ballast) = line.split_once(' ')?;
    Some((burned.parse().ok()?, ballast.parse().ok()?))
}

/// In the worker: works until nobody reads its account any more.
pub(crate) fn work(args: &Args) {
    let ballast = black_box(faults::touched(args.worker_ballast));
    let mut out = std::io::stdout();
    let start = Instant::now();
    let mut burned = 0;
    loop {
        let due = args.worker_burn.mul_f64(start.elapsed().as_secs_f64());
        let owed = clock::nanos(due).saturating_sub(burned);
        if owed > 0 {
            burned += clock::burn(Duration::from_nanos(owed));
        }
        let told = writeln!(out, "{burned} {}", ballast.len()).and_then(|()| out.flush());
        if told.is_err() {
            return;
        }
        std::thread::sleep(TICK);
    }
}
