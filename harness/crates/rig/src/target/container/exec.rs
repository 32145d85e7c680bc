//! The instant at which a container's program is executed.
//!
//! The engine reports the process id only when its start call returns, from shortly before to 10 ms after the exec. The start time in
//! `/proc/<pid>/stat` is that of the engine's preparing process, 30 to 150 ms before the exec. Therefore, the container's cgroup is
//! watched, to which the engine adds the preparing process: once its name is no longer that of the runtime, the program has been
//! executed. The instant taken is that of the last check before, so the program never appears faster than it was.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use harness_base::clock::Mono;
use harness_base::units::Nanos;

const PAUSE: Nanos = Nanos::from_micros(300);
/// The time for the exec after the start call, which only makes the preparing process continue.
const GRACE: Nanos = Nanos::from_millis(200);
/// The names of processes that prepare a container begin with one of these.
const RUNTIMES: [&str; 2] = ["runc", "crun"];

/// An observed exec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) pid: i32,
    /// The last check at which the program was not yet executed.
    pub(super) before: Mono,
    /// The time from then until the check that found it executed.
    pub(super) gap: Nanos,
}

/// Blocks until the program of container `id` is executed, but at most [`GRACE`] after `returned` is set, which means that the start
/// call has returned. A container joins several hierarchies one after the other; the first one that it joins is watched.
pub(super) fn watch(hierarchies: &[PathBuf], id: &str, begun: Mono, returned: &AtomicBool) -> Option<Seen> {
    let mut folders = folders(hierarchies, id);
    let (mut before, mut end) = (begun, None);
    loop {
        if end.is_none() && returned.load(Ordering::Acquire) {
            end = Some(Mono::now().after(GRACE));
        }
        let gone = end.is_some() && folders.iter().all(|folder| pids(folder).is_empty());
        let now = Mono::now();
        if let Some(pid) = folders.iter().find_map(|folder| executed(folder)) {
            return Some(Seen { pid, before, gap: Mono::now().since(before) });
        }
        if gone || end.is_some_and(|end| now >= end) {
            return None;
        }
        if folders.len() > 1
            && let Some(joined) = folders.iter().find(|folder| !pids(folder).is_empty())
        {
            folders = vec![joined.clone()];
        }
        before = now;
        std::thread::sleep(PAUSE.duration());
    }
}

/// Returns the possible paths of a container's cgroup, by the two naming schemes of engines.
fn folders(hierarchies: &[PathBuf], id: &str) -> Vec<PathBuf> {
    let names = [format!("docker/{id}"), format!("system.slice/docker-{id}.scope")];
    hierarchies.iter().flat_map(|hierarchy| names.iter().map(|name| hierarchy.join(name))).collect()
}

/// Returns the first process of the cgroup, if it is the program.
fn executed(folder: &Path) -> Option<i32> {
    pids(folder).into_iter().find(|pid| is_first(*pid) && is_program(*pid))
}

fn pids(folder: &Path) -> Vec<i32> {
    let pids = std::fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    pids.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Returns whether it is process 1 of its own namespace.
fn is_first(pid: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let spaces = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    spaces.is_some_and(|spaces| spaces.split_whitespace().skip(1).last() == Some("1"))
}

fn is_program(pid: i32) -> bool {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    !name.is_empty() && !RUNTIMES.iter().any(|runtime| name.starts_with(runtime))
}
