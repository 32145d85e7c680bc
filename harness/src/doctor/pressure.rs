//! Pressure: for how much of the time something could not go on because CPU, memory or disk were wanted by several.

pub(super) mod waited;

use super::condition::{Condition, State};
use super::source::Source;
use harness_base::units::Ratio;

/// Share of the time in which somebody waited for a CPU: what the audit bears of others' CPU use is the limit, since whoever
/// has to share a CPU waits about as long as the other one uses it; a fifth of that is lost in the scatter of rounds.
const CPU: (f64, f64) = (0.02, 0.10);
/// Waiting for memory means that the kernel reclaims pages, also of the target: its RSS shrinks and its latencies grow. That
/// is rare on a host with enough of it, so hardly any is good.
const MEMORY: (f64, f64) = (0.001, 0.01);
/// Nothing of a run waits for the disk inside a window but its log; a slow disk delays startups that are not in the cache.
const IO: (f64, f64) = (0.05, 0.20);

pub(super) fn cpu(source: &Source<'_>) -> Condition {
    let why = "what waits for a CPU is late, be it the target, the upstream or the generator";
    let how = "stop what else runs here; look with: top";
    judge("pressure_cpu", why, source.window.waited.share_of("cpu"), CPU, how)
}

pub(super) fn memory(source: &Source<'_>) -> Condition {
    let why = "a host short of memory takes pages from the target: its RSS shrinks, its latencies grow";
    let how = "stop what uses memory; look with: ps aux --sort=-rss | head";
    judge("pressure_memory", why, source.window.waited.share_of("memory"), MEMORY, how)
}

pub(super) fn io(source: &Source<'_>) -> Condition {
    let why = "startups read the program from the disk when it is not cached, and logs go there";
    let how = "stop what uses the disk; look with: iostat -x 1 3";
    judge("pressure_io", why, source.window.waited.share_of("io"), IO, how)
}

fn judge(name: &'static str, why: &'static str, share: Option<&f64>, limits: (f64, f64), how: &str) -> Condition {
    let Some(share) = share else {
        let message = "the kernel does not tell (no /proc/pressure)";
        return Condition::new(name, why, State::Unknown, message)
            .improve("boot with psi=1 on the kernel's command line");
    };
    let message = format!("something waited for {} of the time", Ratio(*share));
    let state = State::at_most(*share, limits.0, limits.1);
    Condition::new(name, why, state, message).number("waited_ratio", *share).improve(how)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_waiting_is_worse_and_none_told_is_unknown() {
        let of = |share: Option<f64>| judge("pressure_cpu", "why", share.as_ref(), CPU, "top");
        let states = [Some(0.02), Some(0.03), Some(0.5), None].map(|share| of(share).state);
        assert_eq!(states, [State::Good, State::Fair, State::Poor, State::Unknown]);
        assert_eq!(of(Some(0.03)).value, "something waited for 3.00 % of the time");
        assert!(of(None).improve.is_some_and(|how| how.contains("psi=1")));
    }
}
