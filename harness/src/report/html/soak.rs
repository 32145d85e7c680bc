//! A soak window by window: what it holds, how long it takes, how much it carries.

use maud::Markup;

use super::chart::{Axis, Caption, Chart};
use super::scale::{Readable, Scale};
use super::text::{joined, nothing};
use crate::measure::metric::Unit;
use crate::measure::record::StageRecord;
use crate::measure::soak::{Level, Quantity, SoakWindow};
use crate::verdict::soak::Soak;

/// The value of a line in a window.
type Value = fn(&SoakWindow) -> Option<f64>;

struct Drawing {
    kind: &'static str,
    title: &'static str,
    quantity: Quantity,
    unit: Readable,
    lines: Vec<Polyline>,
}

/// One line of a drawing: its class, its words, and its value in a window.
struct Polyline {
    class: &'static str,
    message: &'static str,
    of: Value,
}

/// Every drawing there are values for.
pub(super) fn charts(stage: &StageRecord, soak: &Soak) -> Markup {
    let windows: Vec<&SoakWindow> = stage.instances.iter().flat_map(|instance| &instance.windows).collect();
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

fn chart(windows: &[&SoakWindow], soak: &Soak, drawing: &Drawing) -> Markup {
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
        chart.explain("rejected", "the target ended by itself");
    }
    let message = soak.of(drawing.quantity).map_or_else(|| soak.course(), |trend| soak.message(trend));
    chart.figure(&Caption { kind: drawing.kind, stage: &soak.stage, message: &message })
}
