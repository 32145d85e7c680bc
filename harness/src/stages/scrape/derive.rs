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

/// Returns whether a counter was set back between the two answers, so that nothing of the window counts.
pub(crate) fn is_reset(instance: &Instance) -> bool {
    instance.found.iter().any(|found| matches!(found, Found::Reset { .. }))
}
