//! Takes the values of a metric from what was reported.

use super::facts::{Instance, Stage};
use crate::measure::facts::{InstanceFacts, StageFacts};
use crate::measure::record::{InstanceRecord, StageRecord};
use crate::measure::scraped::{Asked, Found};

/// Returns what is asked for in a stage.
pub(crate) fn facts(stage: &StageRecord) -> Option<&Stage> {
    match &stage.facts {
        StageFacts::Scrape(facts) => Some(facts),
        _ => None,
    }
}

/// Returns what an instance reported.
pub(crate) fn of_instance(instance: &InstanceRecord) -> Option<&Instance> {
    match &instance.facts {
        InstanceFacts::Scrape(facts) => Some(facts),
        _ => None,
    }
}

/// Returns the place of a metric among what is asked for, and how it is asked for.
pub(crate) fn asked<'s>(stage: &'s StageRecord, id: &str) -> Option<(usize, &'s Asked)> {
    facts(stage)?.asked.iter().enumerate().find(|(_, asked)| asked.metric == id)
}

/// Iterates over the instances whose windows count, with what they found at a place.
pub(crate) fn counted(stage: &StageRecord, place: usize) -> impl Iterator<Item = (&Instance, &Found)> {
    let valid = stage.instances.iter().filter(|instance| instance.valid_rounds().next().is_some());
    valid.filter_map(of_instance).filter_map(move |instance| Some((instance, instance.found.get(place)?)))
}

/// Returns the first counter that was set back in the windows of a stage, with its values before and after it, and the number of such
/// windows.
pub(crate) fn reset(stage: &StageRecord) -> Option<(&Asked, f64, f64, usize)> {
    let asked = &facts(stage)?.asked;
    let windows = stage.instances.iter().filter_map(of_instance);
    let mut resets = windows.filter_map(|window| {
        window.found.iter().zip(asked).find_map(|(found, asked)| match found {
            Found::Reset { before, after } => Some((asked, *before, *after)),
            _ => None,
        })
    });
    let (asked, before, after) = resets.next()?;
    Some((asked, before, after, resets.count() + 1))
}

/// The largest part of what is counted that may have nothing to do with requests. A smaller part changes a value by less than the 10 % within
/// which results must be correct.
const LARGEST_PART: f64 = 0.05;

/// What an idle target may count: the two answers themselves.
const ANSWERS: f64 = 2.0;

/// Returns the part (0 to 1) of what an instance counted at a place that it would have counted without requests, if it is too large.
pub(crate) fn ghosts(instance: &Instance, place: usize) -> Option<f64> {
    let (counted, idle) = (instance.found.get(place)?.count()?, *instance.idle.get(place)?);
    let per_ns = |count: f64, ns: u64| count / ns.max(1) as f64;
    let part = per_ns(idle, instance.idle_ns) / per_ns(counted, instance.span_ns);
    (idle > ANSWERS && part > LARGEST_PART).then_some(part.min(1.0))
}

/// Returns whether a counter was set back between the two answers, so that nothing of the window counts.
pub(crate) fn is_reset(instance: &Instance) -> bool {
    instance.found.iter().any(|found| matches!(found, Found::Reset { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_without_requests_is_a_part_of_what_is_counted() {
        let of = |counted: f64, idle: f64| {
            let found = vec![Found::Counter(counted)];
            ghosts(&Instance { span_ns: 1_000, sent: 90, found, idle_ns: 100, idle: vec![idle] }, 0)
        };
        assert_eq!(of(100.0, 5.0), Some(0.5));
        assert_eq!((of(100.0, 2.0), of(100_000.0, 3.0)), (None, None));
        assert_eq!(of(10.0, 50.0), Some(1.0));
        let old = Instance { found: vec![Found::Counter(1.0)], ..Instance::default() };
        assert_eq!(ghosts(&old, 0), None, "a record of an older harness");
    }
}
