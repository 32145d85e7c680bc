//! Shows over which windows the target reported, and how what it counted compares with what was sent.

use super::derive::{counted, facts, reset};
use crate::measure::record::StageRecord;
use crate::measure::scraped::How;
use crate::report::html::text::nothing;
use crate::report::show::Show;
use harness_base::units::grouped;

pub(crate) const SHOW: Show = Show { done, notes, charts: |_, _| nothing(), ..Show::ROUNDS };

fn done(stage: &StageRecord) -> String {
    let Some(facts) = facts(stage) else { return "nothing was read".to_owned() };
    let windows = stage.valid_rounds().count();
    format!("what the target reported over {windows} of {} instances of {}", stage.instances.len(), facts.of)
}

/// Compares each count with the requests that were sent, and names counters that were set back.
fn notes(stage: &StageRecord) -> Vec<String> {
    let Some(facts) = facts(stage) else { return Vec::new() };
    let mut notes: Vec<String> = Vec::new();
    for (place, asked) in facts.asked.iter().enumerate().filter(|(_, asked)| asked.how != How::Gauge) {
        let both = |(window, found): (&super::facts::Instance, &crate::measure::scraped::Found)| {
            Some((found.count()?, window.sent as f64))
        };
        let counts: Vec<(f64, f64)> = counted(stage, place).filter_map(both).collect();
        let (count, sent) = counts.iter().fold((0.0, 0.0), |(count, sent), one| (count + one.0, sent + one.1));
        let note = format!("{} counted {} in {} requests", asked.name, grouped(count), grouped(sent));
        if !counts.is_empty() && !notes.contains(&note) {
            notes.push(note);
        }
    }
    let reset = reset(stage).map(|(asked, before, after, windows)| {
        let (name, plural) = (&asked.name, if windows == 1 { " was" } else { "s were" });
        format!(
            "{windows} window{plural} dropped, because a counter was set back: {name} went from {before} to {after}"
        )
    });
    notes.into_iter().chain(reset).collect()
}
