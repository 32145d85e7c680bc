//! Matches the numbers of base and head: the same id, metric and unit, or a finding that explains the mismatch.

use super::weigh::{Context, undecided, weigh};
use super::{Change, Problem};
use crate::measure::{Entry, Numbers};
use crate::verdict::findings::other_source;

/// Returns a change for every number of either side, most serious first, including those that could not be compared.
pub(super) fn changes(base: &Numbers, head: &Numbers, context: &Context<'_>) -> (Vec<Change>, Vec<Problem>) {
    let (mut changes, mut problems) = (Vec::new(), Vec::new());
    if let Some(change) = other_id(base, head) {
        return (vec![change], problems);
    }
    for entry in &head.entries {
        match base.entries.iter().find(|other| other.is_of(entry)) {
            Some(other) if other.unit != entry.unit => changes.push(other_unit(other, entry)),
            Some(other) => match other_source(other.source, entry.source) {
                Some(why) => changes.push(undecided(entry, None, None, format!("{}: {why}", entry.label()))),
                None => match weigh(other, entry, context) {
                    Ok(change) => changes.push(change),
                    Err(problem) => problems.push(problem),
                },
            },
            None => changes.push(missing(entry, "base", base)),
        }
    }
    let gone = base.entries.iter().filter(|entry| !head.entries.iter().any(|other| other.is_of(entry)));
    changes.extend(gone.map(|entry| missing(entry, "head", head)));
    changes.sort_by_key(|change| change.finding.rank());
    (changes, problems)
}

/// Reports two files with one number each whose ids differ.
fn other_id(base: &Numbers, head: &Numbers) -> Option<Change> {
    let ([one], [other]) = (base.entries.as_slice(), head.entries.as_slice()) else { return None };
    let message = format!("the ids differ: {} in base, {} in head", one.label(), other.label());
    (!one.is_of(other)).then(|| undecided(other, None, None, message))
}

fn other_unit(base: &Entry, head: &Entry) -> Change {
    let unit = |entry: &Entry| if entry.unit.is_empty() { "none".to_owned() } else { entry.unit.clone() };
    let message = format!("{}: the units differ: {} in base, {} in head", head.label(), unit(base), unit(head));
    undecided(head, None, None, message)
}

/// Reports a number that only one side has.
fn missing(entry: &Entry, side: &str, numbers: &Numbers) -> Change {
    let why = numbers.absent.iter().find(|(id, _)| *id == entry.id).map(|(_, reason)| reason.clone());
    let instead = || {
        let other = numbers.entries.iter().find(|other| other.id == entry.id)?;
        Some(format!("it has {} instead", other.metric))
    };
    let why = why.or_else(instead).map_or_else(String::new, |why| format!(" ({why})"));
    undecided(entry, None, None, format!("{}: missing in {side}{why}", entry.label()))
}
