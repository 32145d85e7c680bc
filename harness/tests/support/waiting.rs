//! Waits for what must happen, however slow the machine is.

use std::path::Path;
use std::time::{Duration, Instant};

use super::newest;

/// The time after which a condition counts as one that never holds.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// Waits until a condition holds. Returns whether it did so within [`PATIENCE`].
pub fn comes_true(mut condition: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    condition()
}

/// Waits until a condition holds, and fails with `what` if that never happens.
#[track_caller]
pub fn eventually(what: &str, condition: impl FnMut() -> bool) {
    assert!(comes_true(condition), "this never happened: {what}");
}

/// Returns a runtime for the thread of a test.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Returns the journal of the newest run below `out`, as far as it goes.
pub fn journal(out: &Path) -> String {
    let path = newest(out).map(|run| run.join("journal.jsonl"));
    path.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default()
}
