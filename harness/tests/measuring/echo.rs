//! Stage `echo` against the bundled server and relay, whose truths are drawn at run time or counted by the server itself.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::alone;
use crate::stalls::scenario_stopped_for;
use crate::support::waiting::{eventually, journal};
use crate::support::{Ran, Scratch, measured, processes_naming, recovered, recovered_from, run, run_command};
use harness::measure::Outcome;
use harness::measure::facts::InstanceFacts;
use harness_base::units::BitRate;
use harness_load::echo::facts::Handshakes;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::Rng;

/// Returns a scenario of the bundled server with these flags. Its audit tolerates what that of `support::sidecar` does.
pub fn scenario(flags: &[&str], stages: &str) -> String {
    let flags: String = flags.iter().map(|flag| format!(", \"{flag}\"")).collect();
    format!(
        r#"
name = "truth"
seed = 42

[audit]
pacer_lag_p99 = "100ms"
read_lag_p99 = "100ms"
relay_lag_p99 = "100ms"
foreign_cpu = "100%"
steal = "50%"
littles_law = "50%"

[target.process]
command = ["builtin:echo", "--listen", "127.0.0.1:{{port.echo}}", "--tls-cert", "{{cert.file}}", "--tls-key", "{{key.file}}", "--truth-on-exit"{flags}]

[target.endpoints]
proxy = "https://127.0.0.1:{{port.echo}}"

{stages}
"#
    )
}

/// Six rounds of one instance.
pub const SHORT: &str = "rounds = 6\ninstances = 1\nwarmup = \"100ms\"\nwindow = \"250ms\"";

/// A metric, and how many round trips it takes.
const ROUND_TRIPS: [(&str, f64, f64); 5] = [
    ("echo/tcp_rtt_p50", 1.0, 0.05),
    ("echo/quic_rtt_p50", 1.0, 0.05),
    ("echo/quic_handshake_p50", 1.0, 0.1),
    ("echo/quic_first_byte_p50", 2.0, 0.1),
    // The message is in the first packet.
    ("echo/quic_0rtt_p50", 1.0, 0.1),
];

#[test]
fn each_round_trip_takes_the_delay_of_the_path_twice() {
    let _alone = alone();
    let near = rand::rng().random_range(3_000..=5_000_u64);
    let far = near + rand::rng().random_range(8_000..=12_000_u64);
    eprintln!("{near} and {far} µs each way");
    let stage = |name: &str, delay: u64| {
        format!(
            "[stage.{name}]\nkind = \"echo\"\n{SHORT}\nrate = \"100/s\"\nhandshakes = 5\npath = {{ delay = \"{delay}us\" }}\n"
        )
    };
    let text = scenario(&[], &[stage("near", near), stage("far", far)].concat());
    let measure = || {
        let ran = measured(&text);
        ran.expect_code(0);
        ran
    };
    let first = measure();
    let added = 2.0 * (far - near) as f64 / 1e3;
    for (metric, round_trips, share) in ROUND_TRIPS {
        recovered_from(share, metric, &first, measure, |ran| {
            let of = |stage: &str| ran.value(&format!("{metric}@{stage}"));
            (of("far") - of("near"), round_trips * added)
        });
    }
    assert_eq!(["near", "far"].map(|stage| first.value(&format!("errors/echo_percent@{stage}"))), [0.0; 2]);
    // The kernel answers the handshake of TCP, and the relay delays that of TLS alone.
    assert!(
        first.metric("echo/tcp_handshake_p50@near").is_none() && first.metric("echo/tcp_first_byte_p50@far").is_none()
    );
    relays_say_what_they_did(&first, "near", near * 1_000);
    let quic: Vec<Handshakes> = ["near", "far"].into_iter().flat_map(|stage| of_quic(&first, stage)).collect();
    assert!(quic.iter().all(|one| one.outcomes.are_ok() && one.early_refused == 0), "{quic:?}");
    // The server counts early streams too, those included that a stall overlapped.
    let accepted: u64 = quic.iter().map(|one| one.early_ns.len() as u64).sum();
    let stalled: u64 = quic.iter().map(|one| one.stalled).sum();
    let early: u64 = first.truths.iter().map(|truth| truth["early_streams"].as_u64().unwrap()).sum();
    assert!(accepted >= 10 && (accepted..=accepted + stalled).contains(&early), "{accepted}, {stalled}, {early}");
}

