//! The second net: kills what a keeper leaves behind that was killed itself.
//!
//! The kernel then kills the direct children of the keeper, but not theirs. They become children of the nearest subreaper among their
//! ancestors, which is the control process if it asked for that.

use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, getpid};

use super::tree;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The time for orphans to end.
const CLEARING: Nanos = Nanos::from_secs(4);
/// Name of a keeper in `/proc/PID/comm`.
pub(super) const NAME: &str = "harness-keeper";

/// Whether this process kills its orphans.
static ADOPTS: AtomicBool = AtomicBool::new(false);

/// Makes this process adopt the orphans of a keeper that is killed, and kill them when it notices. All descendants of the process count as
/// such when the keeper has ended, so it must have no other children then; what another keeper has started is killed, too.
///
/// # Errors
/// Returns the error of the kernel.
pub fn adopt_orphans() -> std::io::Result<()> {
    prctl::set_child_subreaper(true)?;
    ADOPTS.store(true, Ordering::Relaxed);
    Ok(())
}

/// Kills all descendants, after the keeper has ended.
pub(super) fn kill_orphans() {
    if !ADOPTS.load(Ordering::Relaxed) {
        return;
    }
    let end = Mono::now().after(CLEARING);
    loop {
        let orphans = tree::descendants(getpid().as_raw());
        if orphans.is_empty() || Mono::now() >= end {
            return;
        }
        for pid in orphans.iter().map(|row| Pid::from_raw(row.pid)) {
            // It may have ended by itself since it was listed, and may be the child of another orphan.
            let _ended = kill(pid, Signal::SIGKILL);
            let _collected = waitpid(pid, Some(WaitPidFlag::WNOHANG));
        }
        std::thread::sleep(Nanos::from_millis(2).duration());
    }
}

/// Returns the living processes that a keeper started which has ended, as far as their environment is readable: both were killed, the
/// control process and the keeper.
pub fn strays() -> Vec<i32> {
    let is_keeper =
        |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == NAME);
    let is_stray = |mark: &str| mark.split_once('-').is_some_and(|(keeper, _)| !is_keeper(keeper));
    tree::marks().filter(|(_, mark)| is_stray(mark)).map(|(pid, _)| pid).collect()
}

/// Kills a process that [`strays`] returned, if it still has its mark. Returns whether it could be signalled.
pub fn kill_stray(pid: i32) -> bool {
    tree::mark_of(pid).is_some() && kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok()
}
