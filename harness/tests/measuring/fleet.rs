//! Fleets of nodes that join on this machine, against the counters of the upstream, the truth of the sidecar, and what is killed.

mod joined;
mod leaving;
mod memory;
mod namespaces;
mod repeating;

use std::cell::RefCell;
use std::time::Duration;

use crate::alone;
use crate::support::{Ran, clocks, recovered_from, undisturbed};
use harness::measure::StageRecord;
use harness::measure::node_line::NodeLine;
use joined::{Fleet, Node, secrets};
use namespaces::Network;

/// Six short rounds at a rate that a shared two-core machine carries with ease.
const OVERHEAD: &str =
    "[stage.overhead]\nrounds = 6\nrate = \"400/s\"\nconnections = 8\nwarmup = \"100ms\"\nwindow = \"400ms\"\n";

/// Returns the nodes of a fleet, of which two have clocks that differ by days from that of the hub, if the kernel permits it.
fn four_nodes() -> Vec<Node> {
    let days = |days: u64| if clocks::may_shift() { days } else { 0 };
    [0, 3, 0, 11].map(|n| Node { days: days(n), ..Node::default() }).to_vec()
}

/// Checks that the hits of the upstream are the requests of all nodes, in every trial.
pub(crate) fn is_exact(stage: &StageRecord) {
    let trials: Vec<_> = stage.valid_rounds().flat_map(|round| &round.trials).collect();
    assert!(!trials.is_empty());
    for trial in trials {
        let ledger = trial.ledger.unwrap();
        assert_eq!((ledger.upstream_hits, ledger.sent), (trial.load.sent_total, trial.load.sent_total));
        assert!(trial.load.nodes.is_empty() && trial.fleet.is_some(), "{:?}", trial.fleet);
    }
}

#[test]
fn four_nodes_are_one_generator_and_their_ledger_is_exact() {
    let _alone = alone();
    let fleet = Fleet::new(four_nodes(), &[], OVERHEAD);
    let lines = RefCell::new(Vec::<NodeLine>::new());
    let ran = undisturbed(|| {
        let (ran, found) = fleet.run();
        *lines.borrow_mut() = found;
        ran
    });
    ran.expect_code(0);
    let (record, stage) = (ran.record(), ran.stage("overhead"));
    let names: Vec<String> = record.fleet.unwrap().nodes.into_iter().map(|node| node.name).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    is_exact(&stage);
    let trials = stage.instances.iter().flat_map(|instance| &instance.rounds).flat_map(|round| &round.trials);
    let sent: u64 = trials.map(|trial| trial.load.sent_total).sum();
    assert_eq!(lines.borrow().iter().map(|line| line.node.sent_total).sum::<u64>(), sent, "the lines of all nodes");
    clocks_are_known(&lines.borrow());
    assert!(ran.shows("4 nodes joined by hand"), "{}", ran.stdout);
    assert!(ran.metric("fleet/skew_p50@overhead").is_some(), "{}", ran.stdout);
}

#[test]
fn nodes_at_other_addresses_load_what_the_scenario_says_they_may() {
    let _alone = alone();
    let Some(network) = Network::new(2) else { return };
    let nodes = [0, 1].map(|node| Node { namespace: Some(network.namespace(node)), ..Node::default() });
    let fleet = Fleet::new(nodes.to_vec(), &[], OVERHEAD).at(&network.address());
    let ran = undisturbed(|| fleet.run().0);
    ran.expect_code(0);
    is_exact(&ran.stage("overhead"));
    let mut at: Vec<String> = ran.record().fleet.unwrap().nodes.into_iter().map(|node| node.address).collect();
    at.sort();
    let network = network.address();
    let expected = ["2", "3"].map(|last| format!("{}{last}", network.strip_suffix('1').unwrap()));
    assert_eq!(at, expected);
}

/// Returns two runs of a fleet whose sidecar adds so much latency.
fn pair(stages: &str) -> [Ran; 2] {
    ["300us", "800us"].map(|added| {
        let fleet = Fleet::new(vec![Node::default(); 2], &["--add-latency", added], stages);
        undisturbed(|| fleet.run().0)
    })
}

