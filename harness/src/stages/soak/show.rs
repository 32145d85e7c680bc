//! Shows a soak: each change with its budget and the smallest change that would have been detected, and charts of its windows.

use super::derive::{instances, whole_windows};
use super::facts::{Level, Quantity, SoakWindow};
use super::judge::{Judged, Trend};
use crate::measure::metric::Unit;
use crate::measure::record::StageRecord;
use crate::report::html::chart::{Axis, Caption, Chart};
use crate::report::html::latency;
use crate::report::html::scale::{Readable, Scale};
use crate::report::html::text::{joined, nothing};
use crate::report::show::{Show, load, rejected, within};
use crate::report::text::wrap;
use crate::verdict::stage::Detail;
use maud::Markup;

pub(crate) const SHOW: Show = Show { done, charts, ..Show::ROUNDS };

pub(crate) const TITLE: &str = "growth and drift";
pub(crate) const HEADING: &str = "Growth and drift";

fn done(stage: &StageRecord) -> String {
    let windows = whole_windows(stage).count();
    format!("{windows} of {} windows{}; {}{}", stage.wanted, rejected(stage), load(stage), within(stage))
}

/// Draws charts of the windows, because a soak keeps only the first and the last of its readings.
fn charts(stage: &StageRecord, detail: Option<&Detail>) -> Markup {
    let windows = match detail {
        Some(Detail::Soak(soak)) => window_charts(stage, soak),
        _ => nothing(),
    };
    joined([latency::chart(stage), windows])
}

/// Renders nothing, because the page shows a soak by charts only.
pub(crate) fn html(_soak: &Judged) -> Markup {
    nothing()
}

const WIDTH: usize = 80;

/// Renders the soak for the terminal.
pub(crate) fn table(soak: &Judged) -> String {
    let mut text = wrap(&format!("{}: {}", soak.stage, soak.course()), WIDTH, "  ", "    ");
    if !soak.trends.is_empty() {
        text.push_str(&format!("  {:12}{:>12} {:<16}{:>13}{:>13}\n", "", "change", "interval", "budget", "least seen"));
    }
    for trend in &soak.trends {
        let [called, change, ends, budget, least, state] = cells(trend);
        text.push_str(&format!("  {called:<12}{change:>12} {ends:<16}{budget:>13}{least:>13} {state}\n"));
    }
    text.extend(soak.unknown.iter().map(|why| wrap(&format!("not judged: {why}"), WIDTH, "  ", "    ")));
    text
}

pub(crate) fn markdown(soak: &Judged) -> String {
    let mut text = format!("**{}**: {}\n", soak.stage, soak.course());
    if !soak.trends.is_empty() {
        text.push_str("\n| | change | interval | budget | least seen | |\n|---|---:|---|---:|---:|---|\n");
    }
    for trend in &soak.trends {
        text.push_str(&format!("| {} |\n", cells(trend).join(" | ")));
    }
    text.extend(soak.unknown.iter().map(|why| format!("\nnot judged: {}\n", why.replace('\n', " "))));
    text
}

/// Returns name, change, interval, budget, the smallest change that would have raised an alarm, and the state.
fn cells(trend: &Trend) -> [String; 6] {
    [
        trend.quantity.name().to_owned(),
        trend.shown(trend.change.point),
        trend.ends().unwrap_or_default(),
        trend.shown(trend.budget),
        trend.shown(trend.smallest_seen),
        trend.state.words().to_owned(),
    ]
}

/// Takes the value of a line from a window.
type Value = fn(&SoakWindow) -> Option<f64>;

struct Drawing {
    kind: &'static str,
    title: &'static str,
    quantity: Quantity,
    unit: Readable,
    lines: Vec<Polyline>,
}

/// One line of a chart, with its value in a window.
struct Polyline {
    class: &'static str,
    message: &'static str,
    of: Value,
}

