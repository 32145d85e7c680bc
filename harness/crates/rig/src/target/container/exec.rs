//! The instant at which a container's program is executed.
//!
//! The engine tells the process id only when its start call returns, up to 10 ms after the exec or a moment before it, and the start time in
//! `/proc/<pid>/stat` is that of the engine's own preparing process, 30 to 150 ms before the exec. So the container's cgroup is
//! watched, which fills while the engine prepares: once its process has another name than that of the preparing runtime, the
//! program has been executed. The last look before that is the instant taken: the program is never found to be faster than it was.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use harness_base::clock::Mono;
use harness_base::units::Nanos;

const PAUSE: Nanos = Nanos::from_micros(300);
/// Time for the exec after the return of the start call, which only tells the preparing process to go on.
const GRACE: Nanos = Nanos::from_millis(200);
/// Names of processes that prepare a container begin with one of these.
const RUNTIMES: [&str; 2] = ["runc", "crun"];

/// An exec that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) pid: i32,
    /// The last look at which the program was not executed yet.
    pub(super) before: Mono,
    /// From then until it was.
    pub(super) gap: Nanos,
}

/// Blocks until the program of container `id` is executed; no longer than [`GRACE`] once `returned` tells that the start call has
/// returned. Of several hierarchies, which the container joins one after the other, the first one joined is looked at.
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

/// Where the cgroup of a container may be, by the two ways in which engines name it.
fn folders(hierarchies: &[PathBuf], id: &str) -> Vec<PathBuf> {
    let names = [format!("docker/{id}"), format!("system.slice/docker-{id}.scope")];
    hierarchies.iter().flat_map(|hierarchy| names.iter().map(|name| hierarchy.join(name))).collect()
}

/// The first process of the cgroup, once it is the program.
fn executed(folder: &Path) -> Option<i32> {
    pids(folder).into_iter().find(|pid| is_first(*pid) && is_program(*pid))
}

fn pids(folder: &Path) -> Vec<i32> {
    let pids = std::fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    pids.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Whether it is process 1 of a namespace of its own.
fn is_first(pid: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let spaces = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    spaces.is_some_and(|spaces| spaces.split_whitespace().skip(1).last() == Some("1"))
}

fn is_program(pid: i32) -> bool {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    !name.is_empty() && !RUNTIMES.iter().any(|runtime| name.starts_with(runtime))
}
