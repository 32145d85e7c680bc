//! The cost-of-limits curve as people read it, and the limits it ends in as Kubernetes reads them.

use super::text::wrap;
use crate::measure::group::ResourceLimits;
use crate::measure::metric::Unit;
use crate::verdict::curve::{Curve, Point};
use harness_base::units::Bytes;
use harness_stats::Estimate;

const WIDTH: usize = 80;

/// The columns behind the limits.
const COLUMNS: [&str; 5] = ["rps", "p50", "p99", "throttled", "peak"];

/// The curve at the terminal.
pub(super) fn table(curve: &Curve) -> String {
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

pub(super) fn markdown(curve: &Curve) -> String {
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

fn conclusion(curve: &Curve) -> String {
    match curve.smallest {
        Some(limits) => format!("the smallest limits that meet it: {limits}"),
        None => "no limits that were tried are known to meet it; try larger ones".to_owned(),
    }
}

/// Limits as a Kubernetes container has them. Requests equal limits, as what was measured had nothing beyond them.
fn resources(limits: ResourceLimits) -> String {
    let cpu = limits.cpus.map(|cpus| format!("cpu: {}m", (cpus * 1000.0).ceil()));
    let memory = limits.memory.map(|memory| format!("memory: {}", kubernetes_size(memory)));
    let fields = cpu.into_iter().chain(memory).collect::<Vec<_>>().join(", ");
    format!("resources:\n  requests: {{ {fields} }}\n  limits: {{ {fields} }}\n")
}

/// `64Mi`; bytes where it is no whole number of mebibytes.
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

/// Medians; a dash for what has no value.
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
