//! Renders the tables of the page: metrics, targets, findings, stages.

use maud::{Markup, html};

use super::super::compared::change;
use super::super::{Grid, Group, Part, Row, Summary};
use super::spark;
use super::table::Heading::{Number, Text};
use super::table::{Heading, body, cell, head, number, or_dash, row, scrolling, table};
use super::text::{chip, joined, list, note, nothing};
use crate::measure::record::StageStatus;
use crate::verdict::Judgement;
use crate::verdict::judgement::{ClaimFinding, ClaimState, Finding, FindingKind};

/// Shows every target with its state and the value that was found.
pub(super) fn targets(summary: &Summary<'_>) -> Markup {
    let of = |target: &ClaimFinding| {
        let required = if target.required { " (required)" } else { "" };
        row([
            cell(chip(tone(target.state), target.state.word())),
            head(&target.metric),
            number(html! { (target.limit) (required) }),
            cell(&target.message),
        ])
    };
    let headings = [Text("state"), Text("metric"), Number("target"), Text("found")];
    let table = table("targets", &headings, summary.judgement.targets.iter().map(of));
    if table.0.is_empty() {
        return table;
    }
    joined([table, note("A target is met or missed only where the whole interval lies on one side of its limit.")])
}

const fn tone(state: ClaimState) -> &'static str {
    match state {
        ClaimState::Met => "good",
        ClaimState::NotMet => "bad",
        ClaimState::Undecided | ClaimState::Absent => "open",
    }
}

/// Shows the findings of a comparison, worst first.
pub(super) fn findings(summary: &Summary<'_>) -> Markup {
    let of = |finding: &Finding| {
        let chip = chip(finding_tone(finding.kind), finding.kind.word());
        row([cell(chip), head(&finding.subject), cell(&finding.message)])
    };
    let headings = [Text("finding"), Text("about"), Text("what was found")];
    table("findings", &headings, summary.judgement.changes().into_iter().map(of))
}

const fn finding_tone(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Improved | FindingKind::Ok => "good",
        FindingKind::Block => "bad",
        FindingKind::Alert | FindingKind::Inconclusive => "open",
        FindingKind::Noise | FindingKind::Small => "plain",
    }
}

/// Optional columns.
#[derive(Clone, Copy)]
struct Columns {
    /// Base, change and finding.
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

    fn headings(self) -> Vec<Heading> {
        let mut headings = vec![
            Text("metric"),
            Number("direct"),
            Number("proxied"),
            Number("value"),
            Text("interval"),
            Text("other runs"),
            Number("n"),
            Text("target"),
        ];
        if self.compared {
            headings.extend([Number("base"), Number("change"), Text("verdict")]);
        }
        if self.history {
            headings.push(Text("earlier runs"));
        }
        headings
    }
}

/// Shows every metric of these stages that has a value.
pub(super) fn metrics(summary: &Summary<'_>, part: &Part<'_>) -> Markup {
    if part.groups.is_empty() {
        return nothing();
    }
    let columns = Columns::of(summary.judgement);
    let headings = columns.headings();
    let groups = part.groups.iter().map(|group| of_group(summary.judgement, group, columns, headings.len()));
    let rows = part.groups.iter().flat_map(|group| &group.rows);
    let advisories = rows.filter_map(|row| Some((&row.metric.id, row.metric.advisory.as_ref()?)));
    html! {
        (scrolling("metrics", Some("metrics"), &headings, &joined(groups)))
        p class="note" {
            "A value is over n fresh instances of the target, or over n rounds or launches; intervals cover 95 % or more. \
             The column " i { "other runs" } " states how far the value of another run on this machine can be from this one. \
             A value of " i { "overhead" } " comes from the differences of the rounds, proxied − direct."
        }
        "\n"
        @for (id, why) in advisories { (note(html! { "* " (id) " is advisory and never decides: " (why) })) }
    }
}

