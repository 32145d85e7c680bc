//! Costs of each request, and the threads that leak, burn CPU and write lines.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use harness_base::units::Nanos;

use super::flood;
use super::state::Sidecar;
use crate::clock;
use crate::error::Error;

/// How often the leaks and the sawtooth grow.
const LEAK_TICK: Duration = Duration::from_millis(50);

/// The CPU time that `--burn-forever` burns between two pauses.
const BURST: Nanos = Nanos::from_millis(100);

/// The least capacity of the sawtooth's memory. The allocator maps an allocation of this size separately, and unmaps it when it
/// is freed.
const TOOTH: usize = 64 << 20;

/// Applies the costs of one request before it is forwarded or refused.
pub(crate) fn per_request(sidecar: &Sidecar, number: u64) {
    sidecar.leaks.leak_memory(sidecar.args.leak_per_request);
    let lines = sidecar.args.log_lines_per_request;
    if lines > 0 {
        let mut out = std::io::stdout().lock();
        for line in 0..lines {
            // A closed stdout must not stop the proxy.
            let _ = writeln!(out, "reference-sidecar: request {number}, line {line}");
        }
        let _ = out.flush();
    }
}

/// Starts the threads that leak, burn CPU and write lines until the process exits.
pub(crate) fn start_threads(sidecar: &Arc<Sidecar>) -> Result<(), Error> {
    let args = &sidecar.args;
    for _ in 0..args.burn_forever {
        let pause = args.burn_pause;
        spawn("burn-forever", move || {
            loop {
                clock::burn(BURST);
                std::thread::sleep(pause);
            }
        })?;
    }
    if args.leak_per_second > 0 || args.leak_fds_per_second > 0 {
        let sidecar = Arc::clone(sidecar);
        spawn("leak", move || leak(&sidecar))?;
    }
    if args.sawtooth > 0 {
        let sidecar = Arc::clone(sidecar);
        spawn("sawtooth", move || grow_and_release(&sidecar))?;
    }
    if let Some(ttl) = args.session_ttl {
        let sidecar = Arc::clone(sidecar);
        spawn("sessions", move || {
            loop {
                std::thread::sleep((ttl / 20).max(Duration::from_millis(1)));
                sidecar.sessions.expire();
            }
        })?;
    }
    if args.flood_per_second > 0 {
        let sidecar = Arc::clone(sidecar);
        spawn("flood", move || flood::run(&sidecar.flood, &sidecar.truth, sidecar.args.flood_per_second))?;
    }
    Ok(())
}

/// Simulates a garbage collector: memory grows, and is released all at once.
fn grow_and_release(sidecar: &Sidecar) {
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
        sidecar.leaks.count_sawtooth();
    }
}

fn leak(sidecar: &Sidecar) {
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
