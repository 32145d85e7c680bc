//! Examines pressure: the share of time in which tasks waited for CPU, memory or disk.

pub(super) mod waited;

use super::condition::{Condition, State};
use super::source::Source;
use harness_base::units::Ratio;

/// Share of time in which a task waited for a CPU. The limit is that of the audit for other processes, because a task
/// that shares a CPU waits about as long as the other one uses it; a fifth of it is within the scatter of rounds.
const CPU: (f64, f64) = (0.02, 0.10);
/// Waiting for memory means that the kernel reclaims pages, also those of the target: its RSS shrinks and its latencies
/// grow. A host with enough memory hardly ever waits.
const MEMORY: (f64, f64) = (0.001, 0.01);
/// In a window, only the log of a run needs the disk; a slow disk delays startups of programs that are not cached.
const IO: (f64, f64) = (0.05, 0.20);

pub(super) fn cpu(source: &Source<'_>) -> Condition {
    let why = "a thread that waits for a CPU is late, in the target, the upstream and the generator";
    let how = "stop other programs; check with: top";
    judge("pressure_cpu", why, source.window.waited.share_of("cpu"), CPU, how)
}

pub(super) fn memory(source: &Source<'_>) -> Condition {
    let why = "a host that is short of memory takes pages from the target, so its RSS shrinks and its latencies grow";
    let how = "stop programs that use memory; check with: ps aux --sort=-rss | head";
    judge("pressure_memory", why, source.window.waited.share_of("memory"), MEMORY, how)
}

pub(super) fn io(source: &Source<'_>) -> Condition {
    let why = "a startup reads the program from the disk unless it is cached, and logs are written there";
    let how = "stop programs that use the disk; check with: iostat -x 1 3";
    judge("pressure_io", why, source.window.waited.share_of("io"), IO, how)
}

fn judge(name: &'static str, why: &'static str, share: Option<&f64>, limits: (f64, f64), how: &str) -> Condition {
    let Some(share) = share else {
        let message = "the kernel does not report it (no /proc/pressure)";
        return Condition::new(name, why, State::Unknown, message)
            .improve("boot with psi=1 on the kernel's command line");
    };
    let message = format!("at least one task waited for {} of the time", Ratio(*share));
    let state = State::at_most(*share, limits.0, limits.1);
    Condition::new(name, why, state, message).number("waited_ratio", *share).improve(how)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_waiting_is_worse_and_none_reported_is_unknown() {
        let of = |share: Option<f64>| judge("pressure_cpu", "why", share.as_ref(), CPU, "top");
        let states = [Some(0.02), Some(0.03), Some(0.5), None].map(|share| of(share).state);
        assert_eq!(states, [State::Good, State::Fair, State::Poor, State::Unknown]);
        assert_eq!(of(Some(0.03)).value, "at least one task waited for 3.00 % of the time");
        assert!(of(None).improve.is_some_and(|how| how.contains("psi=1")));
    }
}
