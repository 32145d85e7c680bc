//! Shows the cost-of-limits curve as a table, as a chart over CPUs (or over memory if only that differs), and the
//! smallest sufficient limits in the syntax of Kubernetes.

use super::judge::{Judged, Point, PointState};
use crate::measure::group::ResourceLimits;
use crate::measure::metric::Unit;
use crate::measure::record::StageRecord;
use crate::report::html::chart::{Axis, Caption, Chart};
use crate::report::html::scale::{Readable, Scale};
use crate::report::html::series;
use crate::report::html::text::{joined, nothing};
use crate::report::show::{Show, load, rejected};
use crate::report::text::wrap;
use crate::verdict::stage::Detail;
use harness_base::units::Bytes;
use harness_stats::Estimate;
use maud::Markup;

pub(crate) const SHOW: Show = Show { done, charts, ..Show::ROUNDS };

pub(crate) const TITLE: &str = "cost of limits";
pub(crate) const HEADING: &str = "Cost of limits";

fn done(stage: &StageRecord) -> String {
    let (sets, rounds) = (stage.instances.len(), stage.valid_rounds().count());
    format!("{sets} sets of limits, {rounds} rounds{}; {}", rejected(stage), load(stage))
}

/// Draws no charts of rounds, because each instance has different limits: its rounds cannot be pooled.
fn charts(stage: &StageRecord, detail: Option<&Detail>) -> Markup {
    let curve = match detail {
        Some(Detail::Limits(curve)) => curve_charts(curve),
        _ => nothing(),
    };
    joined([curve, series::charts(stage)])
}

/// Renders no table, because the page draws the curve.
pub(crate) fn html(_curve: &Judged) -> Markup {
    nothing()
}

const WIDTH: usize = 80;

/// The columns after the limits.
const COLUMNS: [&str; 5] = ["rps", "p50", "p99", "throttled", "peak"];

/// Renders the curve for the terminal.
pub(crate) fn table(curve: &Judged) -> String {
    let mut text = wrap(&format!("{}: objective {}", curve.stage, curve.objective), WIDTH, "  ", "    ");
    let [rps, p50, p99, throttled, peak] = COLUMNS;
    text.push_str(&format!("  {:>5} {:>8} {rps:>13} {p50:>9} {p99:>9} {throttled:>9} {peak:>9}\n", "cpus", "memory"));
    for point in &curve.points {
        let [rps, p50, p99, throttled, peak] = values(point);
        let [cpus, memory] = limits(point.limits);
        let state = point.state.word();
        text.push_str(&format!(
            "  {cpus:>5} {memory:>8} {rps:>13} {p50:>9} {p99:>9} {throttled:>9} {peak:>9} {state}\n"
        ));
        if let Some(message) = &point.message {
            text.push_str(&wrap(message, WIDTH, "        ", "        "));
        }
        if let Some(bottleneck) = &point.bottleneck {
            text.push_str(&wrap(&bottleneck.headline(), WIDTH, "        ", "        "));
        }
    }
    text.push_str(&wrap(&conclusion(curve), WIDTH, "  ", "    "));
    text.extend(curve.smallest.map(|limits| indented(&resources(limits))));
    text
}

pub(crate) fn markdown(curve: &Judged) -> String {
    let mut text = format!("**{}**, objective: {}\n\n", curve.stage, curve.objective);
    text.push_str(&format!(
        "| cpus | memory | {} | objective | bottleneck |\n|---:|---:|---:|---:|---:|---:|---:|---|---|\n",
        COLUMNS.join(" | ")
    ));
    for point in &curve.points {
        let message =
            point.message.as_ref().map(|message| format!(": {}", message.replace('|', "\\|").replace('\n', " ")));
        text.push_str(&format!(
            "| {} | {} | {}{} | {} |\n",
            limits(point.limits).join(" | "),
            values(point).join(" | "),
            point.state.word(),
            message.unwrap_or_default(),
            point.bottleneck.as_ref().map_or("–", |bottleneck| bottleneck.by.words())
        ));
    }
    text.push_str(&format!("\n{}\n", conclusion(curve)));
    text.extend(curve.smallest.map(|limits| format!("\n```yaml\n{}```\n", resources(limits))));
    text
}

