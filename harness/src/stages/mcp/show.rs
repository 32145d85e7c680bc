//! Shows rounds like every stage with rounds, what agents speak, and what was wrong with answers.

use std::collections::BTreeMap;

use crate::measure::Arm;
use crate::measure::facts::StageFacts;
use crate::measure::record::StageRecord;
use crate::report::show::Show;
use harness_base::units::grouped;

pub(crate) const SHOW: Show = Show { done, notes, ..Show::ROUNDS };

fn done(stage: &StageRecord) -> String {
    let rounds = (Show::ROUNDS.done)(stage);
    let StageFacts::Mcp(facts) = &stage.facts else { return rounds };
    format!("{rounds}, MCP {}", facts.revision.word())
}

/// States what was wrong with answers through the target, what became of sessions, and how many answers were streams.
fn notes(stage: &StageRecord) -> Vec<String> {
    let trials = stage.valid_rounds().filter_map(|round| round.trial(Arm::Proxied));
    let (mut faults, mut streamed, mut notifications, mut valid) = (BTreeMap::new(), 0, 0, 0);
    for mcp in trials.filter_map(|trial| trial.load.mcp.as_deref()) {
        for (fault, count) in &mcp.faults {
            *faults.entry(*fault).or_insert(0) += count;
        }
        streamed += mcp.streamed;
        notifications += mcp.notifications;
        valid += mcp.methods.values().map(|method| method.outcomes.ok).sum::<u64>();
    }
    let mut notes = Vec::new();
    if !faults.is_empty() {
        let parts = faults.iter().map(|(fault, count)| format!("{} {}", grouped(*count as f64), fault.words()));
        notes.push(format!("wrong answers: {}", parts.collect::<Vec<_>>().join(", ")));
    }
    if streamed > 0 {
        let (streamed, valid) = (grouped(streamed as f64), grouped(valid as f64));
        let notifications = grouped(notifications as f64);
        notes.push(format!("{streamed} of {valid} answers were streams of events, with {notifications} notifications"));
    }
    notes
}
