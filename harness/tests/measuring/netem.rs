//! Paths that netem makes, against what was drawn. Where the kernel has no netem, a run says so before it measures anything.

use std::path::PathBuf;

use rand::Rng as _;

use crate::alone;
use crate::echo::{self, SHORT};
use crate::network::{self, median_us};
use crate::support::{Ran, measured, recovered, recovered_from, run, settled};
use harness::measure::{Arm, NetemFacts};
use harness_base::units::BitRate;
use harness_rig::netem::{Error, Netem};

/// Returns a scenario whose paths netem makes.
fn by_netem(scenario: &str) -> String {
    scenario.replacen("[audit]\n", "[network]\nnetem = true\n\n[audit]\n", 1)
}

/// Returns whether netem can be used here. Otherwise a run of this scenario must say why.
fn there_is_netem(scenario: &str) -> bool {
    let Err(error) = Netem::try_out() else { return true };
    eprintln!("NO NETEM: {error}");
    let ran = run(scenario);
    ran.expect_code(4);
    assert!(ran.stderr.contains(&error.problem()) && ran.stderr.contains(&error.remedy()), "{}", ran.stderr);
    if let Error::NoNetem { .. } = error {
        assert!(ran.stderr.contains("this kernel has no netem (sch_netem)"), "{}", ran.stderr);
    }
    assert!(ran.stdout.is_empty(), "something was measured: {}", ran.stdout);
    false
}

/// The network namespace of this test, which no run may change.
fn own_namespace() -> PathBuf {
    std::fs::read_link("/proc/self/ns/net").unwrap()
}

#[test]
fn a_drawn_delay_is_the_round_trip_of_both_arms() {
    let _alone = alone();
    let delay_us: u32 = rand::rng().random_range(5_000..15_000);
    let far = format!("{{ client = {{ delay = \"{delay_us}us\" }}, upstream = {{}} }}");
    let stages = [("bare", "{ client = {}, upstream = {} }"), ("far", far.as_str())];
    let scenario = by_netem(&network::scenario(&[], 6, &stages));
    let before = own_namespace();
    if there_is_netem(&scenario) {
        settled("µs of the direct arm beyond the drawn round trip", -100.0..=100.0, || {
            let ran = measured(&scenario);
            ran.expect_code(0);
            assert!(ran.shows(&format!("client path: {delay_us}us each way")), "{}", ran.stdout);
            let lost: u64 = netems(&ran, "far").iter().map(|netem| netem.arrived_and_dropped().1).sum();
            assert_eq!(lost, 0, "packets of a path without loss");
            median_us(&ran.stage("far"), Arm::Direct)
                - median_us(&ran.stage("bare"), Arm::Direct)
                - 2.0 * f64::from(delay_us)
        });
    }
    assert_eq!(own_namespace(), before);
}

/// Returns what netem did in each trial of a stage, on each path.
fn netems(ran: &Ran, stage: &str) -> Vec<NetemFacts> {
    let stage = ran.stage(stage);
    let rounds = stage.instances.iter().flat_map(|instance| &instance.rounds);
    rounds.flat_map(|round| &round.trials).flat_map(|trial| &trial.relays).filter_map(|relay| relay.netem).collect()
}

