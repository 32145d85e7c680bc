//! Costs and leaks: CPU burned, memory held, memory and descriptors never given back.

use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Sidecar, flood};
use crate::{Error, clock};

/// How often a leak per second is topped up.
const LEAK_TICK: Duration = Duration::from_millis(50);

/// What a tooth of the sawtooth reserves at least: the allocator maps so much by itself, and unmaps it when it is given back.
const TOOTH: usize = 64 << 20;

/// What is held for ever.
#[derive(Debug, Default)]
pub(crate) struct Leaks {
    ballast: Vec<u8>,
    memory: Mutex<Vec<Vec<u8>>>,
    files: Mutex<Vec<File>>,
    leaked_bytes: AtomicU64,
    leaked_fds: AtomicU64,
    sawteeth: AtomicU64,
}

/// Memory whose every byte was written, so that every page is resident.
pub(crate) fn touched(bytes: usize) -> Vec<u8> {
    vec![0x5a; bytes]
}

impl Leaks {
    pub(crate) fn with_ballast(bytes: usize) -> Self {
        Self { ballast: touched(bytes), ..Self::default() }
    }

    pub(crate) fn ballast_bytes(&self) -> u64 {
        self.ballast.len() as u64
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.leaked_bytes.load(Relaxed)
    }

    pub(crate) fn fds(&self) -> u64 {
        self.leaked_fds.load(Relaxed)
    }

    pub(crate) fn sawteeth(&self) -> u64 {
        self.sawteeth.load(Relaxed)
    }

    pub(crate) fn leak_memory(&self, bytes: usize) {
        if bytes > 0 {
            let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            memory.push(touched(bytes));
            self.leaked_bytes.fetch_add(bytes as u64, Relaxed);
        }
    }

    /// Leaks up to `count` descriptors; past the limit of the process it leaks none.
    fn leak_fds(&self, count: u64) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..count {
            let Ok(file) = File::open("/dev/null") else {
                return;
            };
            files.push(file);
            self.leaked_fds.fetch_add(1, Relaxed);
        }
    }
}

/// The costs of one request that come before it is forwarded or refused.
pub(crate) fn per_request(sidecar: &Sidecar, number: u64) {
    sidecar.leaks.leak_memory(sidecar.args.leak_per_request);
    let lines = sidecar.args.log_lines_per_request;
    if lines > 0 {
        let mut out = std::io::stdout().lock();
        for line in 0..lines {
            // A log nobody can read any more must not stop the proxy.
            let _ = writeln!(out, "reference-sidecar: request {number}, line {line}");
        }
        let _ = out.flush();
    }
}

/// Starts the threads that leak by the second and burn without end; they live as long as the process.
pub(crate) fn start_threads(sidecar: &Arc<Sidecar>) -> Result<(), Error> {
    let args = &sidecar.args;
    for _ in 0..args.burn_forever {
        spawn("burn-forever", || {
            loop {
                clock::burn(Duration::from_secs(1));
            }
        })?;
    }
    if args.leak_per_second > 0 || args.leak_fds_per_second > 0 {
        let sidecar = Arc::clone(sidecar);
        spawn("leak", move || leak_for_ever(&sidecar))?;
    }
    if args.sawtooth > 0 {
        let sidecar = Arc::clone(sidecar);
        spawn("sawtooth", move || saw_for_ever(&sidecar))?;
    }
    if args.flood_per_second > 0 {
        let sidecar = Arc::clone(sidecar);
        spawn("flood", move || flood::for_ever(&sidecar))?;
    }
    Ok(())
}

/// Memory as under a garbage collector: it grows, and is given back all at once.
fn saw_for_ever(sidecar: &Sidecar) {
    let (size, period) = (sidecar.args.sawtooth, sidecar.args.sawtooth_period.as_secs_f64());
    let start = Instant::now();
    loop {
        let tooth = (start.elapsed().as_secs_f64() / period).floor();
        let mut held = Vec::with_capacity(size.max(TOOTH));
        loop {
            let grown = start.elapsed().as_secs_f64() / period - tooth;
            if grown >= 1.0 {
                break;
            }
            held.resize((grown * size as f64) as usize, 0x5a_u8);
            std::thread::sleep(LEAK_TICK);
        }
        drop(held);
        sidecar.leaks.sawteeth.fetch_add(1, Relaxed);
    }
}

fn leak_for_ever(sidecar: &Sidecar) {
    let start = Instant::now();
    let (mut bytes, mut fds) = (0, 0);
    loop {
        std::thread::sleep(LEAK_TICK);
        let seconds = start.elapsed().as_secs_f64();
        let due_bytes = (seconds * sidecar.args.leak_per_second as f64) as usize;
        let due_fds = (seconds * sidecar.args.leak_fds_per_second as f64) as u64;
        sidecar.leaks.leak_memory(due_bytes - bytes);
        sidecar.leaks.leak_fds(due_fds - fds);
        (bytes, fds) = (due_bytes, due_fds);
    }
}

fn spawn(name: &'static str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    std::thread::Builder::new().name(name.into()).spawn(work).map_err(Error::setup("a thread"))?;
    Ok(())
}
