//! Reads what the kernel reports of processes, from the files below a `/proc`.

use std::path::{Path, PathBuf};

use nix::time::{ClockId, clock_gettime};
use procfs::ticks_per_second;

use harness_base::clock::Mono;

/// Where the kernel shows the processes of this namespace.
pub(crate) const PROC: &str = "/proc";

/// What `/proc/PID/stat` reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    state: char,
    /// The start, in clock ticks since the kernel started. It distinguishes processes that have the same pid one after another.
    pub(super) start_ticks: u64,
}

impl Stat {
    /// Returns whether the process has ended, waited for or not.
    pub(super) const fn has_ended(self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }

    /// Returns the start, up to one clock tick too early.
    pub(super) fn started(self) -> Mono {
        let tick_ns = 1_000_000_000 / ticks_per_second().max(1);
        // The call cannot fail on a kernel that has containers.
        let since_boot = clock_gettime(ClockId::CLOCK_BOOTTIME)
            .map_or(0, |time| time.tv_sec().unsigned_abs() * 1_000_000_000 + time.tv_nsec().unsigned_abs());
        let age_ns = since_boot.saturating_sub(self.start_ticks.saturating_mul(tick_ns));
        Mono(Mono::now().0.saturating_sub(age_ns))
    }
}

/// Returns the pids of all processes.
pub(crate) fn pids(proc: &Path) -> Vec<i32> {
    let entries = std::fs::read_dir(proc).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Returns the control groups of a process, one a line; `None` if there is no such process.
pub(crate) fn cgroup(proc: &Path, pid: i32) -> Option<String> {
    text(proc, pid, "cgroup").filter(|text| !text.is_empty())
}

/// Returns the name of a process, at most 15 bytes long.
pub(super) fn name(proc: &Path, pid: i32) -> Option<String> {
    text(proc, pid, "comm").map(|name| name.trim_end().to_owned()).filter(|name| !name.is_empty())
}

/// Returns state and start of a process; `None` if there is no such process.
pub(super) fn stat(proc: &Path, pid: i32) -> Option<Stat> {
    let text = text(proc, pid, "stat")?;
    // The name before the last parenthesis may hold anything. The state is the third field of the line, and the start the 22nd.
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some(Stat { state, start_ticks: fields.nth(18)?.parse().ok()? })
}

/// Returns the arguments of a process, its program first; empty if it has ended.
pub(super) fn arguments(proc: &Path, pid: i32) -> Vec<String> {
    let text = text(proc, pid, "cmdline").unwrap_or_default();
    let text = text.strip_suffix('\0').unwrap_or(&text);
    if text.is_empty() { Vec::new() } else { text.split('\0').map(str::to_owned).collect() }
}

/// Returns the executable of a process; `None` if that may not be read.
pub(super) fn executable(proc: &Path, pid: i32) -> Option<PathBuf> {
    std::fs::read_link(proc.join(pid.to_string()).join("exe")).ok()
}

/// Reads a file of a process. Names and arguments may hold any bytes.
fn text(proc: &Path, pid: i32, file: &str) -> Option<String> {
    let bytes = std::fs::read(proc.join(pid.to_string()).join(file)).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_base::units::Nanos;

    #[test]
    fn this_process_is_among_all_and_describes_itself() {
        let (proc, own) = (Path::new(PROC), std::process::id().cast_signed());
        assert!(pids(proc).contains(&own));
        let found = stat(proc, own).unwrap();
        assert!(!found.has_ended() && cgroup(proc, own).is_some() && name(proc, own).is_some());
        assert_eq!(executable(proc, own), std::env::current_exe().ok());
        assert_eq!(arguments(proc, own), std::env::args().collect::<Vec<_>>());
        let (started, now) = (found.started(), Mono::now());
        // A test lasts minutes at most, and its process was started before now.
        assert!(started < now && now.since(started) < Nanos::from_secs(3_600), "{started:?}, {now:?}");
        assert_eq!((stat(proc, 5_000_000), cgroup(proc, 5_000_000)), (None, None));
    }
}
