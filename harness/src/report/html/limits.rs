//! What a target carries in each set of limits, as a curve over CPUs (or over memory, where only that differs).

use maud::Markup;

use super::chart::{Axis, Caption, Chart};
use super::scale::{Readable, Scale};
use super::text::{joined, nothing};
use crate::measure::metric::Unit;
use crate::verdict::curve::{Curve, Point, PointState};
use harness_stats::Estimate;

/// Classes of the lines, one for each amount of memory; more share the last.
const CLASSES: [&str; 4] = ["proxied", "direct", "base", "third"];

/// What is drawn over the limits.
struct Quantity {
    kind: &'static str,
    name: &'static str,
    unit: Readable,
    of: fn(&Point) -> Option<Estimate>,
    demanded: Option<f64>,
}

/// Rate and p99 over the limits.
pub(super) fn charts(curve: &Curve) -> Markup {
    let rate = Quantity {
        kind: "limits-rate",
        name: "requests per second",
        unit: Readable::plain(Unit::PerSecond),
        of: |point| point.rps,
        demanded: curve.objective.rps,
    };
    let p99 = Quantity {
        kind: "limits-p99",
        name: "response time p99",
        unit: Readable::plain(Unit::Millis),
        of: |point| point.p99_ms,
        demanded: curve.objective.p99_ns.map(|ns| ns as f64 / 1e6),
    };
    joined([rate, p99].iter().map(|quantity| chart(curve, quantity)))
}

/// The limits of a point along the axis, and what tells its line from the others.
fn place(curve: &Curve, point: &Point) -> Option<(f64, String)> {
    let mebi = point.limits.memory.map(|memory| memory.0 as f64 / 1_048_576.0);
    if over_cpus(curve) {
        let line = point.limits.memory.map_or_else(|| "memory not limited".to_owned(), |memory| memory.to_string());
        return Some((point.limits.cpus?, line));
    }
    Some((mebi?, point.limits.cpus.map_or_else(|| "CPUs not limited".to_owned(), |cpus| format!("{cpus} CPUs"))))
}

fn over_cpus(curve: &Curve) -> bool {
    curve.points.iter().any(|point| point.limits.cpus.is_some() && point.limits.cpus != curve.points[0].limits.cpus)
        || curve.points.iter().all(|point| point.limits.memory.is_none())
}

fn chart(curve: &Curve, quantity: &Quantity) -> Markup {
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
    let y = Scale::from_zero(highs.chain(quantity.demanded));
    let mut places: Vec<f64> = all().map(|(x, _, _)| *x).collect();
    places.sort_unstable_by(f64::total_cmp);
    places.dedup();
    let ticks = places.into_iter().map(|x| (x, x.to_string())).collect();
    let label = if over_cpus(curve) { "CPUs allowed, logarithmic" } else { "memory allowed (MiB), logarithmic" };
    let title = format!("{}: {} within limits", curve.stage, quantity.name);
    let x = Axis::with_ticks(x, label, ticks);
    let mut chart = Chart::new(&title, x, Axis::new(y, &format!("{} ({})", quantity.name, quantity.unit.unit)));
    if let Some(demanded) = quantity.demanded {
        chart.level("demanded", demanded);
        chart.explain("demanded", &format!("demanded: {}", quantity.unit.show(demanded)));
    }
    for (index, (name, points)) in lines.iter().enumerate() {
        line(&mut chart, CLASSES[index.min(CLASSES.len() - 1)], name, points, quantity.unit);
    }
    chart.figure(&Caption { kind: quantity.kind, stage: &curve.stage, message: &message(curve) })
}

fn line(chart: &mut Chart, class: &'static str, name: &str, points: &[(f64, &Point, Estimate)], unit: Readable) {
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

fn message(curve: &Curve) -> String {
    let met = curve.points.iter().filter(|point| point.state == PointState::Met).count();
    let smallest = curve.smallest.map_or_else(
        || "none of them is known to meet the objective".to_owned(),
        |limits| format!("the smallest that meet the objective are {limits}"),
    );
    format!(
        "{} sets of limits, {met} of which meet the objective ({}); {smallest}. Hollow dots do not meet it, or are undecided; \
         bars are intervals.",
        curve.points.len(),
        curve.objective
    )
}
