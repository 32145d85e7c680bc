//! How a scenario limits the target.

use super::*;

#[test]
fn limits_are_those_of_a_sidecar_unless_written() {
    let text = GOOD.replace(
        "[stage.overhead]",
        r#"[stage.constrained]
[stage.half]
kind = "constrained"
limits = { cpus = 0.5 }
rate = "200/s"
[stage.overhead]
limits = { memory = "1GiB", pids = 40 }"#,
    );
    let scenario = good(&text, &[]);
    let shown: Vec<String> = scenario.stages.iter().map(|stage| stage.limits.to_string()).collect();
    assert_eq!(shown, ["0.5 CPUs, 128MiB", "0.5 CPUs", "1GiB, 40 processes", "no limits"]);
    let pace = |index: usize| load(&scenario.stages[index].work).pace;
    assert_eq!(
        (pace(0), pace(1)),
        (Pace::Closed { vus: 10 }, Pace::Open { rate: Rate(200.0), arrivals: Arrivals::Jittered })
    );
}
