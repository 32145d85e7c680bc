//! Shows rounds like every stage with rounds, what agents speak, and what was wrong with answers.

use std::collections::BTreeMap;

use crate::measure::facts::StageFacts;
use crate::measure::record::StageRecord;
use crate::measure::{Arm, Listened};
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
    let (mut listened, mut batches) = (Listened::default(), 0);
    for mcp in trials.filter_map(|trial| trial.load.mcp.as_deref()) {
        for (fault, count) in &mcp.faults {
            *faults.entry(*fault).or_insert(0) += count;
        }
        streamed += mcp.streamed;
        notifications += mcp.notifications;
        listened.merge(&mcp.listened);
        batches += mcp.batches;
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
    if batches > 0 {
        notes.push(format!("{} requests were batches of calls", grouped(batches as f64)));
    }
    notes.extend(streams(&listened));
    notes
}

/// States what became of the streams on which the server can send at any time.
fn streams(listened: &Listened) -> Option<String> {
    let Listened { asked, opened, not_offered, failed, ended, notifications, comments, wrong } = *listened;
    if listened.is_empty() {
        return None;
    }
    let counted = [
        (not_offered, "not offered (405)"),
        (failed, "FAILED"),
        (ended, "ended by the server"),
        (notifications, "notifications"),
        (comments, "comments"),
        (wrong, "WRONG MESSAGES"),
    ];
    let parts = counted.into_iter().filter(|(count, _)| *count > 0);
    let parts: String = parts.map(|(count, word)| format!(", {} {word}", grouped(count as f64))).collect();
    let (opened, asked) = (grouped(opened as f64), grouped(asked as f64));
    Some(format!("agents opened {opened} of {asked} streams for messages of the server{parts}"))
}
