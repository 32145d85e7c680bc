//! The documents that repeat what the code says.

use harness::measure::audit::Limits;
use harness_stats::{Estimate, Sample};

use super::*;

#[test]
fn the_table_of_metrics_is_that_of_the_code() {
    matches_file("docs/metrics.md", &harness::report::metrics_doc::render());
}

fn document(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).unwrap()
}

#[test]
fn the_limits_in_the_glossary_are_the_defaults() {
    let Limits {
        achieved,
        pacer_lag_p99,
        read_lag_p99,
        relay_lag_p99,
        stall,
        upstream_stall,
        throttled,
        probe_gap,
        readings,
        unsent,
        errors,
        steal,
        foreign_cpu,
        target_cpu,
        saturated,
        littles_law,
        skew,
        clock_error,
        node_share,
    } = Limits::default();
    let limits = [
        ("achieved", achieved.notation()),
        ("pacer_lag_p99", pacer_lag_p99.notation()),
        ("read_lag_p99", read_lag_p99.notation()),
        ("relay_lag_p99", relay_lag_p99.notation()),
        ("stall", stall.notation()),
        ("upstream_stall", upstream_stall.notation()),
        ("throttled", throttled.notation()),
        ("probe_gap", probe_gap.notation()),
        ("readings", readings.notation()),
        ("unsent", unsent.to_string()),
        ("errors", errors.notation()),
        ("steal", steal.notation()),
        ("foreign_cpu", foreign_cpu.notation()),
        ("target_cpu", target_cpu.notation()),
        ("saturated", saturated.notation()),
        ("littles_law", littles_law.notation()),
        ("skew", skew.notation()),
        ("clock_error", clock_error.notation()),
        ("node_share", node_share.notation()),
    ];
    let glossary = document("glossary.md");
    let rows = glossary.lines().filter(|line| line.starts_with("| `"));
    let found: Vec<String> = rows.map(|row| row.split('|').take(3).collect::<Vec<_>>().join("|")).collect();
    let expected: Vec<String> = limits.iter().map(|(key, default)| format!("| `{key}` | {default} ")).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_rules_of_the_bottleneck_are_those_of_the_code() {
    let rows: Vec<String> = harness::verdict::bottleneck::table()
        .into_iter()
        .map(|(bound, when)| format!("| {bound} | {when} |"))
        .collect();
    let page = document("bottleneck.md");
    let found: Vec<&str> =
        page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| bounded by")).collect();
    assert_eq!(found, rows);
}

#[test]
fn the_coverages_in_the_statistics_are_those_of_the_code() {
    let covers = (6..=15).map(|n| {
        let sample = Sample::new((0..n).map(f64::from).collect()).unwrap();
        format!("{:.1} %", Estimate::median(&sample).interval.unwrap().coverage * 100.0)
    });
    let row = format!("| covers | {} |", covers.collect::<Vec<_>>().join(" | "));
    assert!(document("statistics.md").contains(&row), "{row}");
}

#[test]
fn the_resolutions_in_the_calibration_are_those_of_the_code() {
    let rounds = [6, 7, 8, 9, 10, 15, 20, 30, 40];
    let shown = rounds.map(|rounds| format!("{:.2}", harness_stats::resolution(rounds).unwrap()));
    let row = format!("| c(N) | {} |", shown.join(" | "));
    assert!(document("calibrate.md").contains(&row), "{row}");
    let instances = [5, 6, 7, 8, 9, 10, 20, 40];
    let shown =
        instances.map(|instances| format!("{:.2}", harness_stats::mean_resolution(instances).unwrap().unwrap()));
    let row = format!("| d(k) | {} |", shown.join(" | "));
    assert!(document("calibrate.md").contains(&row), "{row}");
}
