//! Removes what the container engine runs for a run. The keeper is a single thread without an HTTP client, so a separate process does
//! it.

use std::process::{Command, Stdio};

use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The argument of `harness __sweep LABEL` that says that the engine may be busy with what an ended process wanted.
pub const BUSY: &str = "busy";

/// Runs `harness __sweep LABEL` until `end` at the latest. It reports on stderr what it cannot remove; `harness clean` removes that
/// later. Unless the engine `is_idle`, it waits for what the engine may still create.
pub(super) fn sweep(label: &str, is_idle: bool, end: Mono) {
    let mut command = Command::new("/proc/self/exe");
    command.args(["__sweep", label]).stdin(Stdio::null()).stdout(Stdio::null());
    if !is_idle {
        command.arg(BUSY);
    }
    let Ok(mut process) = command.spawn() else { return };
    while matches!(process.try_wait(), Ok(None)) {
        if Mono::now() >= end {
            // It may have exited meanwhile.
            let _ended = process.kill();
            let _reaped = process.wait();
            return;
        }
        std::thread::sleep(Nanos::from_millis(2).duration());
    }
}
