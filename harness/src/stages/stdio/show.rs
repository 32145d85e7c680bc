//! Shows rounds like every stage with rounds, what is spoken, and the lines of the server that answered no message.

use std::collections::BTreeMap;

use crate::measure::facts::StageFacts;
use crate::measure::record::StageRecord;
use crate::measure::{Arm, Pace};
use crate::report::show::{Show, rejected, within};
use harness_base::units::grouped;

pub(crate) const SHOW: Show = Show { done, notes, ..Show::ROUNDS };

fn done(stage: &StageRecord) -> String {
    let StageFacts::Stdio(facts) = &stage.facts else { return (Show::ROUNDS.done)(stage) };
    let pace = match stage.offered {
        Some(Pace::Open { rate, .. }) => format!("open loop, {rate}, up to {} messages under way", facts.in_flight),
        _ => format!("closed loop, {} messages under way", facts.in_flight),
    };
    let rounds = stage.valid_rounds().count();
    let (rejected, revision) = (rejected(stage), facts.revision.word());
    format!("{rounds} of {} rounds{rejected}; {pace}, MCP {revision} over pipes{}", stage.wanted, within(stage))
}

/// States which lines from behind the shim answered no message.
fn notes(stage: &StageRecord) -> Vec<String> {
    let trials = stage.valid_rounds().filter_map(|round| round.trial(Arm::Proxied));
    let mut strays = BTreeMap::new();
    for stdio in trials.filter_map(|trial| trial.load.stdio.as_deref()) {
        for (stray, count) in stdio.strays.iter().chain(&stdio.outside) {
            *strays.entry(*stray).or_insert(0) += count;
        }
    }
    if strays.is_empty() {
        return Vec::new();
    }
    let parts = strays.iter().map(|(stray, count)| format!("{} {}", grouped(*count as f64), stray.words()));
    vec![format!("lines that answered no message: {}", parts.collect::<Vec<_>>().join(", "))]
}