/// Draws every chart that has values.
fn window_charts(stage: &StageRecord, soak: &Judged) -> Markup {
    let windows: Vec<&SoakWindow> = instances(stage).flat_map(|instance| &instance.windows).collect();
    joined(drawings(&windows, soak.pss).iter().map(|drawing| chart(&windows, soak, drawing)))
}

fn drawings(windows: &[&SoakWindow], pss: bool) -> Vec<Drawing> {
    let largest = |of: Value| windows.iter().filter_map(|window| of(window)).fold(0.0, f64::max);
    let count = Readable { divisor: 1.0, unit: "count" };
    let memory = if pss {
        levels(|window| least(window.pss), |window| most(window.pss))
    } else {
        levels(|window| least(window.rss), |window| most(window.rss))
    };
    let descriptors = levels(|window| least(window.descriptors), |window| most(window.descriptors));
    let threads = levels(|window| least(window.threads), |window| most(window.threads));
    let p99 = line("proxied", "p99 of each window", |window| Some(window.response?.p99_ns as f64));
    let p50 = line("third", "p50", |window| Some(window.response?.p50_ns as f64));
    let rate = line("proxied", "valid completions", SoakWindow::rps);
    let (size, span) = (Readable::size(largest(memory[1].of)), Readable::span(largest(p99.of)));
    let drawing = |kind, title, quantity, unit, lines| Drawing { kind, title, quantity, unit, lines };
    vec![
        drawing("soak-memory", "memory", Quantity::Memory, size, memory),
        drawing("soak-descriptors", "open descriptors", Quantity::Descriptors, count, descriptors),
        drawing("soak-threads", "threads", Quantity::Threads, count, threads),
        drawing("soak-p99", "response time", Quantity::P99, span, vec![p99, p50]),
        drawing("soak-rate", "rate", Quantity::Rate, Readable::plain(Unit::PerSecond), vec![rate]),
    ]
}

const fn line(class: &'static str, message: &'static str, of: Value) -> Polyline {
    Polyline { class, message, of }
}

fn levels(trough: Value, peak: Value) -> Vec<Polyline> {
    vec![line("proxied", "trough of each window", trough), line("third", "peak", peak)]
}

fn least(level: Option<Level>) -> Option<f64> {
    level.map(|level| level.trough as f64)
}

fn most(level: Option<Level>) -> Option<f64> {
    level.map(|level| level.peak as f64)
}

fn chart(windows: &[&SoakWindow], soak: &Judged, drawing: &Drawing) -> Markup {
    let value = |window: &SoakWindow, of: Value| Some(of(window)? / drawing.unit.divisor);
    let all = || drawing.lines.iter().flat_map(|line| windows.iter().filter_map(move |window| value(window, line.of)));
    let end = windows.iter().map(|window| (window.from_ns + window.length_ns) as f64 / 1e9).fold(0.0, f64::max);
    if all().next().is_none() {
        return nothing();
    }
    let (divisor, unit) = if end > 7_200.0 { (3_600.0, "h") } else { (1.0, "s") };
    let x = Axis::new(Scale::between(0.0, end / divisor), &format!("time since the load began ({unit})"));
    let y = Axis::new(Scale::from_zero(all()), drawing.unit.unit);
    let mut chart = Chart::new(&format!("{}: {}", soak.stage, drawing.title), x, y);
    for line in &drawing.lines {
        let point = |window: &&SoakWindow| Some((window.middle_s() / divisor, value(window, line.of)?));
        chart.explain(line.class, line.message);
        chart.line(&format!("{} curve", line.class), &windows.iter().filter_map(point).collect::<Vec<_>>());
    }
    if let Some(died) = soak.died_ns {
        let at = died as f64 / 1e9 / divisor;
        chart.shade("rejected", at, at);
        chart.explain("rejected", "the target exited");
    }
    let message = soak.of(drawing.quantity).map_or_else(|| soak.course(), |trend| soak.message(trend));
    chart.figure(&Caption { kind: drawing.kind, stage: &soak.stage, message: &message })
}
