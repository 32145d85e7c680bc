//! The tables of the page: metrics, targets, findings, stages.

use super::super::findings::compared;
use super::super::{Group, Row, Summary};
use super::text::{chip, escaped, list, scrolling};
use crate::verdict::judgement::{ClaimFinding, ClaimState, Finding, FindingKind};

/// Claims with what became of them.
pub(super) fn targets(summary: &Summary<'_>) -> String {
    let row = |target: &ClaimFinding| {
        let required = if target.required { " (required)" } else { "" };
        format!(
            "<tr><td>{}</td><th scope=\"row\">{}</th><td class=\"number\">{}{required}</td><td>{}</td></tr>\n",
            chip(tone(target.state), target.state.word()),
            escaped(&target.metric),
            escaped(&target.limit),
            escaped(&target.says)
        )
    };
    let rows: String = summary.judgement.targets.iter().map(row).collect();
    if rows.is_empty() {
        return rows;
    }
    let head = "<thead><tr><th>state</th><th>metric</th><th class=\"number\">target</th><th>found</th></tr></thead>";
    scrolling("targets", &format!("<table>{head}\n<tbody>\n{rows}</tbody></table>\n"))
        + "<p class=\"note\">A target is met, or not, when the whole interval says so.</p>\n"
}

const fn tone(state: ClaimState) -> &'static str {
    match state {
        ClaimState::Met => "good",
        ClaimState::NotMet => "bad",
        ClaimState::Undecided | ClaimState::Absent => "open",
    }
}

/// What a comparison found, worst first.
pub(super) fn findings(summary: &Summary<'_>) -> String {
    let row = |finding: &&Finding| {
        format!(
            "<tr><td>{}</td><th scope=\"row\">{}</th><td>{}</td></tr>\n",
            chip(finding_tone(finding.kind), finding.kind.word()),
            escaped(&finding.subject),
            escaped(&finding.says)
        )
    };
    let rows: String = compared(summary.judgement).iter().map(row).collect();
    if rows.is_empty() {
        return rows;
    }
    let head = "<thead><tr><th>finding</th><th>about</th><th>what was found</th></tr></thead>";
    scrolling("findings", &format!("<table>{head}\n<tbody>\n{rows}</tbody></table>\n"))
}

const fn finding_tone(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Improved | FindingKind::Ok => "good",
        FindingKind::Block => "bad",
        FindingKind::Alert | FindingKind::Inconclusive => "open",
        FindingKind::Noise | FindingKind::Small => "plain",
    }
}

/// Every metric that has a value.
pub(super) fn metrics(summary: &Summary<'_>) -> String {
    if summary.groups.is_empty() {
        return String::new();
    }
    let judged = summary.groups.iter().flat_map(|group| &group.rows).any(|row| finding(summary, row).is_some());
    let column = if judged { "<th>verdict</th>" } else { "" };
    let head = format!(
        "<thead><tr><th>metric</th><th class=\"number\">direct</th><th class=\"number\">proxied</th>\
         <th class=\"number\">value</th><th>interval</th><th class=\"number\">n</th><th>target</th>{column}</tr></thead>"
    );
    let groups: String = summary.groups.iter().map(|group| of_group(summary, group, judged)).collect();
    let mut advisories: Vec<String> =
        summary.groups.iter().flat_map(|group| &group.rows).filter_map(|row| row.metric.advisory.clone()).collect();
    advisories.sort_unstable();
    advisories.dedup();
    let advisories: String = advisories
        .iter()
        .map(|why| format!("<p class=\"note\">* advisory, never decides: {}</p>\n", escaped(why)))
        .collect();
    scrolling("metrics", &format!("<table class=\"metrics\">{head}\n{groups}</table>\n"))
        + "<p class=\"note\">Values are medians of n rounds or launches; intervals are exact order-statistic intervals that cover \
           95 % or more. A value of <i>overhead</i> is the median of the differences, round by round.</p>\n"
        + &advisories
}

fn of_group(summary: &Summary<'_>, group: &Group<'_>, judged: bool) -> String {
    let rows: String = group.rows.iter().map(|row| of_row(summary, row, judged)).collect();
    let columns = if judged { 8 } else { 7 };
    let name = escaped(group.category);
    format!(
        "<tbody>\n<tr class=\"group\"><th colspan=\"{columns}\" scope=\"rowgroup\">{name}</th></tr>\n{rows}</tbody>\n"
    )
}

fn of_row(summary: &Summary<'_>, row: &Row<'_>, judged: bool) -> String {
    let cell = |text: &Option<String>| text.as_deref().map_or_else(|| "–".to_owned(), escaped);
    let mark = if row.metric.advisory.is_some() { " *" } else { "" };
    let covers = row.coverage.as_ref().map(|share| format!(" title=\"covers {}\"", escaped(share))).unwrap_or_default();
    let claim = row.claim.map_or_else(
        || "–".to_owned(),
        |claim| format!("{} {}", escaped(&claim.limit), chip(tone(claim.state), claim.state.word())),
    );
    let verdict = match (judged, finding(summary, row)) {
        (false, _) => String::new(),
        (true, None) => "<td>–</td>".to_owned(),
        (true, Some(found)) => {
            let chip = chip(finding_tone(found.kind), found.kind.word());
            format!("<td title=\"{}\">{chip}</td>", escaped(&found.says))
        }
    };
    format!(
        "<tr><th scope=\"row\">{}{mark}</th><td class=\"number\">{}</td><td class=\"number\">{}</td>\
         <td class=\"number value\">{}</td><td class=\"interval\"{covers}>{}</td><td class=\"number\">{}</td><td>{claim}</td>{verdict}</tr>\n",
        escaped(row.metric.name()),
        cell(&row.direct),
        cell(&row.proxied),
        escaped(&row.value),
        cell(&row.interval),
        row.n
    )
}

/// What a comparison found about a metric.
fn finding<'a>(summary: &Summary<'a>, row: &Row<'_>) -> Option<&'a Finding> {
    compared(summary.judgement).into_iter().find(|finding| finding.subject == row.metric.id)
}

/// Metrics without a value, with the reason.
pub(super) fn absent(summary: &Summary<'_>) -> String {
    list(&summary.absent.iter().map(|(reason, ids)| format!("{}: {reason}", ids.join(", "))).collect::<Vec<_>>())
}

/// What was done in each stage.
pub(super) fn stages(summary: &Summary<'_>) -> String {
    let row = |[name, state, work]: &[String; 3]| {
        let tone = match state.as_str() {
            "valid" => "good",
            "invalid" | "failed" => "bad",
            _ => "open",
        };
        let (name, work, chip) = (escaped(name), escaped(work), chip(tone, state));
        format!("<tr><td>{chip}</td><th scope=\"row\">{name}</th><td>{work}</td></tr>\n")
    };
    let rows: String = summary.stages.iter().map(row).collect();
    if rows.is_empty() {
        return rows;
    }
    let head = "<thead><tr><th>state</th><th>stage</th><th>work</th></tr></thead>";
    scrolling("stages", &format!("<table>{head}\n<tbody>\n{rows}</tbody></table>\n"))
}
