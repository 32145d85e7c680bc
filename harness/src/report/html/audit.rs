//! The audit as a table: every rule with how often it held, and what became of all requests.

use std::collections::BTreeMap;

use super::super::Summary;
use super::text::{escaped, list, scrolling};
use super::view::trials;
use crate::measure::Arm;
use crate::measure::outcome::Outcomes;
use crate::measure::record::{RoundStatus, StageRecord};
use harness_base::units::grouped;

/// Every rule of the audit with how often it held, and what became of all requests.
pub(super) fn audit(summary: &Summary<'_>) -> String {
    let stages = &summary.record.stages;
    let rules: String = stages.iter().map(rules_of).collect();
    let outcomes: String = stages.iter().map(outcomes_of).collect();
    if rules.is_empty() {
        return rules;
    }
    let rules_head = "<thead><tr><th>stage</th><th>rule</th><th class=\"number\">held</th><th class=\"number\">broken</th>\
                      <th>where it broke first</th></tr></thead>";
    let outcomes_head = "<thead><tr><th>stage</th><th>arm</th><th class=\"number\">scheduled</th>\
                         <th>outcomes</th></tr></thead>";
    [
        list(&summary.audit),
        "<h3>Rules</h3>\n".to_owned(),
        scrolling("rules of the audit", &format!("<table>{rules_head}\n{rules}</table>\n")),
        "<h3>What became of the requests of the valid rounds</h3>\n".to_owned(),
        scrolling("outcomes", &format!("<table>{outcomes_head}\n<tbody>\n{outcomes}</tbody></table>\n")),
    ]
    .concat()
}

/// How often each rule held in the trials that count, and in those that were rejected for it.
fn rules_of(stage: &StageRecord) -> String {
    let mut order: Vec<&str> = Vec::new();
    let mut found: BTreeMap<&str, (u64, u64, Option<&str>)> = BTreeMap::new();
    let audited = trials(stage).filter(|placed| matches!(placed.status, RoundStatus::Valid | RoundStatus::Rejected));
    for check in audited.flat_map(|placed| &placed.trial.audit) {
        if !order.contains(&check.rule.as_str()) {
            order.push(&check.rule);
        }
        let (held, broken, example) = found.entry(&check.rule).or_default();
        if check.passed {
            *held += 1;
        } else {
            *broken += 1;
            *example = example.or(Some(&check.message));
        }
    }
    let row = |rule: &&str| {
        let (held, broken, example) = found.get(rule).copied().unwrap_or_default();
        let tone = if broken > 0 { "bad" } else { "plain" };
        format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"number\">{held}</td><td class=\"number {tone}\">{broken}</td><td>{}</td></tr>\n",
            escaped(&stage.name),
            escaped(rule),
            example.map_or_else(|| "–".to_owned(), escaped)
        )
    };
    let rows: String = order.iter().map(row).collect();
    if rows.is_empty() { rows } else { format!("<tbody>\n{rows}</tbody>\n") }
}

fn outcomes_of(stage: &StageRecord) -> String {
    let of = |arm: Arm| {
        let counted = trials(stage).filter(|placed| placed.status == RoundStatus::Valid && placed.path.arm == arm);
        let (mut scheduled, mut outcomes) = (0, Outcomes::default());
        for placed in counted {
            scheduled += placed.trial.load.scheduled;
            outcomes.merge(&placed.trial.load.outcomes);
        }
        (scheduled > 0).then(|| {
            format!(
                "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"number\">{}</td><td>{}</td></tr>\n",
                escaped(&stage.name),
                arm.name(),
                grouped(scheduled as f64),
                escaped(&outcomes.describe())
            )
        })
    };
    [Arm::Direct, Arm::Proxied].into_iter().filter_map(of).collect()
}
