//! Shows a search: the answer, every rate that was tried, and the curves of response time and CPU use over the rate.

mod curve;

use super::derive;
use super::facts::{Part, Purpose};
use super::judge::{Judged, Point, PointState};
use crate::measure::metric::Unit;
use crate::measure::record::StageRecord;
use crate::report::html::series;
use crate::report::html::table::Heading::{Number, Text};
use crate::report::html::table::{cell, head, number, row, table as html_table};
use crate::report::html::text::{chip, joined, note, nothing};
use crate::report::markdown::escape::escaped;
use crate::report::show::{Show, rejected, within};
use crate::report::text::wrap;
use crate::verdict::stage::Detail;
use harness_base::units::grouped;
use maud::{Markup, html};

/// Errors and missed rates are results, which the stage judges itself.
pub(crate) const SHOW: Show = Show { done, charts, counts_errors: false, ..Show::ROUNDS };

pub(crate) const TITLE: &str = "search";
pub(crate) const HEADING: &str = "Search";

const WIDTH: usize = 80;

/// The columns after the rate.
const COLUMNS: [&str; 6] = ["requests", "p50", "p99", "direct p99", "cpu", "failed"];

fn done(stage: &StageRecord) -> String {
    let (probes, slices) = (derive::probes(stage).len(), stage.valid_rounds().count());
    format!("{probes} of at most {} probes, {slices} slices{}{}", stage.wanted, rejected(stage), within(stage))
}

/// Draws the curves, and no charts of rounds: those of different rates cannot be pooled.
fn charts(stage: &StageRecord, detail: Option<&Detail>) -> Markup {
    let curves = match detail {
        Some(Detail::Search(found)) => curve::charts(found),
        _ => nothing(),
    };
    joined([curves, series::charts(stage)])
}

/// Renders the search for the terminal.
pub(crate) fn table(found: &Judged) -> String {
    let mut text = wrap(&format!("{}: {}", found.stage, found.objective), WIDTH, "  ", "    ");
    text.push_str(&wrap(&found.conclusion(), WIDTH, "  ", "    "));
    let [_, p50, p99, direct, cpu, failed] = COLUMNS;
    text.push_str(&format!("  {:>13}{p50:>9}{p99:>10}{direct:>11}{cpu:>8}{failed:>8}\n", found.variable.name()));
    for point in &found.points {
        let [_, p50, p99, direct, cpu, failed] = cells(point);
        let (rate, state) = (found.variable.show(point.rate), state(point));
        text.push_str(&format!("  {rate:>13}{p50:>9}{p99:>10}{direct:>11}{cpu:>8}{failed:>8} {state}\n"));
        text.extend(point.message.as_ref().map(|message| wrap(message, WIDTH, "        ", "        ")));
    }
    text.extend(closed(found).iter().map(|line| wrap(line, WIDTH, "  ", "    ")));
    text
}

pub(crate) fn markdown(found: &Judged) -> String {
    let mut text = format!("**{}**, {}: {}\n\n", found.stage, found.objective, escaped(&found.conclusion()));
    text.push_str(&format!(
        "| {} | {} | objective |\n|---:|---:|---:|---:|---:|---:|---:|---|\n",
        found.variable.name(),
        COLUMNS.join(" | ")
    ));
    for point in &found.points {
        let message = point.message.as_ref().map(|message| format!(": {}", escaped(message))).unwrap_or_default();
        let rate = found.variable.show(point.rate);
        text.push_str(&format!("| {rate} | {} | {}{message} |\n", cells(point).join(" | "), state(point)));
    }
    closed(found).iter().for_each(|line| text.push_str(&format!("\n{}\n", escaped(line))));
    text
}

pub(crate) fn html(found: &Judged) -> Markup {
    let [requests, p50, p99, direct, cpu, failed] = COLUMNS.map(Number);
    let headings = [Text("objective"), Text(found.variable.name()), requests, p50, p99, direct, cpu, failed, Text("")];
    let rows = found.points.iter().map(|point| {
        let chip = cell(chip(tone(point.state), &state(point)));
        let names = [chip, head(found.variable.show(point.rate))];
        row(names.into_iter().chain(cells(point).map(number)).chain([cell(point.message.clone().unwrap_or_default())]))
    });
    let answer = note(html! { (found.stage) ", " (found.objective) ": " (found.conclusion()) "." });
    let closed = joined(closed(found).iter().map(|line| note(html! { (line) "." })));
    joined([answer, html_table(&format!("probes of {}", found.stage), &headings, rows), closed])
}

/// Describes the closed loop. Its rate is not part of the answer.
fn closed(found: &Judged) -> Option<String> {
    let rate = |value: f64| Unit::PerSecond.show(value);
    let direct = found.direct.map_or_else(String::new, |direct| format!(", {} without it", rate(direct)));
    let bound = found.bottleneck.as_ref().map_or_else(String::new, |bottleneck| format!("; {bottleneck}"));
    found.closed.map(|closed| format!("closed loop: {} through the target{direct}{bound}", rate(closed)))
}

/// Returns the verdict on a rate, with the part of the objective that decided it.
fn state(point: &Point) -> String {
    let word = point.state.word();
    let once = if point.purpose == Purpose::Bracket { ", once" } else { "" };
    match point.part.filter(|_| matches!(point.state, PointState::Failed | PointState::Undecided)) {
        Some(part) => format!("{word}: {}{once}", Part::name(part)),
        None if point.purpose == Purpose::Confirm => format!("{word}, confirmation"),
        None => format!("{word}{once}"),
    }
}

/// Formats requests, p50, p99, p99 of the direct arm, CPU use and failed requests; a dash for missing values.
fn cells(point: &Point) -> [String; 6] {
    let show = |unit: Unit, value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| unit.show(value));
    [
        grouped(point.requests as f64),
        show(Unit::Millis, point.p50_ms),
        show(Unit::Millis, point.p99_ms),
        show(Unit::Millis, point.direct_p99_ms),
        show(Unit::Percent, point.cpu_percent),
        grouped(point.failed as f64),
    ]
}

const fn tone(state: PointState) -> &'static str {
    match state {
        PointState::Kept => "good",
        PointState::Failed => "bad",
        PointState::Undecided | PointState::Limited => "open",
    }
}
