//! How a scenario asks for the curve of limits.

use harness::stages::limits::work::Work as LimitsWork;

use super::*;

#[test]
fn a_curve_is_every_pair_of_its_limits() {
    let text = GOOD.replace(
        "[stage.overhead]",
        r#"[stage.limits]
cpus = [1, 0.25]
memory = ["128MiB", "64MiB"]
objective = { rps = "500/s", p99 = "50ms" }
[stage.overhead]"#,
    );
    let scenario = good(&text, &[]);
    assert_eq!(scenario.stages[0].limits.to_string(), "no limits", "each instance has its own");
    let Work::Limits(LimitsWork { cells, load, objective }) = &scenario.stages[0].work else { panic!("no curve") };
    let shown: Vec<String> = cells.iter().map(ToString::to_string).collect();
    let expected = ["0.25 CPUs, 64MiB", "0.25 CPUs, 128MiB", "1 CPUs, 64MiB", "1 CPUs, 128MiB"];
    assert_eq!(shown, expected, "smallest first");
    assert_eq!((objective.rps, objective.p99_ns), (Some(500.0), Some(50_000_000)));
    assert!(!load.paired && load.rounds == 6);
}
