//! Examines the other processes on this host.

use super::condition::{Condition, State};
use super::source::Source;
use crate::measure::audit::Limits;
use harness_base::units::Ratio;
use harness_rig::neighbours::Neighbour;

/// A fifth of the audit's limit: a smaller share is within the scatter of rounds.
const GOOD_SHARE: f64 = 0.2;
const NAMED: usize = 3;

/// Checks the CPU time of other processes, computed like in the audit of a trial.
pub(super) fn foreign_cpu(source: &Source<'_>) -> Condition {
    judge(source.window.readings.foreign_cpu(), source.window.neighbours.as_deref())
}

fn judge(share: Option<f64>, neighbours: Option<&[Neighbour]>) -> Condition {
    let (name, why) = ("foreign_cpu", "a trial is INVALID when others use more of the CPUs than the audit allows");
    let limit = Limits::default().foreign_cpu.0;
    let Some(share) = share else {
        return Condition::new(name, why, State::Unknown, "not in /proc/stat")
            .improve("check with: head -1 /proc/stat");
    };
    let busiest: Vec<String> = neighbours
        .unwrap_or_default()
        .iter()
        .take(NAMED)
        .map(|one| format!("{} ({}, {} of a CPU)", one.name, one.pid, Ratio(one.share)))
        .collect();
    let state = State::at_most(share, limit * GOOD_SHARE, limit);
    let message = format!("others use {} of all CPU time, limit {}", Ratio(share), Ratio(limit));
    let condition = Condition::new(name, why, state, message);
    let condition =
        if busiest.is_empty() { condition } else { condition.details(&format!("busiest: {}", busiest.join(", "))) };
    condition
        .number("foreign_cpu_ratio", share)
        .number("limit_ratio", limit)
        .improve("stop other programs; check with: top")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_that_of_the_audit() {
        let rustc = [Neighbour { pid: 41, name: "rustc".to_owned(), share: 0.973 }];
        let states = [Some(0.02), Some(0.1), Some(0.101), None].map(|share| judge(share, None).state);
        assert_eq!(states, [State::Good, State::Fair, State::Poor, State::Unknown]);
        let found = judge(Some(0.48), Some(&rustc));
        assert_eq!(
            found.value,
            "others use 48.0 % of all CPU time, limit 10.0 %; busiest: rustc (41, 97.3 % of a CPU)"
        );
        assert_eq!(found.numbers["foreign_cpu_ratio"], 0.48);
    }
}