fn conclusion(curve: &Judged) -> String {
    match curve.smallest {
        Some(limits) => format!("the smallest limits that meet it: {limits}"),
        None => "no limits that were tried are known to meet it; try larger ones".to_owned(),
    }
}

/// Formats limits as resources of a Kubernetes container. Requests equal limits, because the target had no more.
fn resources(limits: ResourceLimits) -> String {
    let cpu = limits.cpus.map(|cpus| format!("cpu: {}m", (cpus * 1000.0).ceil()));
    let memory = limits.memory.map(|memory| format!("memory: {}", kubernetes_size(memory)));
    let fields = cpu.into_iter().chain(memory).collect::<Vec<_>>().join(", ");
    format!("resources:\n  requests: {{ {fields} }}\n  limits: {{ {fields} }}\n")
}

/// Formats `64Mi`; bytes if it is not a whole number of mebibytes.
fn kubernetes_size(memory: Bytes) -> String {
    const MEBI: u64 = 1 << 20;
    if memory.0.is_multiple_of(MEBI) { format!("{}Mi", memory.0 / MEBI) } else { memory.0.to_string() }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

fn limits(limits: ResourceLimits) -> [String; 2] {
    let none = || "–".to_owned();
    [
        limits.cpus.map_or_else(none, |cpus| cpus.to_string()),
        limits.memory.map_or_else(none, |memory| memory.notation()),
    ]
}

/// Formats medians; a dash for missing values.
fn values(point: &Point) -> [String; 5] {
    let show =
        |unit: Unit, value: &Option<Estimate>| value.map_or_else(|| "–".to_owned(), |value| unit.show(value.point));
    [
        show(Unit::PerSecond, &point.rps),
        show(Unit::Millis, &point.p50_ms),
        show(Unit::Millis, &point.p99_ms),
        show(Unit::Percent, &point.throttled_percent),
        show(Unit::Bytes, &point.peak_bytes),
    ]
}

/// Classes of the lines, one for each amount of memory; more share the last.
const CLASSES: [&str; 4] = ["proxied", "direct", "base", "third"];

/// A quantity that is drawn over the limits.
struct Quantity {
    kind: &'static str,
    name: &'static str,
    unit: Readable,
    of: fn(&Point) -> Option<Estimate>,
    objective: Option<f64>,
}

/// Draws rate and p99 over the limits.
fn curve_charts(curve: &Judged) -> Markup {
    let rate = Quantity {
        kind: "limits-rate",
        name: "requests per second",
        unit: Readable::plain(Unit::PerSecond),
        of: |point| point.rps,
        objective: curve.objective.rps,
    };
    let p99 = Quantity {
        kind: "limits-p99",
        name: "response time p99",
        unit: Readable::plain(Unit::Millis),
        of: |point| point.p99_ms,
        objective: curve.objective.p99_ns.map(|ns| ns as f64 / 1e6),
    };
    joined([rate, p99].iter().map(|quantity| chart(curve, quantity)))
}

/// Returns the place of a point on the axis and the name of its line.
fn place(curve: &Judged, point: &Point) -> Option<(f64, String)> {
    let mebi = point.limits.memory.map(|memory| memory.0 as f64 / 1_048_576.0);
    if over_cpus(curve) {
        let line = point.limits.memory.map_or_else(|| "memory not limited".to_owned(), |memory| memory.to_string());
        return Some((point.limits.cpus?, line));
    }
    Some((mebi?, point.limits.cpus.map_or_else(|| "CPUs not limited".to_owned(), |cpus| format!("{cpus} CPUs"))))
}

fn over_cpus(curve: &Judged) -> bool {
    curve.points.iter().any(|point| point.limits.cpus.is_some() && point.limits.cpus != curve.points[0].limits.cpus)
        || curve.points.iter().all(|point| point.limits.memory.is_none())
}

fn chart(curve: &Judged, quantity: &Quantity) -> Markup {
    type Polyline<'a> = (String, Vec<(f64, &'a Point, Estimate)>);
    let mut lines: Vec<Polyline<'_>> = Vec::new();
    for point in &curve.points {
        let (Some((x, name)), Some(value)) = (place(curve, point), (quantity.of)(point)) else { continue };
        match lines.iter_mut().find(|(known, _)| *known == name) {
            Some((_, points)) => points.push((x, point, value)),
            None => lines.push((name, vec![(x, point, value)])),
        }
    }
    let all = || lines.iter().flat_map(|(_, points)| points);
    let Some(x) = Scale::log(all().map(|(x, _, _)| *x)) else { return nothing() };
    let highs = all().map(|(_, _, value)| value.interval.map_or(value.point, |ends| ends.high));
    let y = Scale::from_zero(highs.chain(quantity.objective));
    let mut places: Vec<f64> = all().map(|(x, _, _)| *x).collect();
    places.sort_unstable_by(f64::total_cmp);
    places.dedup();
    let ticks = places.into_iter().map(|x| (x, x.to_string())).collect();
    let label = if over_cpus(curve) { "CPUs allowed, logarithmic" } else { "memory allowed (MiB), logarithmic" };
    let title = format!("{}: {} within limits", curve.stage, quantity.name);
    let x = Axis::with_ticks(x, label, ticks);
    let mut chart = Chart::new(&title, x, Axis::new(y, &format!("{} ({})", quantity.name, quantity.unit.unit)));
    if let Some(objective) = quantity.objective {
        chart.level("demanded", objective);
        chart.explain("demanded", &format!("objective: {}", quantity.unit.show(objective)));
    }
    for (index, (name, points)) in lines.iter().enumerate() {
        draw_line(&mut chart, CLASSES[index.min(CLASSES.len() - 1)], name, points, quantity.unit);
    }
    chart.figure(&Caption { kind: quantity.kind, stage: &curve.stage, message: &caption(curve) })
}

