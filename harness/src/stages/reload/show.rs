//! Shows the reloads, what failed during them, and how exactly their times are known.

use super::derive::{all, facts, longest_trigger_ns};
use crate::measure::Outcomes;
use crate::measure::record::StageRecord;
use crate::report::html::text::nothing;
use crate::report::show::{Show, load, rejected};
use harness_base::units::{Nanos, grouped};

/// The time of a trigger from which it is shown.
const SHOWN: Nanos = Nanos::from_millis(1);

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
    let took = longest_trigger_ns(stage).filter(|ns| *ns >= SHOWN.0);
    let took =
        took.map(|ns| format!("the trigger itself took up to {}, and the times count from its begin", Nanos(ns)));
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
    let returns: u64 = seen.iter().map(|seen| seen.returns).sum();
    let returns = (returns > 0).then(|| {
        format!("{returns} times, a connection saw the old value again after a new one; a reload ends after that")
    });
    let closed: u64 = trials().map(|trial| trial.load.reconnects).sum();
    let closed = (closed > 0)
        .then(|| format!("the target closed {} connections, which were opened again", grouped(closed as f64)));
    resolution.into_iter().chain(took).chain([lost]).chain(without).chain(returns).chain(closed).collect()
}
