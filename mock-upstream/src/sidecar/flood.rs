//! A log that nobody can read: lines on stdout, as many every second as were asked for, and how long writing them took.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::Sidecar;
use crate::clock::monotonic_ns;

const CHUNK: usize = 64 * 1024;
/// A line of the flood, newline included.
const LINE: &[u8] =
    b"reference-sidecar: this line is one of a great many, and nobody will ever want to read any of it\n";

/// Whether to go on: the last word on stdout belongs to the truth.
#[derive(Debug, Default)]
pub(crate) struct Flood {
    over: AtomicBool,
}

impl Flood {
    /// Ends it, once the write under way is through.
    pub(crate) fn end(&self) {
        self.over.store(true, Relaxed);
    }
}

/// Writes what is due until it is ended. What a write took longer is caught up with.
pub(crate) fn for_ever(sidecar: &Sidecar) {
    let chunk = LINE.repeat(CHUNK / LINE.len());
    let per_second = sidecar.args.flood_per_second as f64;
    let pause = Duration::from_secs_f64(chunk.len() as f64 / per_second).min(Duration::from_secs(1));
    let start = Instant::now();
    let mut written = 0;
    while !sidecar.flood.over.load(Relaxed) {
        if written as f64 > start.elapsed().as_secs_f64() * per_second {
            std::thread::sleep(pause);
            continue;
        }
        let mut out = std::io::stdout().lock();
        let begun = monotonic_ns();
        if out.write_all(&chunk).and_then(|()| out.flush()).is_err() {
            return;
        }
        sidecar.truth.flood_writes.record(monotonic_ns() - begun);
        written += chunk.len();
        sidecar.truth.flooded.fetch_add(chunk.len() as u64, Relaxed);
    }
}
