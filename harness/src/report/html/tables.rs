//! The tables of the page: metrics, targets, findings, stages.

use super::super::compared::change;
use super::super::{Group, Row, Summary};
use super::spark;
use super::text::{chip, escaped, list, scrolling};
use crate::verdict::Judgement;
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
            escaped(&target.message)
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
            escaped(&finding.message)
        )
    };
    let rows: String = summary.judgement.changes().iter().map(row).collect();
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

/// Which columns there is something for, beside those of every run.
#[derive(Clone, Copy)]
struct Columns {
    /// A base and what changed.
    compared: bool,
    history: bool,
}

impl Columns {
    fn of(judgement: &Judgement) -> Self {
        let history =
            judgement.context.against.iter().flat_map(|against| &against.metrics).any(|past| past.history.len() > 1);
        let compared = judgement.changes().iter().any(|finding| judgement.metric(&finding.subject).is_some());
        Self { compared, history }
    }

    fn heads(self) -> String {
        let compared = if self.compared {
            "<th class=\"number\">base</th><th class=\"number\">change</th><th>verdict</th>"
        } else {
            ""
        };
        let history = if self.history { "<th>earlier runs</th>" } else { "" };
        format!("{compared}{history}")
    }

    fn count(self) -> usize {
        7 + if self.compared { 3 } else { 0 } + usize::from(self.history)
    }
}

/// Every metric that has a value.
pub(super) fn metrics(summary: &Summary<'_>) -> String {
    if summary.groups.is_empty() {
        return String::new();
    }
    let columns = Columns::of(summary.judgement);
    let head = format!(
        "<thead><tr><th>metric</th><th class=\"number\">direct</th><th class=\"number\">proxied</th>\
         <th class=\"number\">value</th><th>interval</th><th class=\"number\">n</th><th>target</th>{}</tr></thead>",
        columns.heads()
    );
    let groups: String = summary.groups.iter().map(|group| of_group(summary.judgement, group, columns)).collect();
    let mut advisories: Vec<String> =
        summary.groups.iter().flat_map(|group| &group.rows).filter_map(|row| row.metric.advisory.clone()).collect();
    advisories.sort_unstable();
    advisories.dedup();
    let advisory = |why: &String| format!("<p class=\"note\">* advisory, never decides: {}</p>\n", escaped(why));
    let advisories: String = advisories.iter().map(advisory).collect();
    scrolling("metrics", &format!("<table class=\"metrics\">{head}\n{groups}</table>\n"))
        + "<p class=\"note\">Values are medians of n rounds or launches; intervals are exact order-statistic intervals that cover \
           95 % or more. A value of <i>overhead</i> is the median of the differences, round by round.</p>\n"
        + &advisories
}

fn of_group(judgement: &Judgement, group: &Group<'_>, columns: Columns) -> String {
    let rows: String = group.rows.iter().map(|row| of_row(judgement, row, columns)).collect();
    let (name, width) = (escaped(group.category), columns.count());
    format!(
        "<tbody>\n<tr class=\"group\"><th colspan=\"{width}\" scope=\"rowgroup\">{name}</th></tr>\n{rows}</tbody>\n"
    )
}

fn of_row(judgement: &Judgement, row: &Row<'_>, columns: Columns) -> String {
    let cell = |text: &Option<String>| text.as_deref().map_or_else(|| "–".to_owned(), escaped);
    let mark = if row.metric.advisory.is_some() { " *" } else { "" };
    let covers = row.coverage.as_ref().map(|share| format!(" title=\"covers {}\"", escaped(share))).unwrap_or_default();
    let claim = row.claim.map_or_else(
        || "–".to_owned(),
        |claim| format!("{} {}", escaped(&claim.limit), chip(tone(claim.state), claim.state.word())),
    );
    let compared = if columns.compared { changed(judgement.change_of(&row.metric.id)) } else { String::new() };
    let history = if columns.history { earlier(judgement, row) } else { String::new() };
    format!(
        "<tr><th scope=\"row\">{}{mark}</th><td class=\"number\">{}</td><td class=\"number\">{}</td>\
         <td class=\"number value\">{}</td><td class=\"interval\"{covers}>{}</td><td class=\"number\">{}</td><td>{claim}</td>\
         {compared}{history}</tr>\n",
        escaped(row.metric.name()),
        cell(&row.direct),
        cell(&row.proxied),
        escaped(&row.value),
        cell(&row.interval),
        row.n
    )
}

fn changed(found: Option<&Finding>) -> String {
    let Some(found) = found else { return "<td>–</td>".repeat(3) };
    let (base, change) = found
        .weighed
        .as_ref()
        .map_or_else(|| ("–".to_owned(), "–".to_owned()), |weighed| (weighed.unit.show(weighed.base), change(weighed)));
    format!(
        "<td class=\"number\">{}</td><td class=\"number\">{}</td><td title=\"{}\">{}</td>",
        escaped(&base),
        escaped(&change),
        escaped(&found.message),
        chip(finding_tone(found.kind), found.kind.word())
    )
}

/// The metric over the stored runs.
fn earlier(judgement: &Judgement, row: &Row<'_>) -> String {
    let past =
        judgement.context.against.iter().flat_map(|against| &against.metrics).find(|past| past.id == row.metric.id);
    let drawn = past.zip(row.metric.estimate()).map(|(past, estimate)| {
        let message = format!("{}: {} earlier runs, then this one", past.id, past.history.len());
        spark::line(&past.history, estimate.point, &message)
    });
    format!("<td>{}</td>", drawn.filter(|drawn| !drawn.is_empty()).unwrap_or_else(|| "–".to_owned()))
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
