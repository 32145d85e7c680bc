//! Finds the connections that saw each reload, and when.

use std::collections::BTreeMap;

use super::facts::{Instance, Stage};
use crate::measure::facts::{InstanceFacts, StageFacts};
use crate::measure::record::{InstanceRecord, StageRecord};
use harness_load::facts::Arm;
use harness_load::watched::{Change, Watched};

/// What the connections saw of one reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// From the trigger to the first answer of any connection with the new value, in nanoseconds; absent if none had it.
    pub(crate) first_ns: Option<u64>,
    /// The same for the last connection to see it; absent if a connection did not see it before the next reload.
    pub(crate) last_ns: Option<u64>,
    /// Connections that were asked before it.
    pub(crate) connections: u64,
    /// Those of them that did not see it before the next reload.
    pub(crate) unseen: u64,
    /// Changes after the first one of a connection: the old behaviour came back, or a third one followed.
    pub(crate) again: u64,
    /// The longest time from sending the last request with an old answer to the first new answer, which is how exactly a time is known.
    pub(crate) resolution_ns: u64,
}

/// Returns the settings of a stage of reloads.
pub(crate) fn facts(stage: &StageRecord) -> Option<&Stage> {
    match &stage.facts {
        StageFacts::Reload(facts) => Some(facts),
        _ => None,
    }
}

/// Returns what was seen of each reload of the valid instances, in order.
pub(crate) fn all(stage: &StageRecord) -> Vec<Seen> {
    stage.instances.iter().flat_map(of_instance).collect()
}

fn of_instance(instance: &InstanceRecord) -> Vec<Seen> {
    let InstanceFacts::Reload(Instance { reloads }) = &instance.facts else { return Vec::new() };
    let trial = instance.valid_rounds().next().and_then(|round| round.trial(Arm::Proxied));
    let Some(watched) = trial.and_then(|trial| trial.load.watched.as_deref()) else { return Vec::new() };
    let triggers: Vec<i64> = reloads.iter().map(|reload| reload.at_ns as i64).collect();
    let ends = triggers.iter().skip(1).copied().chain([i64::MAX]);
    triggers.iter().copied().zip(ends).map(|span| seen(watched, span)).collect()
}

/// Finds what the connections saw from one trigger until the next.
fn seen(watched: &Watched, (from, until): (i64, i64)) -> Seen {
    let mut asked: BTreeMap<u64, Vec<&Change>> = BTreeMap::new();
    for change in &watched.changes {
        if change.at_ns < from {
            asked.entry(change.connection).or_default();
        } else if change.at_ns < until
            && change.before_ns.is_some()
            && let Some(changes) = asked.get_mut(&change.connection)
        {
            changes.push(change);
        }
    }
    let firsts: Vec<&Change> = asked.values().filter_map(|changes| changes.first().copied()).collect();
    let since = |change: &&Change| u64::try_from(change.at_ns - from).unwrap_or_default();
    let unseen = (asked.len() - firsts.len()) as u64;
    let gap = |change: &&Change| u64::try_from(change.at_ns - change.before_ns?).ok();
    Seen {
        first_ns: firsts.iter().map(since).min(),
        last_ns: firsts.iter().map(since).max().filter(|_| unseen == 0),
        connections: asked.len() as u64,
        unseen,
        again: asked.values().map(|changes| changes.len().saturating_sub(1) as u64).sum(),
        resolution_ns: firsts.iter().filter_map(gap).max().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(connection: u64, before_ns: Option<i64>, at_ns: i64, value: u64) -> Change {
        Change { connection, before_ns, at_ns, value }
    }

    fn watched(changes: &[Change]) -> Watched {
        Watched { changes: changes.to_vec(), without: 0, dropped: 0 }
    }

    #[test]
    fn a_reload_is_seen_by_the_first_and_by_the_last_connection() {
        let changes = [
            change(0, None, -50, 1),
            change(1, None, -40, 1),
            change(1, Some(120), 130, 2),
            change(0, Some(140), 170, 2),
        ];
        let expected =
            Seen { first_ns: Some(30), last_ns: Some(70), connections: 2, unseen: 0, again: 0, resolution_ns: 30 };
        assert_eq!(seen(&watched(&changes), (100, i64::MAX)), expected);
    }

    #[test]
    fn a_connection_that_does_not_see_it_leaves_the_end_open() {
        let changes = [
            change(0, None, -50, 1),
            change(1, None, -40, 1),
            change(1, Some(120), 130, 2),
            change(0, Some(140), 170, 2),
        ];
        let found = seen(&watched(&changes), (100, 150));
        assert_eq!((found.first_ns, found.last_ns, found.unseen), (Some(30), None, 1));
        let none = seen(&watched(&changes[..2]), (100, 150));
        assert_eq!((none.first_ns, none.last_ns, none.unseen), (None, None, 2));
    }

    #[test]
    fn what_comes_back_is_counted_and_a_new_connection_is_not_a_change() {
        let back = [
            change(0, None, -50, 1),
            change(0, Some(110), 120, 2),
            change(0, Some(120), 125, 1),
            change(7, None, 130, 2),
        ];
        let found = seen(&watched(&back), (100, 200));
        assert_eq!((found.last_ns, found.again, found.connections), (Some(20), 1, 1));
    }
}
