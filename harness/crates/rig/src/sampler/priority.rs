//! Gives the sampler's thread a real-time priority, where the process may.
//!
//! With all CPUs busy, a thread that wakes ten times per second waited for up to 300 ms on Linux 6.18: a target and the programs of other
//! sessions are scheduled by session first, so no niceness helps. A reading takes less than a millisecond, so nothing else waits longer.

#![expect(unsafe_code, reason = "no safe library sets a scheduling policy")]

use nix::libc;

/// Sets the lowest real-time priority for the calling thread. Without the permission nothing changes; the audit then rejects windows
/// whose readings come late.
pub(super) fn raise() {
    let lowest = libc::sched_param { sched_priority: 1 };
    // SAFETY: the call reads `lowest`, which outlives it; 0 is the calling thread.
    unsafe {
        libc::sched_setscheduler(0, libc::SCHED_RR | libc::SCHED_RESET_ON_FORK, &raw const lowest);
    }
}
