//! Decides which findings are published: a block needs a confirmation, stored evidence two consecutive runs, and an
//! override lets blocks pass.

use super::context::{Again, Context};
use super::gate::Gates;
use super::judgement::{Finding, FindingKind};
use super::weigh::{p_value, percent};
use crate::measure::metric::Kind;

/// A finding before it is published.
pub(super) struct Draft {
    pub(super) finding: Finding,
    /// How the values of the metric are obtained.
    pub(super) kind: Kind,
    /// Whether it is based on stored runs, so that one breach may be a slow host.
    pub(super) stored: bool,
    /// The sentence of a breached guard.
    pub(super) guard: Option<String>,
}

/// Converts a draft into the published finding.
pub(super) fn publish(draft: Draft, gates: &Gates, context: &Context) -> Finding {
    let Draft { finding, kind, stored, guard } = draft;
    let exact = kind == Kind::Exact;
    let mut finding = finding;
    if stored && !exact {
        count(&mut finding, context);
    }
    let weighed_as = finding.kind;
    if finding.kind == FindingKind::Block && !exact && gates.confirm {
        confirm(&mut finding, context);
    }
    if stored && !exact && weighed_as == FindingKind::Alert {
        twice(&mut finding, gates.consecutive);
    }
    if let Some(message) = guard {
        guarded(&mut finding, &message, gates, context);
    }
    if let Some(reason) = context.override_reason.as_ref().filter(|_| finding.kind == FindingKind::Block) {
        finding.kind = FindingKind::Alert;
        finding.message.push_str(&format!("; let pass: {reason}"));
    }
    finding
}

/// Counts how many runs in a row it was an alert or a block.
fn count(finding: &mut Finding, context: &Context) {
    let before = context.previous.iter().find(|breach| breach.id == finding.subject).map_or(0, |breach| breach.times);
    if let Some(weighed) = &mut finding.weighed {
        weighed.times = if weighed.seen.is_breach() { before + 1 } else { 0 };
    }
}

/// Reduces a block that a rerun does not confirm to an alert; a block without a rerun stays and says so.
fn confirm(finding: &mut Finding, context: &Context) {
    let Some(confirmation) = &context.confirmation else {
        finding.message.push_str("; unconfirmed: there was no immediate rerun");
        return;
    };
    let run = &confirmation.run_id;
    match confirmation.of(&finding.subject) {
        None => finding.message.push_str(&format!("; unconfirmed: the rerun {run} has no answer for it")),
        Some(again) if again.seen == FindingKind::Block => {
            finding.message.push_str(&format!("; seen again in an immediate rerun ({run}: {})", shown(again)));
        }
        Some(again) => {
            finding.kind = FindingKind::Alert;
            finding.message.push_str(&format!("; not seen again in an immediate rerun ({run}: {})", shown(again)));
        }
    }
}

fn shown(again: &Again) -> String {
    let effect = again.effect.map(|effect| format!("{}{}", if effect > 0.0 { "+" } else { "" }, percent(effect)));
    let p = again.p.map(p_value);
    let parts: Vec<String> = [Some(again.seen.word().to_owned()), effect, p].into_iter().flatten().collect();
    parts.join(", ")
}

/// Marks an alert that is too new to be published.
fn twice(finding: &mut Finding, consecutive: u64) {
    let times = finding.weighed.as_ref().map_or(0, |weighed| weighed.times);
    if times >= consecutive {
        if consecutive > 1 {
            finding.message.push_str(&format!("; for the {} run in a row", ordinal(times)));
        }
        return;
    }
    finding.kind = FindingKind::Inconclusive;
    let breach = if times == 1 && consecutive == 2 {
        "first breach of two".to_owned()
    } else {
        format!("breach {times} of {consecutive} in a row")
    };
    finding.message = format!("{breach}: {}; an alert if the next run shows it too", finding.message);
}

fn ordinal(n: u64) -> String {
    match n {
        2 => "second".to_owned(),
        3 => "third".to_owned(),
        n => format!("{n}th"),
    }
}

/// Applies the guard: a breach is an alert, and a block only if a rerun breaches it too.
fn guarded(finding: &mut Finding, message: &str, gates: &Gates, context: &Context) {
    if let Some(weighed) = &mut finding.weighed {
        weighed.guard = true;
    }
    let again = context.confirmation.as_ref().and_then(|confirmation| confirmation.of(&finding.subject));
    let confirmed = gates.confirm && again.is_some_and(|again| again.guard);
    let kind = if confirmed { FindingKind::Block } else { FindingKind::Alert };
    finding.kind = finding.kind.join(kind);
    let tail = if confirmed { ", in an immediate rerun too" } else { "" };
    finding.message.push_str(&format!("; {message}{tail}"));
}
