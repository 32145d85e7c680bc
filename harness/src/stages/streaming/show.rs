//! Shows how the events of streams arrived on both arms.

use super::judge::{Judged, Seen};
use crate::measure::facts::StageFacts;
use crate::measure::metric::Unit;
use crate::measure::record::StageRecord;
use crate::report::html::table::Heading::{Number, Text};
use crate::report::html::table::{head, number, row, table as html_table};
use crate::report::html::text::{joined, note};
use crate::report::markdown::escape::escaped;
use crate::report::show::Show;
use crate::report::text::wrap;
use harness_base::units::{Bytes, Nanos, grouped};
use maud::{Markup, html};

pub(crate) const SHOW: Show = Show { done, ..Show::ROUNDS };

pub(crate) const TITLE: &str = "streams";
pub(crate) const HEADING: &str = "Streams";

const WIDTH: usize = 80;

/// The columns after the arm.
const COLUMNS: [&str; 7] = ["streams", "events", "delay p50", "per read", "most", "after last", "wrong"];

fn done(stage: &StageRecord) -> String {
    let rounds = (Show::ROUNDS.done)(stage);
    let StageFacts::Streaming(facts) = &stage.facts else { return rounds };
    let interval = Nanos(facts.interval_ns).notation();
    let left = facts.leave_after.map_or_else(String::new, |after| format!(", left after {after}"));
    format!("{rounds}, streams of {} events of {}, {interval} apart{left}", facts.events, Bytes(facts.size_bytes))
}

/// Renders the streams for the terminal.
pub(crate) fn table(found: &Judged) -> String {
    let mut text = wrap(&format!("{}: {}", found.stage, found.conclusion()), WIDTH, "  ", "    ");
    text.push_str(&line("", &COLUMNS.map(str::to_owned)));
    for (arm, seen) in arms(found) {
        text.push_str(&line(arm, &cells(seen)));
    }
    text
}

fn line(arm: &str, cells: &[String; 7]) -> String {
    let [streams, events, delay, per_read, most, after, wrong] = cells;
    format!("  {arm:<8}{streams:>8}{events:>10}{delay:>11}{per_read:>9}{most:>7}{after:>11}{wrong:>7}\n")
}

pub(crate) fn markdown(found: &Judged) -> String {
    let mut text = format!("**{}**: {}\n\n", found.stage, escaped(&found.conclusion()));
    text.push_str(&format!("| arm | {} |\n|---|---:|---:|---:|---:|---:|---:|---:|\n", COLUMNS.join(" | ")));
    for (arm, seen) in arms(found) {
        text.push_str(&format!("| {arm} | {} |\n", cells(seen).join(" | ")));
    }
    text
}

pub(crate) fn html(found: &Judged) -> Markup {
    let [streams, events, delay, per_read, most, after, wrong] = COLUMNS.map(Number);
    let headings = [Text("arm"), streams, events, delay, per_read, most, after, wrong];
    let rows = arms(found).map(|(arm, seen)| row(std::iter::once(head(arm)).chain(cells(seen).map(number))));
    let conclusion = note(html! { (found.stage) ": " (found.conclusion()) "." });
    joined([conclusion, html_table(&format!("streams of {}", found.stage), &headings, rows)])
}

fn arms(found: &Judged) -> [(&'static str, &Seen); 2] {
    [("direct", &found.direct), ("proxied", &found.proxied)]
}

/// Formats streams, events that arrived, the median of arrival − written, events per read, the most in one read, the share that came after
/// the last was written, and events that are missing, repeated, out of order or not of the stream.
fn cells(seen: &Seen) -> [String; 7] {
    let count = |n: u64| grouped(n as f64);
    let dash = || "–".to_owned();
    [
        count(seen.streams),
        count(seen.arrived),
        seen.delay_p50_ns.map_or_else(dash, |ns| Unit::Millis.show(Nanos(ns).as_millis_f64())),
        seen.per_read().map_or_else(dash, |mean| format!("{mean:.2}")),
        count(seen.most),
        seen.after_last().map_or_else(dash, |share| Unit::Percent.show(share * 100.0)),
        count(seen.wrong()),
    ]
}
