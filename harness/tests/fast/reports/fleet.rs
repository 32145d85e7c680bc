//! A run whose load came from a fleet: as it is recorded, audited, shown and compared.

use harness::baseline::Promoted;
use harness::measure::audit::{AtNode, Check, Evidence, Limits, Rule, audit};
use harness::measure::fleet::{FleetFacts, FleetTrial};
use harness::measure::trial::TrialRecord;
use harness::measure::{Arm, LedgerRule, LoadFacts, Pace, Series};
use harness_fleet::FleetEngine;
use harness_fleet::order::NodeFacts;
use harness_load::facts::StallTotal;
use harness_load::latency::Lag;
use harness_load::lost::LostWhy;
use harness_load::nodes::{NodeClock, NodeHost, NodeTrial};

use super::*;

const MS: u64 = 1_000_000;

fn facts(nodes: u64) -> FleetFacts {
    let node = |index: u64| NodeFacts {
        index,
        name: format!("worker-{index}"),
        cpus: 4.0,
        memory_bytes: 8 << 30,
        kernel: "6.8.0".to_owned(),
        cpu_model: "EPYC <7763>".to_owned(),
        address: format!("10.0.0.{}", index + 10),
        ..NodeFacts::default()
    };
    let nodes = (0..nodes).map(node).collect();
    FleetFacts { engine: FleetEngine::Joined, cpus: None, memory_bytes: None, co_located: false, nodes }
}

/// Returns the sample with load from two nodes that began `skew_ms` apart.
fn sample_of_two(skew_ms: u64) -> Record {
    let mut record = Record { fleet: Some(facts(2)), ..sample::record() };
    let rounds = record.stages.iter_mut().flat_map(|stage| &mut stage.instances);
    for trial in rounds.flat_map(|instance| &mut instance.rounds).flat_map(|round| &mut round.trials) {
        trial.fleet = Some(FleetTrial { skew_ns: Some(skew_ms * MS), clock_error_ns: 20_000, share_off: Some(0.001) });
    }
    record
}

fn node(index: u64) -> NodeTrial {
    let lag = Lag { quantile: 0.99, lag_ns: 200_000 };
    NodeTrial {
        index,
        name: format!("worker-{index}"),
        scheduled: 250,
        pacer_lag: Some(lag),
        read_lag: Some(lag),
        stalls: Some(StallTotal::default()),
        first_lag_ns: Some(100_000),
        clock: NodeClock { offset_ns: -5, error_ns: 30_000 },
        host: NodeHost { cpus: 2.0, cpu_ns: Some(1), steal: Some(0.0), foreign_cpu: Some(0.01), throttled: None },
        ..NodeTrial::default()
    }
}

/// Returns the failed checks about nodes of an open loop.
fn failed(nodes: Vec<NodeTrial>, on_host: &[u64]) -> Vec<Check> {
    failed_at(Pace::constant(Rate(1_000.0)), nodes, on_host)
}

/// Returns the failed checks about nodes in a window of a second.
fn failed_at(offered: Pace, nodes: Vec<NodeTrial>, on_host: &[u64]) -> Vec<Check> {
    let load = LoadFacts { window_ns: 1_000 * MS, nodes, ..LoadFacts::default() };
    let evidence = Evidence {
        arm: Arm::Direct,
        offered,
        connections: 10,
        load: &load,
        ledger: None,
        ledger_rule: LedgerRule::Exact,
        relays: &[],
        readings: &Series(Vec::new()),
        target_cpus: 2.0,
        both_to_target: false,
        on_host,
        peers: None,
        nodes_at: &[],
    };
    let mut checks = audit(&evidence, &Limits::default());
    checks.retain(|check| check.node.is_some() && !check.passed);
    checks
}

#[test]
fn every_node_is_audited_and_the_worst_is_named() {
    assert!(failed((0..4).map(node).collect(), &[]).is_empty());
    let with = |change: fn(&mut NodeTrial)| {
        let mut nodes: Vec<NodeTrial> = (0..4).map(node).collect();
        change(&mut nodes[1]);
        nodes
    };
    type Change = fn(&mut NodeTrial);
    let changes: [(Change, &str); 9] = [
        (|node| node.pacer_lag = Some(Lag { quantile: 0.99, lag_ns: 3 * MS }), "pacer lag p99 3.00 ms, limit 1.00 ms"),
        (|node| node.read_lag = Some(Lag { quantile: 0.99, lag_ns: 3 * MS }), "read lag p99 3.00 ms, limit 1.00 ms"),
        (
            |node| node.stalls = Some(StallTotal { requests: 100, ..StallTotal::default() }),
            "stalls of the generator overlap 40.0 % of the requests",
        ),
        (|node| node.host.steal = Some(0.2), "20.0 % of CPU time stolen"),
        (|node| node.host.foreign_cpu = Some(0.5), "50.0 % of CPU time used by other processes"),
        (|node| node.host.throttled = Some(0.3), "the CPU quota of the harness throttled it for 30.0 % of the window"),
        (|node| node.clock.error_ns = 2 * MS, "its clock is known to 2.00 ms only"),
        (|node| node.first_lag_ns = Some(5 * MS), "began 4.90 ms after the first node"),
        (|node| node.scheduled = 200, "200 requests scheduled, an equal share is 238"),
    ];
    for (change, message) in changes {
        let [found] = failed(with(change), &[]).try_into().unwrap();
        let at = AtNode { index: 1, of: 4, name: "worker-1".to_owned() };
        assert_eq!(found.node, Some(at));
        assert!(found.to_string().starts_with(&format!("node 2 of 4 (worker-1): {message}")), "{found}");
    }
    for (change, rule) in [
        ((|node| node.host.steal = None) as Change, Rule::Steal),
        (|node| node.host.foreign_cpu = None, Rule::ForeignCpu),
    ] {
        let [found] = failed(with(change), &[]).try_into().unwrap();
        assert_eq!((found.rule(), found.node.map(|node| node.index)), (rule, Some(1)), "what is unknown does not pass");
        assert!(failed(with(change), &[1]).is_empty(), "the readings of the run count");
    }
    let foreign = failed(with(|node| node.host.foreign_cpu = Some(0.5)), &[1]);
    assert!(foreign.is_empty(), "its host is that of the target: {foreign:?}");
    assert!(failed(with(|node| node.scheduled = 251), &[]).is_empty(), "requests are whole");
}