#[test]
fn a_drawn_share_of_the_packets_is_lost_in_each_direction_and_no_request() {
    let _alone = alone();
    let percent: u32 = rand::rng().random_range(2..=5);
    let lossy = format!("{{ client = {{ delay = \"2ms\", loss = \"{percent}%\" }} }}");
    let scenario = by_netem(&network::scenario(&[], 10, &[("lossy", &lossy)]));
    if !there_is_netem(&scenario) {
        return;
    }
    let ran = measured(&scenario);
    let all = netems(&ran, "lossy");
    assert!(all.iter().all(NetemFacts::is_as_wanted), "{all:?}");
    let share = f64::from(percent) / 100.0;
    for direction in [|netem: &NetemFacts| netem.forward, |netem: &NetemFacts| netem.backward] {
        let lost: u64 = all.iter().map(|netem| direction(netem).dropped).sum();
        let passed: u64 = all.iter().map(|netem| direction(netem).packets).sum();
        let (lost, packets) = (lost as f64, (lost + passed) as f64);
        let deviation = (packets * share * (1.0 - share)).sqrt();
        eprintln!("{lost} of {packets} packets, {percent} % drawn");
        assert!(packets > 1_000.0 && (lost - packets * share).abs() < 5.0 * deviation, "{lost} of {packets}");
    }
    let trials = ran.stage("lossy");
    let trials = trials.instances.iter().flat_map(|instance| &instance.rounds).flat_map(|round| &round.trials);
    for trial in trials {
        let outcomes = &trial.load.outcomes;
        assert_eq!((outcomes.reset, outcomes.wrong_body, outcomes.connect), (0, 0, 0), "what is lost is sent again");
    }
}

#[test]
fn the_handshake_of_tcp_takes_its_round_trips_and_the_gain_under_loss_is_decided() {
    let _alone = alone();
    let near = rand::rng().random_range(3_000..=5_000_u64);
    let far = near + rand::rng().random_range(5_000..=8_000_u64);
    let stage = |name: &str, path: &str| {
        format!("[stage.{name}]\nkind = \"echo\"\n{SHORT}\nrate = \"100/s\"\nhandshakes = 5\npath = {{ {path} }}\n")
    };
    let delay = |delay: u64| format!("delay = \"{delay}us\"");
    let lossy = stage("lossy", "delay = \"10ms\", loss = \"1%\"").replace("250ms", "1s");
    let claim = "[targets]\n\"gain/quic_rtt_p50@lossy\" = { limit = \"> 50ms\" }\n".to_owned();
    let stages = [stage("near", &delay(near)), stage("far", &delay(far)), lossy, claim].concat();
    let scenario = by_netem(&echo::scenario(&[], &stages));
    if !there_is_netem(&scenario) {
        return;
    }
    let added = 2.0 * (far - near) as f64 / 1e3;
    // The handshake of TCP takes one round trip, and that of TLS 1.3 another one.
    let round_trips = [
        ("echo/tcp_rtt_p50", 1.0),
        ("echo/tcp_handshake_p50", 2.0),
        ("echo/tcp_first_byte_p50", 3.0),
        ("echo/quic_rtt_p50", 1.0),
    ];
    let first = measured(&scenario);
    for present in ["gain/quic_rtt_p50@lossy", "echo/tcp_rtt_p50@lossy", "echo/tcp_handshake_p50@lossy"] {
        assert!(first.metric(present).is_some(), "{present} is absent\n{}", first.stdout);
    }
    for (metric, times) in round_trips {
        recovered_from(
            0.1,
            metric,
            &first,
            || measured(&scenario),
            |ran| {
                let of = |stage: &str| ran.value(&format!("{metric}@{stage}"));
                (of("far") - of("near"), times * added)
            },
        );
    }
}

#[test]
fn a_drawn_bandwidth_is_carried() {
    let _alone = alone();
    let limit = BitRate(rand::rng().random_range(8_000_000..=20_000_000));
    let stage = format!(
        "[stage.echo]\n{}\nclosed = true\nsize = \"16KiB\"\nstreams = 8\nhandshakes = 0\ntcp = \"plain\"\npath = {{ delay = \"2ms\", bandwidth = \"{}\" }}",
        SHORT.replace("100ms", "500ms").replace("250ms", "2s"),
        limit.notation()
    );
    let scenario = by_netem(&echo::scenario(&[], &stage));
    if !there_is_netem(&scenario) {
        return;
    }
    // Of a packet of 1,500 bytes, 52 are headers, and acknowledgements without data take up to 1.8 % of a direction.
    let truth = limit.0 as f64 / 8e6 * 1_448.0 / 1_500.0 * 0.991;
    recovered(0.02, "MB/s over TCP", || (measured(&scenario).value("throughput/echo_tcp"), truth));
}
