//! Shows the audit as tables: how often each rule passed, and the outcomes of all requests.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::super::Part;
use super::table::Heading::{Number, Text};
use super::table::{body, cell, head, number, or_dash, row, scrolling};
use super::text::{joined, list};
use super::view::trials;
use crate::measure::Arm;
use crate::measure::outcome::Outcomes;
use crate::measure::record::{RoundStatus, StageRecord};
use crate::measure::{Check, Rule};
use harness_base::units::grouped;

/// Shows how often each rule passed, and the outcomes of all requests.
pub(super) fn audit(part: &Part<'_>) -> Markup {
    let stages = &part.records;
    let rules = joined(stages.iter().copied().map(rules_of));
    if rules.0.is_empty() {
        return rules;
    }
    let rule_headings = [Text("stage"), Text("rule"), Number("passed"), Number("failed"), Text("first failure")];
    let outcome_headings = [Text("stage"), Text("arm"), Number("scheduled"), Text("outcomes")];
    html! {
        (list(&part.audit))
        h3 { "Rules" } "\n"
        (scrolling("rules of the audit", None, &rule_headings, &rules))
        h3 { "Outcomes of the requests in valid rounds" } "\n"
        (scrolling("outcomes", None, &outcome_headings, &body(stages.iter().copied().flat_map(outcomes_of))))
    }
}

/// Counts how often each rule passed in valid and rejected rounds.
fn rules_of(stage: &StageRecord) -> Markup {
    let mut order: Vec<Rule> = Vec::new();
    let mut found: BTreeMap<Rule, (u64, u64, Option<&Check>)> = BTreeMap::new();
    let audited = trials(stage).filter(|placed| matches!(placed.status, RoundStatus::Valid | RoundStatus::Rejected));
    for check in audited.flat_map(|placed| &placed.trial.audit) {
        if !order.contains(&check.rule()) {
            order.push(check.rule());
        }
        let (passed, failed, example) = found.entry(check.rule()).or_default();
        if check.passed {
            *passed += 1;
        } else {
            *failed += 1;
            *example = example.or(Some(check));
        }
    }
    let of = |rule: &Rule| {
        let (passed, failed, example) = found.get(rule).copied().unwrap_or_default();
        let tone = if failed > 0 { "bad" } else { "plain" };
        let failed = html! { td class={ "number " (tone) } { (failed) } };
        row([
            head(&stage.name),
            cell(rule.name()),
            number(passed),
            failed,
            cell(or_dash(example.map(ToString::to_string))),
        ])
    };
    body(order.iter().map(of))
}

fn outcomes_of(stage: &StageRecord) -> Vec<Markup> {
    let of = |arm: Arm| {
        let counted = trials(stage).filter(|placed| placed.status == RoundStatus::Valid && placed.path.arm == arm);
        let (mut scheduled, mut outcomes) = (0, Outcomes::default());
        for placed in counted {
            scheduled += placed.trial.load.scheduled;
            outcomes.merge(&placed.trial.load.outcomes);
        }
        let cells = || [cell(arm.name()), number(grouped(scheduled as f64)), cell(outcomes.describe())];
        (scheduled > 0).then(|| row(std::iter::once(head(&stage.name)).chain(cells())))
    };
    [Arm::Direct, Arm::Proxied].into_iter().filter_map(of).collect()
}
