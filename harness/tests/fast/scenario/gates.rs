//! How a scenario sets the gates.

use super::*;

const GATES: &str = r#"
[gate]
consecutive = 3
guard = { latency = "+20%" }
[gate.latency]
alert = { change = "+8%", p = 0.04 }
min_abs = "50us"
[gate."throughput/rps_20vu"]
alert = { change = "-5%" }
block = { change = "-12.5%", p = 0.002 }
"#;

#[test]
fn gates_are_read_checked_and_printed_where_they_differ() {
    let text = format!("{GOOD}{GATES}");
    let scenario = good(&text, &["gate.confirm=false"]);
    let latency = scenario.gates.of("latency/p95", Unit::Millis);
    assert_eq!((latency.alert.change, latency.alert.p, latency.block.change), (0.08, 0.04, 0.25));
    assert_eq!(latency.min_abs, 0.05);
    let rps = scenario.gates.of("throughput/rps_20vu", Unit::PerSecond);
    assert_eq!((rps.alert.change, rps.alert.p, rps.block.change, rps.block.p), (0.05, 0.05, 0.125, 0.002));
    assert_eq!((scenario.gates.consecutive, scenario.gates.guard.latency), (3, 0.20));
    let plan = Plan::new(&scenario, &Options::default()).unwrap().to_string();
    for line in [
        "gate      a block is published without an immediate rerun",
        "gate      stored evidence: an alert needs 3 runs in a row",
        "gate      guard: throughput -10%, latency +20% against the median of 3 to 7 runs",
        "gate      latency: alert +8% with p < 0.04, from 0.05 ms",
        "gate      throughput/rps_20vu: alert -5% with p < 0.05, block -12.5% with p < 0.002",
    ] {
        let shown = plan.replace("\n          ", " ");
        assert!(shown.lines().any(|found| found == line), "{line}\n{plan}");
    }
    let plan = Plan::new(&good(GOOD, &[]), &Options::default()).unwrap().to_string();
    assert!(!plan.contains("gate"), "{plan}");
    let json = serde_json::to_value(toml::from_str::<toml::Value>(&text).unwrap()).unwrap();
    assert_eq!(harness::report::validate::against(&scenario::schema().to_string(), &json), []);
}
