//! A flood of log lines on stdout at a given rate, with the durations of the writes.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use harness_base::clock::Mono;

use super::truth::Truth;

const CHUNK: usize = 64 * 1024;
const LINE: &[u8] =
    b"reference-sidecar: this line is one of a great many that the sidecar writes in order to flood its log\n";

/// Ends the flood, so that the truth is the last line on stdout.
#[derive(Debug, Default)]
pub(crate) struct Flood {
    over: AtomicBool,
}

impl Flood {
    /// Ends the flood after the current write.
    pub(crate) fn end(&self) {
        self.over.store(true, Relaxed);
    }
}

/// Writes `per_second` bytes every second until the flood is ended. Catches up after a slow write.
pub(crate) fn run(flood: &Flood, truth: &Truth, per_second: usize) {
    let chunk = LINE.repeat(CHUNK / LINE.len());
    let per_second = per_second as f64;
    let pause = Duration::from_secs_f64(chunk.len() as f64 / per_second).min(Duration::from_secs(1));
    let start = Instant::now();
    let mut written = 0;
    while !flood.over.load(Relaxed) {
        if written as f64 > start.elapsed().as_secs_f64() * per_second {
            std::thread::sleep(pause);
            continue;
        }
        let mut out = std::io::stdout().lock();
        let begun = Mono::now();
        if out.write_all(&chunk).and_then(|()| out.flush()).is_err() {
            return;
        }
        truth.flood_writes.record(Mono::now().since(begun));
        written += chunk.len();
        truth.flooded.fetch_add(chunk.len() as u64, Relaxed);
    }
}
