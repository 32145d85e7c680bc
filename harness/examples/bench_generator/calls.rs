//! System calls per request, counted by `perf stat`. That needs root and the tracepoints of the kernel; elsewhere nothing is counted.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const EVENT: &str = "raw_syscalls:sys_enter";
/// How long perf takes to attach to a process, with room.
const ATTACH: Duration = Duration::from_millis(500);

/// Counts the system calls of a process that runs.
pub(crate) struct Counter(Child);

impl Counter {
    /// Begins to count. Returns `None` if this host cannot.
    pub(crate) fn attach(pid: u32) -> Option<Self> {
        let mut perf = perf();
        let perf = perf.args(["-p", &pid.to_string()]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().ok()?;
        std::thread::sleep(ATTACH);
        Some(Self(perf))
    }

    /// Returns the number since it was attached.
    pub(crate) fn finish(self) -> Option<u64> {
        kill(Pid::from_raw(i32::try_from(self.0.id()).ok()?), Signal::SIGINT).ok()?;
        count(&self.0.wait_with_output().ok()?.stderr)
    }
}

/// Returns a command that runs `program` and prints the number to stderr.
pub(crate) fn counted(program: &std::path::Path) -> Command {
    let mut command = perf();
    command.arg("--").arg(program);
    command
}

fn perf() -> Command {
    let mut command = Command::new("perf");
    command.args(["stat", "-x", ",", "-e", EVENT]);
    command
}

/// Reads what perf prints: `12345,,raw_syscalls:sys_enter,…`.
pub(crate) fn count(printed: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(printed);
    let line = text.lines().find(|line| line.contains(EVENT))?;
    line.split(',').next()?.parse().ok()
}