fn of_group(judgement: &Judgement, group: &Group<'_>, columns: Columns, width: usize) -> Markup {
    let title = html! { tr class="group" { th colspan=(width) scope="rowgroup" { (group.category) } } "\n" };
    body(std::iter::once(title).chain(group.rows.iter().map(|row| of_row(judgement, row, columns))))
}

fn of_row(judgement: &Judgement, row: &Row<'_>, columns: Columns) -> Markup {
    let mark = if row.metric.advisory.is_some() { " *" } else { "" };
    let covers = row.coverage.as_ref().map(|share| format!("covers {share}"));
    let claim = row.claim.map(|claim| html! { (claim.limit) " " (chip(tone(claim.state), claim.state.word())) });
    html! {
        tr {
            th scope="row" { (row.metric.name()) (mark) }
            (number(or_dash(row.direct.as_ref())))
            (number(or_dash(row.proxied.as_ref())))
            td class="number value" { (row.value) }
            td class="interval" title=[covers] { (or_dash(row.interval.as_ref())) }
            (cell(or_dash(row.between_runs.as_ref())))
            (number(row.n))
            (cell(or_dash(claim)))
            @if columns.compared { (changed(judgement.change_of(&row.metric.id))) }
            @if columns.history { (earlier(judgement, row)) }
        }
        "\n"
    }
}

fn changed(found: Option<&Finding>) -> Markup {
    let Some(found) = found else { return joined([number("–"), number("–"), cell("–")]) };
    let weighed = found.weighed.as_ref();
    html! {
        (number(or_dash(weighed.map(|weighed| weighed.unit.show(weighed.base)))))
        (number(or_dash(weighed.map(change))))
        td title=(found.message) { (chip(finding_tone(found.kind), found.kind.word())) }
    }
}

/// Draws the metric over the stored runs.
fn earlier(judgement: &Judgement, row: &Row<'_>) -> Markup {
    let past =
        judgement.context.against.iter().flat_map(|against| &against.metrics).find(|past| past.id == row.metric.id);
    let drawn = past.zip(row.metric.estimate()).map(|(past, estimate)| {
        let message = format!("{}: {} earlier runs, then this one", past.id, past.history.len());
        spark::line(&past.history, estimate.point, &message)
    });
    cell(or_dash(drawn.filter(|drawn| !drawn.0.is_empty())))
}

/// Lists the metrics without a value, with the reason.
pub(super) fn absent(part: &Part<'_>) -> Markup {
    list(part.absent.iter().map(|(reason, ids)| format!("{}: {reason}", ids.join(", "))))
}

/// Shows the state of each stage and the work that was done in it.
pub(super) fn stages(summary: &Summary<'_>) -> Markup {
    let grid = |grid: &Grid<'_>| line(if grid.is_valid() { "good" } else { "bad" }, &grid.line());
    let rows = single(summary, &summary.single).into_iter().chain(summary.grids.iter().map(grid));
    table("stages", &[Text("state"), Text("stage"), Text("work")], rows)
}

/// Shows the state of each cell.
pub(super) fn cells(summary: &Summary<'_>) -> Markup {
    table("cells", &[Text("state"), Text("cell"), Text("work")], single(summary, &summary.cells))
}

fn single(summary: &Summary<'_>, part: &Part<'_>) -> Vec<Markup> {
    let tone = |name: &str| match summary
        .judgement
        .stages
        .iter()
        .find(|found| found.name == name)
        .map(|found| &found.status)
    {
        Some(StageStatus::Valid) => "good",
        Some(StageStatus::Invalid(_) | StageStatus::Failed(_)) => "bad",
        Some(StageStatus::Skipped(_) | StageStatus::Incomplete) | None => "open",
    };
    part.stages.iter().map(|stage| line(tone(&stage[0]), stage)).collect()
}

fn line(tone: &str, [name, state, work]: &[String; 3]) -> Markup {
    row([cell(chip(tone, state)), head(name), cell(work)])
}
