//! The first process of a container.

use std::path::{Path, PathBuf};

use super::processes::{PROC, arguments, executable, stat};
use harness_base::clock::Mono;

/// The first process of another container that executes its program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub pid: i32,
    /// The last instant at which the program was not yet executed.
    pub spawned: Mono,
    /// Whether it executed its program before the first look, so that [`Found::spawned`] is the start that the kernel states, in steps of 10 ms.
    pub was_there: bool,
    /// The text of `/proc/PID/cgroup`, which all processes of the container have.
    pub cgroup: String,
    /// Distinguishes it from a later process with the same pid.
    pub(super) start_ticks: u64,
}

impl Found {
    /// Returns whether it has not ended.
    pub fn lives(&self) -> bool {
        stat(Path::new(PROC), self.pid).is_some_and(|now| !now.has_ended() && now.start_ticks == self.start_ticks)
    }

    /// Returns its arguments, the program first; empty if it has ended.
    pub fn program(&self) -> Vec<String> {
        arguments(Path::new(PROC), self.pid)
    }

    /// Returns the path of its executable in its container; `None` if this process may not read it.
    pub fn executable(&self) -> Option<PathBuf> {
        executable(Path::new(PROC), self.pid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_base::units::Nanos;

    #[test]
    fn a_process_lives_until_it_ends_and_a_later_one_is_another() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = child.id().cast_signed();
        let start_ticks = stat(Path::new(PROC), pid).unwrap().start_ticks;
        let found = Found { pid, spawned: Mono(0), was_there: false, cgroup: String::new(), start_ticks };
        let later = Found { start_ticks: start_ticks + 1, ..found.clone() };
        assert!(found.lives() && !later.lives());
        child.kill().unwrap();
        // It may wait for its parent by now, or not have ended yet.
        let ended = (0..10_000).any(|_| {
            std::thread::sleep(Nanos::from_millis(1).duration());
            !found.lives()
        });
        child.wait().unwrap();
        assert!(ended && !found.lives());
    }
}
