//! Draws the response times and the CPU use over the rate.

use crate::measure::metric::Unit;
use crate::report::html::chart::{Axis, Caption, Chart};
use crate::report::html::scale::Scale;
use crate::report::html::text::{joined, nothing};
use crate::stages::search::facts::Variable;
use crate::stages::search::judge::{Judged, Point, PointState};
use maud::Markup;

/// Factor between the rates from which their scale is logarithmic.
const WIDE: f64 = 6.0;

/// One line of a chart.
struct Line {
    class: &'static str,
    name: &'static str,
    of: fn(&Point) -> Option<f64>,
}

/// The quantity that a chart draws over the rate.
struct Quantity {
    kind: &'static str,
    name: &'static str,
    unit: Unit,
    lines: &'static [Line],
    limit: Option<f64>,
    /// Whether the axis is logarithmic, because values beyond the limit are far beyond it.
    log: bool,
}

const TIMES: &[Line] = &[
    Line { class: "proxied", name: "p99 through the target", of: |point| point.p99_ms },
    Line { class: "base", name: "p50 through the target", of: |point| point.p50_ms },
    Line { class: "direct", name: "p99 of the direct arm", of: |point| point.direct_p99_ms },
];

const CPU: &[Line] = &[Line { class: "proxied", name: "CPU use of the target", of: |point| point.cpu_percent }];

/// Draws both charts.
pub(super) fn charts(found: &Judged) -> Markup {
    let limit = found.objective.longest().map(|limit| limit.as_millis_f64());
    let times =
        Quantity { kind: "search-times", name: "response time", unit: Unit::Millis, lines: TIMES, limit, log: true };
    let cpu = Quantity {
        kind: "search-cpu",
        name: "CPU use",
        unit: Unit::Percent,
        lines: CPU,
        limit: found.objective.cpu_percent,
        log: false,
    };
    joined([times, cpu].iter().map(|quantity| chart(found, quantity)))
}

fn chart(found: &Judged, quantity: &Quantity) -> Markup {
    let values = || found.points.iter().flat_map(|point| quantity.lines.iter().filter_map(|line| (line.of)(point)));
    let all = || values().chain(quantity.limit);
    let y = if quantity.log { Scale::log(all()) } else { Some(Scale::from_zero(all())) };
    let (Some(x), Some(y)) = (rates(found), y) else { return nothing() };
    if values().next().is_none() {
        return nothing();
    }
    let title = format!("{}: {} over the {}", found.stage, quantity.name, found.variable.one());
    let label =
        format!("{} ({}){}", quantity.name, quantity.unit.label(), if quantity.log { ", logarithmic" } else { "" });
    let mut chart = Chart::new(&title, Axis::new(x, axis(found.variable)), Axis::new(y, &label));
    if let Some((low, high)) = found.low.zip(found.high) {
        chart.shade("in-proxied", low, high);
        chart.explain("in-proxied", "answer");
    }
    if let Some(limit) = quantity.limit {
        chart.level("demanded", limit);
        chart.explain("demanded", &format!("objective: {}", quantity.unit.show(limit)));
    }
    quantity.lines.iter().for_each(|line| draw(&mut chart, found, line, quantity.unit));
    chart.figure(&Caption { kind: quantity.kind, stage: &found.stage, message: &caption(found) })
}

const fn axis(variable: Variable) -> &'static str {
    match variable {
        Variable::Rate => "requests per second",
        Variable::Users => "users",
    }
}

/// Returns the scale of the rates: logarithmic if they differ much. It is `None` without a rate.
fn rates(found: &Judged) -> Option<Scale> {
    let rates = || found.points.iter().map(|point| point.rate);
    let (low, high) = (rates().reduce(f64::min)?, rates().reduce(f64::max)?);
    if high > WIDE * low { Scale::log(rates()) } else { Some(Scale::between(0.97 * low, 1.03 * high)) }
}

fn draw(chart: &mut Chart, found: &Judged, line: &Line, unit: Unit) {
    let points = || found.points.iter().filter_map(|point| Some((point, (line.of)(point)?)));
    if points().next().is_none() {
        return;
    }
    chart.explain(line.class, line.name);
    let places: Vec<(f64, f64)> = points().map(|(point, value)| (point.rate, value)).collect();
    chart.line(&format!("{} curve", line.class), &places);
    for (point, value) in points() {
        let kept = if point.state == PointState::Kept { "" } else { " hollow" };
        let (rate, state) = (found.variable.show(point.rate), point.state.word());
        let message = format!("{rate}: {}, objective {state}", unit.show(value));
        chart.dot(&format!("{}{kept}", line.class), (point.rate, value), &message);
    }
}

fn caption(found: &Judged) -> String {
    format!(
        "{} probes; {}: {}. Filled dots keep the objective; hollow dots do not, are undecided, or are limited by generator, upstream or host.",
        found.points.len(),
        found.objective,
        found.conclusion()
    )
}
