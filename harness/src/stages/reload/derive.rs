//! Finds the connections that saw each reload, and when.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{Instance, Stage};
use crate::measure::audit::OwnProcess;
use crate::measure::facts::{InstanceFacts, StageFacts};
use crate::measure::record::{InstanceRecord, StageRecord};
use harness_load::facts::Arm;
use harness_load::watched::{Change, Watched};

/// What the connections saw of one reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// From the trigger to the first answer of any connection with a new value, in nanoseconds; absent if none had it.
    pub(crate) first_ns: Option<u64>,
    /// From the trigger until the last connection saw a new value and no old one after it; absent if that was not so before the next
    /// reload.
    pub(crate) last_ns: Option<u64>,
    /// Connections that were asked before it.
    pub(crate) connections: u64,
    /// Those of them that did not see a new value that stayed before the next reload.
    pub(crate) unseen: u64,
    /// How often a connection saw an old value again after a new one.
    pub(crate) returns: u64,
    /// The longest time from sending the last request with an old answer to the first new answer, which is how exactly a time is known.
    pub(crate) resolution_ns: u64,
}

/// Changes of the observed value that say that it does not tell reloads apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Unstable {
    /// Those before the first reload.
    pub(crate) before: u64,
    /// Those that were too many to be kept.
    pub(crate) dropped: u64,
}

/// The largest part of a reload's time that stalls of the harness may take. A smaller part changes the time by less than the 10 % within which
/// results must be correct.
pub(crate) const LARGEST_PART: f64 = 0.1;

/// Processes of the harness whose stalls make a reload look longer.
const INVOLVED: [OwnProcess; 3] = [OwnProcess::Generator, OwnProcess::Upstream, OwnProcess::Keeper];

/// What one connection saw.
#[derive(Debug, Default)]
struct Connection<'w> {
    /// Its last value before the trigger.
    old: u64,
    /// Its changes from the trigger until the next one.
    changes: Vec<&'w Change>,
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
    watched(stage).flat_map(|(reloads, watched)| of_reloads(reloads, watched)).collect()
}

/// Returns the longest time that a trigger of a valid instance took, in nanoseconds; `None` without one.
pub(crate) fn longest_trigger_ns(stage: &StageRecord) -> Option<u64> {
    watched(stage).flat_map(|(reloads, _)| &reloads.reloads).map(|reload| reload.took_ns).max()
}

/// Returns the changes of the valid instances that no reload explains.
pub(crate) fn unstable(stage: &StageRecord) -> Unstable {
    let mut found = Unstable::default();
    for (reloads, watched) in watched(stage) {
        let first = reloads.reloads.first().map_or(i64::MAX, |reload| reload.at_ns as i64);
        let early = watched.changes.iter().filter(|change| change.before_ns.is_some() && change.at_ns < first);
        found.before += early.count() as u64;
        found.dropped += watched.dropped;
    }
    found
}

fn watched(stage: &StageRecord) -> impl Iterator<Item = (&Instance, &Watched)> {
    stage.instances.iter().filter_map(|instance: &InstanceRecord| {
        let InstanceFacts::Reload(reloads) = &instance.facts else { return None };
        let trial = instance.valid_rounds().next()?.trial(Arm::Proxied)?;
        Some((reloads, trial.load.watched.as_deref()?))
    })
}

/// Returns what the connections saw of each reload of an instance.
pub(crate) fn of_reloads(reloads: &Instance, watched: &Watched) -> Vec<Seen> {
    let triggers: Vec<i64> = reloads.reloads.iter().map(|reload| reload.at_ns as i64).collect();
    let ends = triggers.iter().skip(1).copied().chain([i64::MAX]);
    triggers.iter().copied().zip(ends).map(|span| seen(watched, span)).collect()
}

/// Returns the process of the harness whose stalls take the largest part of a reload's time, with this part (0 to 1), if it is too large.
pub(crate) fn disturbance(reloads: &Instance, watched: &Watched) -> Option<(OwnProcess, f64)> {
    let triggers = || reloads.reloads.iter().map(|reload| reload.at_ns as i64);
    let last = reloads.stalls.iter().map(|stall| stall.until_ns).max()?;
    let ends = triggers().skip(1).chain([last]);
    let spans = of_reloads(reloads, watched).into_iter().zip(triggers().zip(ends)).flat_map(|(seen, (from, next))| {
        let until = |ns: Option<u64>| ns.map_or(next, |ns| from.saturating_add_unsigned(ns));
        [(from, until(seen.first_ns)), (from, until(seen.last_ns))]
    });
    let parts = spans.flat_map(|span| INVOLVED.map(|process| (process, part(reloads, process, span))));
    parts.filter(|(_, part)| *part > LARGEST_PART).max_by(|(_, one), (_, other)| one.total_cmp(other))
}

/// Returns the part of a span that the stalls of a process take.
fn part(reloads: &Instance, process: OwnProcess, (from, until): (i64, i64)) -> f64 {
    let own = reloads.stalls.iter().filter(|stall| stall.process == process);
    let inside: i64 = own.map(|stall| (stall.until_ns.min(until) - stall.from_ns.max(from)).max(0)).sum();
    inside as f64 / (until - from).max(1) as f64
}