#[test]
fn the_nodes_of_a_closed_loop_may_begin_apart_by_a_hundredth_of_the_window() {
    let nodes = |apart: u64| {
        let mut nodes: Vec<NodeTrial> = (0..4).map(node).collect();
        nodes[1].first_lag_ns = Some(apart);
        nodes
    };
    // The window is a second long.
    for (apart, rules) in [(9 * MS, vec![]), (12 * MS, vec![Rule::Skew])] {
        let failed = failed_at(Pace::Closed { vus: 10 }, nodes(apart), &[]);
        assert_eq!(failed.iter().map(Check::rule).collect::<Vec<_>>(), rules, "{failed:?}");
    }
}

#[test]
fn a_trial_says_how_far_apart_its_nodes_were() {
    let mut nodes: Vec<NodeTrial> = (0..2).map(node).collect();
    (nodes[1].first_lag_ns, nodes[1].scheduled) = (Some(700_000), 240);
    let of = |nodes: Vec<NodeTrial>| FleetTrial::of(&LoadFacts { nodes, ..LoadFacts::default() });
    let found = of(nodes.clone()).unwrap();
    assert_eq!((found.skew_ns, found.clock_error_ns), (Some(600_000), 30_000));
    assert!((found.share_off.unwrap() - 5.0 / 245.0).abs() < 1e-9, "{found:?}");
    nodes[0].first_lag_ns = None;
    assert_eq!(of(nodes).unwrap().skew_ns, None);
    assert_eq!(of(Vec::new()), None);
}

#[test]
fn a_fleet_is_in_the_record_and_in_every_report() {
    let record = sample_of_two(3);
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    let judgement = judged(&record, &[]);
    let skew = judgement.metrics.iter().find(|metric| metric.id == "fleet/skew_p50@overhead").unwrap();
    assert_eq!(skew.estimate().map(|estimate| estimate.point), Some(3.0));
    assert!(skew.advisory.is_some() && judgement.metrics.iter().any(|metric| metric.id == "fleet/skew_p99@capacity"));
    for name in ["table", "markdown", "html", "comment", "perf-summary", "release-notes"] {
        let shown = rendered(name, &record, &judgement);
        assert!(shown.split_whitespace().collect::<Vec<_>>().join(" ").contains("2 nodes joined by hand"), "{name}");
        assert!(!shown.contains("EPYC <7763>") || name != "html", "{name}");
    }
    let alone = judged(&sample::record(), &[]);
    assert!(alone.metrics.iter().all(|metric| metric.category() != "fleet"));
    assert!(!rendered("table", &sample::record(), &alone).contains("load from"));
}

#[test]
fn a_lost_node_is_the_reason_of_its_stage() {
    let lost =
        |after_ns, why| Problem::NodeLost { node: 1, of: 4, name: "worker-b".to_owned(), instance: 4, after_ns, why };
    let reset = LostWhy::Reset { message: "connection reset".to_owned() };
    let message = "node 2 of 4 (worker-b) was lost 4.2 s into instance 5: connection reset";
    assert_eq!(lost(Some(4_200 * MS), reset).to_string(), message);
    let early = lost(None, LostWhy::Silent { ns: 3_000 * MS }).to_string();
    assert!(early.starts_with("node 2 of 4 (worker-b) was lost before instance 5 began: nothing was heard"), "{early}");
    let mut record = sample_of_two(0);
    stage(&mut record, "overhead").status = StageStatus::Invalid(vec![lost(None, LostWhy::Closed).into()]);
    let judgement = judged(&record, &[]);
    assert_eq!(judgement.exit, harness_base::exit::Exit::Invalid);
    assert!(judgement.headline().contains("node 2 of 4 (worker-b) was lost"), "{}", judgement.headline());
}

#[test]
fn only_fleets_of_one_shape_are_compared() {
    let run = |fleet: Option<FleetFacts>| Promoted {
        fleet: fleet.as_ref().map(FleetFacts::shape),
        ..crate::baseline::made::run(0, 1.0)
    };
    assert_eq!(run(Some(facts(2))).differs(&run(Some(facts(2)))), [""; 0]);
    let other = run(Some(facts(2))).differs(&run(Some(facts(3))));
    assert_eq!(other, ["the load came from 2 nodes joined by hand, in the baseline from 3 nodes joined by hand"]);
    let alone = run(Some(facts(1))).differs(&run(None));
    assert_eq!(alone, ["the load came from 1 node joined by hand, in the baseline from a process of the host"]);
}

#[test]
fn a_trial_without_nodes_has_no_fleet() {
    let trial = TrialRecord::new(Arm::Direct, Pace::Closed { vus: 1 }, LoadFacts::default());
    assert_eq!((trial.fleet.clone(), trial.audit.len()), (None, 0));
    assert!(!serde_json::to_string(&trial).unwrap().contains("fleet"));
}
