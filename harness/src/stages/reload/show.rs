//! Shows the reloads, what failed during them, and how exactly their times are known.

use super::derive::{all, facts};
use crate::measure::Outcomes;
use crate::measure::record::StageRecord;
use crate::report::html::text::nothing;
use crate::report::show::{Show, load, rejected};
use harness_base::units::{Nanos, grouped};

/// While the target is reloaded, errors are expected.
pub(crate) const SHOW: Show = Show { done, notes, charts: |_, _| nothing(), counts_errors: false };

fn done(stage: &StageRecord) -> String {
    let Some(facts) = facts(stage) else { return "nothing was reloaded".to_owned() };
    let instances = stage.valid_rounds().count();
    format!(
        "{} reloads of each of {instances} instances{} by {}, seen in {}; {}",
        facts.reloads,
        rejected(stage),
        facts.trigger,
        facts.observed,
        load(stage)
    )
}

fn notes(stage: &StageRecord) -> Vec<String> {
    let seen = all(stage);
    let resolution = seen.iter().map(|seen| seen.resolution_ns).max().map(|ns| {
        format!(
            "times are known to {}: the longest time between two answers of a connection around a reload",
            Nanos(ns)
        )
    });
    let mut outcomes = Outcomes::default();
    let trials = || stage.valid_rounds().flat_map(|round| &round.trials);
    trials().for_each(|trial| outcomes.merge(&trial.load.outcomes));
    let lost = outcomes.total() - outcomes.ok;
    let failed = Outcomes { ok: 0, ..outcomes };
    let example = trials().find_map(|trial| trial.load.examples.first());
    let example = example.filter(|_| lost > 0).map_or_else(String::new, |example| format!(", for example: {example}"));
    let what = if lost == 0 { "none".to_owned() } else { failed.describe() };
    let lost = format!("requests that were lost: {what} of {}{example}", grouped(outcomes.total() as f64));
    let without: u64 = trials().filter_map(|trial| trial.load.watched.as_ref()).map(|watched| watched.without).sum();
    let without = (without > 0).then(|| format!("{} answers had no such value", grouped(without as f64)));
    let again: u64 = seen.iter().map(|seen| seen.again).sum();
    let again = (again > 0).then(|| format!("{again} times, a connection saw another value again after the new one"));
    let closed: u64 = trials().map(|trial| trial.load.reconnects).sum();
    let closed = (closed > 0)
        .then(|| format!("the target closed {} connections, which were opened again", grouped(closed as f64)));
    resolution.into_iter().chain([lost]).chain(without).chain(again).chain(closed).collect()
}
