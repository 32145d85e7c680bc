//! Empties and removes the directories of a group.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use harness_base::clock::Mono;
use harness_base::units::Nanos;

const PAUSE: Nanos = Nanos::from_millis(2);

/// Removes a directory and the groups below it. Returns whether it was removed, which is impossible while it contains a process.
fn remove(directory: &Path) -> bool {
    for below in below(directory) {
        remove(&below);
    }
    match std::fs::remove_dir(directory) {
        Ok(()) => true,
        Err(error) => error.kind() == ErrorKind::NotFound,
    }
}

/// Kills the processes in the directory and removes it, retrying for at most `timeout`. Returns whether it was removed.
pub(super) fn kill_and_remove(directory: &Path, timeout: Nanos) -> bool {
    let end = Mono::now().after(timeout);
    loop {
        kill_all(directory);
        if remove(directory) {
            return true;
        }
        if Mono::now() >= end {
            return false;
        }
        std::thread::sleep(PAUSE.duration());
    }
}

fn kill_all(directory: &Path) {
    let list = std::fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    // A process of a namespace that cannot be seen from here is listed as 0, which would mean our own process group.
    let pids: BTreeSet<i32> = list.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid > 0).collect();
    for pid in pids {
        // The process may have ended since it was listed.
        let _ended = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    below(directory).iter().for_each(|below| kill_all(below));
}

pub(super) fn below(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}
