//! The code that runs between fork and exec.
//!
//! It is safe because the keeper has one thread, so no lock can be held by a thread that does not exist after the fork, and because
//! the hook only makes system calls: it allocates nothing, takes no lock, and reads values that were prepared before the fork.

#![expect(unsafe_code, reason = "CommandExt::pre_exec and signal dispositions have no safe form")]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::prctl;
use nix::sys::signal::{SigHandler, SigSet, Signal, signal};
use nix::unistd::{Pid, getpid, getppid};

use super::join::Join;

/// Makes `command` start with default signal dispositions, an empty signal mask, on `cpus` and in the control group of `join` if given,
/// and with SIGKILL as its parent-death signal. The keeper has one thread, so the end of that thread is the end of the keeper.
pub(super) fn prepare(command: &mut Command, cpus: Option<CpuSet>, join: Option<Join>) {
    let keeper = getpid();
    // SAFETY: `enter` only makes system calls, see above.
    unsafe {
        command.pre_exec(move || enter(keeper, cpus.as_ref(), join.as_ref()).map_err(io::Error::from));
    }
}

fn enter(keeper: Pid, cpus: Option<&CpuSet>, join: Option<&Join>) -> Result<(), Errno> {
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    if getppid() != keeper {
        // The keeper ended before the line above took effect.
        return Err(Errno::ESRCH);
    }
    for number in Signal::iterator().filter(|number| !matches!(number, Signal::SIGKILL | Signal::SIGSTOP)) {
        // SAFETY: this installs no handler, but restores the default action.
        unsafe { signal(number, SigHandler::SigDfl) }?;
    }
    SigSet::empty().thread_set_mask()?;
    cpus.map_or(Ok(()), |cpus| sched_setaffinity(Pid::from_raw(0), cpus))?;
    // Last, so that hardly any memory of the keeper's copy is charged to the group.
    join.map_or(Ok(()), Join::enter)
}