/// Finds what the connections saw from one trigger until the next. Old values are those of all connections at the trigger, because a
/// connection can move from one old process to another.
fn seen(watched: &Watched, (from, until): (i64, i64)) -> Seen {
    let mut asked: BTreeMap<u64, Connection<'_>> = BTreeMap::new();
    for change in &watched.changes {
        if change.at_ns < from {
            asked.entry(change.connection).or_default().old = change.value;
        } else if change.at_ns < until
            && change.before_ns.is_some()
            && let Some(connection) = asked.get_mut(&change.connection)
        {
            connection.changes.push(change);
        }
    }
    let old: BTreeSet<u64> = asked.values().map(|connection| connection.old).collect();
    let firsts =
        asked.values().filter_map(|connection| connection.changes.iter().find(|one| !old.contains(&one.value)));
    let settled: Vec<&Change> = asked.values().filter_map(|connection| connection.settled(&old)).collect();
    let since = |change: &Change| u64::try_from(change.at_ns - from).unwrap_or_default();
    let unseen = (asked.len() - settled.len()) as u64;
    let gap = |change: &&Change| u64::try_from(change.at_ns - change.before_ns?).ok();
    Seen {
        first_ns: firsts.map(|change| since(change)).min(),
        last_ns: settled.iter().map(|change| since(change)).max().filter(|_| unseen == 0),
        connections: asked.len() as u64,
        unseen,
        returns: asked.values().map(|connection| connection.returns(&old)).sum(),
        resolution_ns: settled.iter().filter_map(gap).max().unwrap_or_default(),
    }
}

impl<'w> Connection<'w> {
    /// Returns the first change to a new value after which no old one followed.
    fn settled(&self, old: &BTreeSet<u64>) -> Option<&'w Change> {
        let last_old = self.changes.iter().rposition(|change| old.contains(&change.value));
        self.changes.get(last_old.map_or(0, |place| place + 1)).copied()
    }

    /// Counts the changes to an old value after a new one.
    fn returns(&self, old: &BTreeSet<u64>) -> u64 {
        let after = self.changes.iter().skip_while(|change| old.contains(&change.value));
        after.filter(|change| old.contains(&change.value)).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(connection: u64, before_ns: Option<i64>, at_ns: i64, value: u64) -> Change {
        Change { connection, before_ns, at_ns, value }
    }

    fn watched(changes: &[Change]) -> Watched {
        Watched { changes: changes.to_vec(), ..Watched::default() }
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
            Seen { first_ns: Some(30), last_ns: Some(70), connections: 2, unseen: 0, returns: 0, resolution_ns: 30 };
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
    fn a_reload_ends_when_no_old_value_comes_back_and_a_new_connection_is_not_a_change() {
        let back = [
            change(0, None, -50, 1),
            change(0, Some(110), 120, 2),
            change(0, Some(120), 125, 1),
            change(7, None, 130, 2),
            change(0, Some(150), 160, 2),
            change(0, Some(170), 180, 3),
        ];
        let found = seen(&watched(&back), (100, 200));
        assert_eq!((found.first_ns, found.last_ns, found.returns, found.connections), (Some(20), Some(60), 1, 1));
        let left = seen(&watched(&back), (100, 150));
        assert_eq!((left.first_ns, left.last_ns, left.unseen), (Some(20), None, 1), "the old value is the last one");
    }

    #[test]
    fn a_stall_within_a_reload_disturbs_it_and_one_beside_it_does_not() {
        use crate::stages::reload::facts::{Stall, Triggered};
        let changes = [change(0, None, -50, 1), change(0, Some(150), 200, 2)];
        let of = |process, from_ns, until_ns| {
            let reloads = vec![Triggered { at_ns: 100, took_ns: 1 }];
            let instance = Instance { reloads, stalls: vec![Stall { process, from_ns, until_ns }] };
            disturbance(&instance, &watched(&changes))
        };
        assert_eq!(of(OwnProcess::Upstream, 120, 170), Some((OwnProcess::Upstream, 0.5)));
        assert_eq!(of(OwnProcess::Generator, 0, 110), None, "a tenth");
        assert_eq!((of(OwnProcess::Keeper, -50, 100), of(OwnProcess::Keeper, 200, 900)), (None, None));
        let unseen = Instance { reloads: vec![Triggered { at_ns: 300, took_ns: 1 }], ..Instance::default() };
        assert_eq!(disturbance(&unseen, &watched(&changes)), None);
        let stall = Stall { process: OwnProcess::Generator, from_ns: 400, until_ns: 900 };
        let waited = Instance { stalls: vec![stall], ..unseen };
        assert!(disturbance(&waited, &watched(&changes)).is_some(), "no answer could show it");
    }

    #[test]
    fn a_connection_that_moves_to_another_old_process_does_not_see_a_reload() {
        let moved = [
            change(0, None, -50, 1),
            change(1, None, -40, 7),
            change(0, Some(110), 120, 7),
            change(0, Some(130), 140, 9),
            change(1, Some(140), 145, 9),
        ];
        let found = seen(&watched(&moved), (100, 200));
        assert_eq!((found.first_ns, found.last_ns, found.returns), (Some(40), Some(45), 0));
    }
}