/// Each trial has the account of both relays, of which that of its transport delayed every chunk or packet by `delay_ns` or more.
fn relays_say_what_they_did(ran: &Ran, stage: &str, delay_ns: u64) {
    let stage = ran.stage(stage);
    let rounds = stage.instances.iter().flat_map(|instance| &instance.rounds);
    for trial in rounds.flat_map(|round| &round.trials) {
        let used: Vec<_> = trial.relays.iter().filter(|relay| relay.chunks > 0).collect();
        let is_delayed = used.iter().all(|relay| relay.delay_sum_ns >= relay.chunks * delay_ns && relay.lag.is_some());
        assert!(trial.relays.len() == 2 && !used.is_empty() && is_delayed, "{:?}", trial.relays);
    }
}

/// Returns the connections of QUIC that each instance of a stage opened for themselves.
fn of_quic(ran: &Ran, stage: &str) -> Vec<Handshakes> {
    let of = |facts| match facts {
        InstanceFacts::Echo(facts) => facts.quic,
        other => panic!("{other:?}"),
    };
    ran.stage(stage).instances.into_iter().filter_map(|instance| of(instance.facts)).collect()
}

/// Returns the outcomes of all trials of a stage, over both transports.
fn outcomes(ran: &Ran, stage: &str) -> BTreeMap<&'static str, u64> {
    let mut counted = BTreeMap::new();
    let stage = ran.stage(stage);
    let rounds = stage.instances.iter().flat_map(|instance| &instance.rounds);
    for trial in rounds.flat_map(|round| &round.trials) {
        for outcome in Outcome::ALL {
            let count = trial.load.outcomes.of(outcome) + trial.load.outside.of(outcome);
            *counted.entry(outcome.words()).or_insert(0) += count;
        }
    }
    counted
}

#[test]
fn echoes_that_are_changed_or_swallowed_are_counted_exactly() {
    let _alone = alone();
    // TLS is that of the other tests too.
    let tcp = if rand::rng().random() { "tls" } else { "plain" };
    let (corrupt, swallow) = (rand::rng().random_range(150..=250), rand::rng().random_range(300..=400));
    let flags = ["--corrupt-every", &corrupt.to_string(), "--swallow-every", &swallow.to_string()];
    let stage = format!(
        "[stage.echo]\n{}\nclosed = true\nstreams = 2\ntimeout = \"200ms\"\ntcp = \"{tcp}\"\nhandshakes = 0\naudit = {{ errors = \"10%\" }}",
        SHORT.replace("250ms", "150ms")
    );
    let ran = run(&scenario(&flags, &stage));
    ran.expect_code(0);
    let truth = ran.truths.last().unwrap_or_else(|| panic!("no truth\n{}", ran.stdout));
    let [corrupted, swallowed] = ["corrupted", "swallowed"].map(|key| truth[key].as_u64().unwrap());
    let outcomes = outcomes(&ran, "echo");
    eprintln!("{truth}\n{outcomes:?}");
    assert!(corrupted > 5 && swallowed > 5, "{truth}");
    assert_eq!((outcomes["wrong body"], outcomes["timeout"]), (corrupted, swallowed), "{outcomes:?}");
    // The preflight sent one message over each transport.
    assert_eq!(outcomes.values().sum::<u64>() + 2, truth["messages"].as_u64().unwrap(), "{outcomes:?}");
    assert!(ran.value("errors/echo_percent") > 0.0 && ran.value("throughput/echo_tcp") > 0.0);
    let shows = |words: &str| ran.shows(words);
    assert!(shows("differs from the message from byte 1023 on") || shows("no complete echo"), "{}", ran.stdout);
    assert!(ran.metric("echo/quic_rtt_p50").is_none(), "a closed loop has no intended starts");
}

