//! Pressure: for how much of the time something could not go on because CPU, memory or disk were wanted by several.

use std::collections::BTreeMap;
use std::path::Path;

use super::condition::{Condition, State};
use super::source::{Source, text};
use harness_base::units::{Nanos, Ratio};

/// What can be waited for.
const RESOURCES: [&str; 3] = ["cpu", "memory", "io"];

/// Share of the time in which somebody waited for a CPU: what the audit bears of others' CPU use is the limit, since whoever
/// has to share a CPU waits about as long as the other one uses it; a fifth of that is lost in the scatter of rounds.
const CPU: (f64, f64) = (0.02, 0.10);
/// Waiting for memory means that the kernel reclaims pages, also of the target: its RSS shrinks and its latencies grow. That
/// is rare on a host with enough of it, so hardly any is good.
const MEMORY: (f64, f64) = (0.001, 0.01);
/// Nothing of a run waits for the disk inside a window but its log; a slow disk delays startups that are not in the cache.
const IO: (f64, f64) = (0.05, 0.20);

/// Time waited so far, or a share of a window, by resource. A resource is missing where the kernel does not tell.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Waited(BTreeMap<&'static str, f64>);

impl Waited {
    /// The shares of `span` that were waited between `self` and `later`, two readings of [`totals`].
    pub(super) fn until(&self, later: &Self, span: Nanos) -> Self {
        let share = |(resource, total): (&&'static str, &f64)| {
            let waited = later.0.get(resource)? - total;
            (span > Nanos::ZERO && waited >= 0.0).then_some((*resource, waited * 1e3 / span.0 as f64))
        };
        Self(self.0.iter().filter_map(share).collect())
    }
}

/// Microseconds since the host started in which at least one task waited for each resource.
pub(super) fn totals(root: &Path) -> Waited {
    let total = |resource: &'static str| {
        let text = text(root, &format!("proc/pressure/{resource}"))?;
        let line = text.lines().find(|line| line.starts_with("some "))?;
        let total = line.split_whitespace().find_map(|field| field.strip_prefix("total="))?;
        Some((resource, total.parse().ok()?))
    };
    Waited(RESOURCES.into_iter().filter_map(total).collect())
}

pub(super) fn cpu(source: &Source<'_>) -> Condition {
    let why = "what waits for a CPU is late, be it the target, the upstream or the generator";
    let how = "stop what else runs here; look with: top";
    judge("pressure_cpu", why, source.window.waited.0.get("cpu"), CPU, how)
}

pub(super) fn memory(source: &Source<'_>) -> Condition {
    let why = "a host short of memory takes pages from the target: its RSS shrinks, its latencies grow";
    let how = "stop what uses memory; look with: ps aux --sort=-rss | head";
    judge("pressure_memory", why, source.window.waited.0.get("memory"), MEMORY, how)
}

pub(super) fn io(source: &Source<'_>) -> Condition {
    let why = "startups read the program from the disk when it is not cached, and logs go there";
    let how = "stop what uses the disk; look with: iostat -x 1 3";
    judge("pressure_io", why, source.window.waited.0.get("io"), IO, how)
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
    use super::super::source::tree::Tree;
    use super::*;

    const IDLE: &str =
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";

    #[test]
    fn the_share_is_what_was_waited_in_between() {
        let tree =
            Tree::new(&[("proc/pressure/cpu", IDLE), ("proc/pressure/memory", IDLE), ("proc/pressure/io", "soon\n")]);
        let before = totals(tree.path());
        tree.write("proc/pressure/cpu", "some avg10=9.00 avg60=0.00 avg300=0.00 total=61000\n");
        let share = before.until(&totals(tree.path()), Nanos::from_secs(2));
        assert_eq!(share.0, BTreeMap::from([("cpu", 0.03), ("memory", 0.0)]), "60 ms of 2 s");
        assert_eq!(totals(Path::new("/nonexistent")), Waited::default());
    }

    #[test]
    fn more_waiting_is_worse_and_none_told_is_unknown() {
        let of = |share: Option<f64>| judge("pressure_cpu", "why", share.as_ref(), CPU, "top");
        let states = [Some(0.02), Some(0.03), Some(0.5), None].map(|share| of(share).state);
        assert_eq!(states, [State::Good, State::Fair, State::Poor, State::Unknown]);
        assert_eq!(of(Some(0.03)).value, "something waited for 3.00 % of the time");
        assert!(of(None).improve.is_some_and(|how| how.contains("psi=1")));
    }
}