fn draw_line(chart: &mut Chart, class: &'static str, name: &str, points: &[(f64, &Point, Estimate)], unit: Readable) {
    chart.explain(class, name);
    let medians: Vec<(f64, f64)> = points.iter().map(|(x, _, value)| (*x, value.point)).collect();
    chart.line(&format!("{class} curve"), &medians);
    for (x, point, value) in points {
        if let Some(ends) = value.interval {
            chart.line(&format!("{class} whisker"), &[(*x, ends.low), (*x, ends.high)]);
        }
        let met = if point.state == PointState::Met { "" } else { " hollow" };
        let message = format!("{}: {}, objective {}", point.limits, unit.show(value.point), point.state.word());
        chart.dot(&format!("{class}{met}"), (*x, value.point), &message);
    }
}

fn caption(curve: &Judged) -> String {
    let met = curve.points.iter().filter(|point| point.state == PointState::Met).count();
    let smallest = curve.smallest.map_or_else(
        || "none of them is known to meet the objective".to_owned(),
        |limits| format!("the smallest that meet the objective are {limits}"),
    );
    format!(
        "{} sets of limits, {met} of which meet the objective ({}); {smallest}. Hollow dots do not meet it or are undecided; \
         bars are intervals.",
        curve.points.len(),
        curve.objective
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_written_as_kubernetes_reads_them() {
        let limits = ResourceLimits { cpus: Some(0.25), memory: Some(Bytes::from_mebi(64)), pids: None };
        let expected = "resources:\n  requests: { cpu: 250m, memory: 64Mi }\n  limits: { cpu: 250m, memory: 64Mi }\n";
        assert_eq!(resources(limits), expected);
        assert_eq!(kubernetes_size(Bytes(100_000_000)), "100000000");
    }
}