fn added_and_found([less, more]: &[Ran; 2]) -> (f64, f64) {
    let truth = |ran: &Ran| ran.truths.last().unwrap()["added_request_ns"]["median"].as_f64().unwrap() / 1e6;
    let id = "overhead/latency_p50";
    (more.value(id) - less.value(id), truth(more) - truth(less))
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn half_a_millisecond_of_added_latency_is_recovered_by_two_nodes() {
    let _alone = alone();
    let first = pair(OVERHEAD);
    recovered_from(0.15, "overhead of a fleet", &first, || pair(OVERHEAD), added_and_found);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn half_a_millisecond_is_inside_the_interval_in_17_of_20_runs_of_four_nodes() {
    let _alone = alone();
    let stages = OVERHEAD.replace("rounds = 6", "rounds = 20");
    let inside = (0..20).filter(|_| {
        let [less, more] = ["0us", "500us"].map(|added| {
            let fleet = Fleet::new(four_nodes(), &["--add-latency", added], &stages);
            undisturbed(|| fleet.run().0)
        });
        let ends = |ran: &Ran| {
            let metrics = ran.judgement()["metrics"].as_array().unwrap();
            let metric = metrics.iter().find(|metric| metric["id"] == "overhead/latency_p50").unwrap();
            let interval = &metric["value"]["estimated"]["estimate"]["interval"];
            (interval["low"].as_f64().unwrap(), interval["high"].as_f64().unwrap())
        };
        let truth = |ran: &Ran| ran.truths.last().unwrap()["added_request_ns"]["median"].as_f64().unwrap() / 1e6;
        let ((less_low, less_high), (low, high)) = (ends(&less), ends(&more));
        (low - less_high..=high - less_low).contains(&(truth(&more) - truth(&less)))
    });
    assert!(inside.count() >= 17);
}

/// Checks that each clock is known within its stated error. The clocks of nodes on this machine differ by whole days from the hub's.
fn clocks_are_known(lines: &[NodeLine]) {
    const DAY: i64 = 86_400_000_000_000;
    for NodeLine { node, .. } in lines {
        let days = (node.clock.offset_ns + DAY / 2).div_euclid(DAY);
        let off = (node.clock.offset_ns - days * DAY).unsigned_abs();
        assert!(off <= node.clock.error_ns, "{off} ns off after {days} days: {node:?}");
    }
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn nodes_whose_clocks_differ_by_days_begin_within_a_fifth_of_a_millisecond() {
    let _alone = alone();
    if !clocks::may_shift() {
        return;
    }
    let stages = OVERHEAD.replace("rounds = 6", "rounds = 100");
    let nodes = [3, 7, 11, 15].map(|days| Node { days, ..Node::default() }).to_vec();
    let fleet = Fleet::new(nodes, &[], &stages);
    // p50 and p99 of 200 starts and more, also of those in rejected rounds.
    let begins = |_: usize| {
        let (ran, lines) = fleet.run();
        clocks_are_known(&lines);
        let stage = ran.stage("overhead");
        let trials = stage.instances.iter().flat_map(|instance| &instance.rounds).flat_map(|round| &round.trials);
        let mut skews: Vec<f64> =
            trials.filter_map(|trial| Some(trial.fleet.as_ref()?.skew_ns? as f64 / 1e6)).collect();
        skews.sort_by(f64::total_cmp);
        assert!(skews.len() >= 200, "{} starts", skews.len());
        (skews[skews.len() / 2], skews[skews.len() * 99 / 100])
    };
    let found: Vec<(f64, f64)> = (0..3).map(begins).collect();
    eprintln!("skew in ms, p50 and p99: {found:?}");
    let within = found.iter().filter(|(half, most)| *half <= 0.2 && *most <= 1.0).count();
    assert!(within >= 2, "skew in ms, p50 and p99: {found:?}");
}

#[test]
fn a_node_with_another_secret_is_refused_while_the_run_waits() {
    let _alone = alone();
    let fleet = Fleet::new(Vec::new(), &[], OVERHEAD).waiting("3s", 1);
    let stranger = fleet.node_with(&Node::default(), &secrets().node);
    let (ran, _) = fleet.run();
    ran.expect_code(4);
    assert!(ran.shows("of 1"), "{}", ran.stderr);
    let output = stranger.output(Duration::from_secs(90));
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("error: ") && !said.contains("node-"), "{said}");
}

#[test]
fn a_run_without_its_secret_says_how_to_make_one() {
    let _alone = alone();
    let fleet = Fleet::new(Vec::new(), &[], OVERHEAD).waiting("3s", 1).without_secret();
    let (ran, _) = fleet.run();
    ran.expect_code(4);
    assert!(ran.shows("eval \"$(harness fleet secret)\""), "{}", ran.stderr);
}