#[test]
fn nothing_is_left_of_a_run_that_is_killed() {
    let _alone = alone();
    let scratch = Scratch::new();
    let stage = "[stage.echo]\nrounds = 500\ninstances = 1\nhandshakes = 0\npath = { delay = \"1ms\" }";
    let mut command = run_command(&scratch, &scenario(&[], stage));
    // The keeper and all that it starts inherit it, except for targets, whose folders are below it.
    command.env("TMPDIR", &scratch.0);
    let mut running = command.spawn().unwrap();
    let out = scratch.0.join("out");
    eventually("two trials are recorded", || journal(&out).matches("{\"trial\":").count() >= 2);
    let names = |name: &str| processes_naming(&scratch.0).iter().filter(|(_, line)| line.contains(name)).count();
    eventually("server, relays and generator run", || {
        names("__echo") == 1 && names("__relay") == 2 && names("__load") == 1
    });
    kill(Pid::from_raw(running.id().cast_signed()), Signal::SIGKILL).unwrap();
    running.wait().unwrap();
    eventually("every process has ended", || processes_naming(&scratch.0).is_empty());
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_path_that_loses_packets_is_measured_over_quic_alone() {
    let _alone = alone();
    let loss = rand::rng().random_range(2..=6);
    let stage = |name: &str, loss: u64| {
        format!(
            "[stage.{name}]\nkind = \"echo\"\n{}\nrate = \"200/s\"\nstreams = 64\nhandshakes = 5\npath = {{ delay = \"5ms\", loss = \"{loss}%\" }}\n",
            SHORT.replace("250ms", "2s")
        )
    };
    let claim = "[targets]\n\"gain/quic_rtt_p50@lossy\" = { limit = \"> 50ms\" }\n";
    let text = scenario(&[], &[stage("lossy", loss), stage("whole", 0), claim.to_owned()].concat());
    let ran = measured(&text);
    ran.expect_code(0);
    for absent in ["gain/quic_rtt_p50@lossy", "echo/tcp_rtt_p50@lossy", "echo/tcp_handshake_p50@lossy"] {
        assert_eq!(ran.metric(absent), None);
    }
    assert!(ran.shows("for segments of TCP that needs netem"), "{}", ran.stdout);
    // Half of the messages meet no loss; of the others, the loss is noticed after more than a round trip.
    let [lossy, whole] = ["lossy", "whole"].map(|stage| ran.value(&format!("echo/quic_rtt_p50@{stage}")));
    assert!((lossy - whole).abs() < 1.0, "{lossy} and {whole} ms");
    let [lossy, whole] = ["lossy", "whole"].map(|stage| ran.value(&format!("echo/quic_rtt_p95@{stage}")));
    assert!(lossy > whole + 10.0, "{lossy} and {whole} ms");
    assert_eq!(ran.value("errors/echo_percent@lossy"), 0.0, "what is lost is sent again");
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_stopped_relay_makes_the_run_invalid_and_is_not_charged_to_a_transport() {
    let _alone = alone();
    let stage = format!("[stage.echo]\n{SHORT}\nrate = \"100/s\"\nhandshakes = 0\npath = {{ delay = \"2ms\" }}");
    let (lasts, every) = (Duration::from_millis(30), Duration::from_millis(200));
    let ran = scenario_stopped_for(lasts, every, "__relay", &scenario(&[], &stage));
    ran.expect_code(6);
    assert!(ran.shows("the relay was stalled for"), "{}", ran.stdout);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn the_limit_of_the_path_is_the_throughput() {
    let _alone = alone();
    let limit = BitRate(rand::rng().random_range(20_000_000..=40_000_000));
    let stage = format!(
        "[stage.echo]\n{}\nclosed = true\nsize = \"16KiB\"\nstreams = 8\nhandshakes = 0\npath = {{ delay = \"2ms\", bandwidth = \"{}\" }}",
        SHORT.replace("100ms", "500ms").replace("250ms", "1s"),
        limit.notation()
    );
    let truth = limit.0 as f64 / 8e6;
    recovered(0.05, "MB/s over TCP", || {
        let ran = measured(&scenario(&[], &stage));
        ran.expect_code(0);
        let quic = ran.value("throughput/echo_quic");
        // Headers and tags take 4 % of each packet, and its congestion control leaves room.
        assert!((0.6 * truth..=truth).contains(&quic), "{quic} of {truth} MB/s over QUIC");
        (ran.value("throughput/echo_tcp"), truth)
    });
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn the_delay_of_the_server_is_that_of_each_echo() {
    let _alone = alone();
    let delay = rand::rng().random_range(2_000..=6_000_u64);
    let stage = format!("[stage.echo]\n{SHORT}\nrate = \"200/s\"\nhandshakes = 0");
    for metric in ["echo/tcp_rtt_p50", "echo/quic_rtt_p50"] {
        recovered(0.05, metric, || {
            let of = |delay: u64| {
                let ran = measured(&scenario(&["--delay", &format!("{delay}us")], &stage));
                ran.expect_code(0);
                ran.value(metric)
            };
            // Both wait for a timer, so both find their CPUs as awake.
            (of(500 + delay) - of(500), delay as f64 / 1e3)
        });
    }
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_server_without_early_data_has_no_time_of_it() {
    let _alone = alone();
    let stage = format!("[stage.echo]\n{SHORT}\nrate = \"200/s\"\nhandshakes = 3");
    let ran = measured(&scenario(&["--no-early-data"], &stage));
    ran.expect_code(0);
    assert_eq!(ran.metric("echo/quic_0rtt_p50"), None);
    assert!(ran.shows("the server accepted no message with the first packet"), "{}", ran.stdout);
    assert!(ran.value("echo/quic_handshake_p50") > 0.0);
}
