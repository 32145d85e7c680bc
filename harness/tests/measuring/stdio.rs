//! Stage `stdio` against the reference sidecar as a shim, whose truths are set by flags.

use std::collections::BTreeMap;

use crate::alone;
use crate::known_truth::adds;
use crate::support::waiting::{eventually, journal};
use crate::support::{Ran, Scratch, measured, processes_naming, recovered, run, run_command, settled};
use harness::measure::{Arm, Outcome};
use harness::verdict::Judgement;
use harness_load::mcp::stdio::facts::{Stdio, Stray};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::Rng;

/// Returns a scenario of a command that stands before the bundled server. Its audit tolerates what that of `support::sidecar` does.
fn scenario(command: &str, stage: &str) -> String {
    format!(
        r#"
name = "truth"
seed = 42

[audit]
pacer_lag_p99 = "100ms"
foreign_cpu = "100%"
steal = "50%"
littles_law = "50%"

[target.stdio]
command = [{command}]
server = ["builtin:upstream", "--stdio", "--mcp", "--mcp-tools", "3"]

[stage.stdio]
{stage}
"#
    )
}

/// Returns a scenario of the sidecar with these flags.
pub fn shim(flags: &[&str], stage: &str) -> String {
    let flags: String = flags.iter().map(|flag| format!("\"{flag}\", ")).collect();
    scenario(&format!("\"builtin:sidecar\", \"--stdio\", \"--truth-on-exit\", {flags}\"--\", \"{{server}}\""), stage)
}

/// Six rounds of one instance.
const OPEN: &str = "rate = \"500/s\"\nrounds = 6\ninstances = 1\nwarmup = \"100ms\"\nwindow = \"400ms\"";
const CLOSED: &str = "closed = true\nin_flight = 16\nrounds = 6\ninstances = 1\nwarmup = \"100ms\"\nwindow = \"200ms\"";

fn open(flags: &[&str], _: &str) -> String {
    shim(flags, OPEN)
}

#[test]
fn a_delay_is_found_within_10_percent() {
    let _alone = alone();
    let added_ms = |truth: &serde_json::Value| truth["added_request_ns"]["median"].as_f64().unwrap() / 1e6;
    // Both have a delay: who waits for a timer finds its CPU awake.
    let less = 200;
    let more = less + rand::rng().random_range(200..=600);
    let (less, more) = (format!("{less}us"), format!("{more}us"));
    eprintln!("{less} and {more}");
    adds(
        open,
        ("--add-latency", [&less, &more]),
        added_ms,
        &[("overhead/stdio_p50", 0.10, 1.0), ("latency/stdio_p50", 0.15, 1.0)],
    );
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_server_that_is_its_own_shim_adds_nothing() {
    let _alone = alone();
    let rounds =
        "rate = \"1000/s\"\nrounds = 25\ninstances = 5\nwarmup = \"50ms\"\nwindow = \"200ms\"\ntail_window = \"0s\"";
    // How far the interval is from 0, in microseconds.
    settled("distance of the interval from 0, in µs", 0.0..=1.0, || {
        let ran = measured(&scenario("\"{server}\"", rounds));
        ran.expect_code(0);
        assert_eq!(ran.value("errors/stdio_percent"), 0.0);
        let judgement: Judgement = serde_json::from_value(ran.judgement().clone()).unwrap();
        let estimate = judgement.metric("overhead/stdio_p50").unwrap().estimate().unwrap();
        let interval = estimate.interval.unwrap();
        eprintln!("{:.4} ms [{:.4}, {:.4}]", estimate.point, interval.low, interval.high);
        interval.low.max(-interval.high).max(0.0) * 1e3
    });
}

/// Returns what the server wrote besides answers, and the outcomes, over all trials behind the shim.
fn counted(ran: &Ran) -> (Stdio, BTreeMap<&'static str, u64>) {
    let (mut all, mut outcomes) = (Stdio::default(), BTreeMap::new());
    let stage = ran.stage("stdio");
    let rounds = stage.instances.iter().flat_map(|instance| &instance.rounds);
    for trial in rounds.filter_map(|round| round.trial(Arm::Proxied)) {
        let stdio = trial.load.stdio.as_deref().expect("lines of pipes");
        all.notifications += stdio.notifications;
        for (stray, count) in stdio.strays.iter().chain(&stdio.outside) {
            *all.strays.entry(*stray).or_insert(0) += count;
        }
        for outcome in Outcome::ALL {
            let count = trial.load.outcomes.of(outcome) + trial.load.outside.of(outcome);
            *outcomes.entry(outcome.words()).or_insert(0) += count;
        }
    }
    (all, outcomes)
}

#[test]
fn answers_that_are_lost_or_repeated_or_belong_to_no_request_are_counted_exactly() {
    let _alone = alone();
    let stage = format!("{CLOSED}\ntimeout = \"100ms\"\n").replace("in_flight = 16", "in_flight = 2");
    let flags = ["--lose-every", "401", "--wrong-id-every", "403", "--repeat-every", "409"];
    let ran = run(&shim(&flags, &stage).replace("[audit]", "[audit]\nerrors = \"10%\""));
    ran.expect_code(0);
    let (stdio, outcomes) = counted(&ran);
    let truth = ran.truths.last().unwrap_or_else(|| panic!("no truth\n{}", ran.stdout));
    let [lost, wrong, repeated] = ["lost", "wrong_ids", "repeated"].map(|key| truth[key].as_u64().unwrap());
    eprintln!("{truth}\n{outcomes:?}");
    assert!(lost > 3 && wrong > 3 && repeated > 3, "{truth}");
    assert_eq!(stdio.strays, [(Stray::Unknown, wrong), (Stray::Repeated, repeated)].into());
    // A request without an answer accounts for the answer with the id of no request.
    assert_eq!((outcomes["timeout"], outcomes["wrong body"]), (lost + wrong, repeated), "{outcomes:?}");
    let percent = ran.value("errors/stdio_percent");
    assert!((0.4..=1.2).contains(&percent), "{percent} %, three in 404 are 0.74 %\n{}", ran.stdout);
    assert!(ran.shows("unknown id") && ran.shows("answered twice"), "{}", ran.stdout);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_rate_that_the_shim_limits_is_found() {
    let _alone = alone();
    recovered(0.10, "messages per second", || {
        let ran = measured(&shim(&["--serve-rate", "2000/s"], CLOSED));
        ran.expect_code(0);
        assert_eq!(ran.value("errors/stdio_percent"), 0.0);
        assert!(ran.metric("overhead/stdio_p50").is_none(), "a closed loop has no intended starts");
        (ran.value("throughput/stdio_messages"), 2000.0)
    });
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn cpu_time_of_the_shim_is_told_from_that_of_the_server() {
    let _alone = alone();
    let us = |truth: &serde_json::Value| truth["burned_ns"]["median"].as_f64().unwrap() / 1e3;
    let metrics = [("cpu/us_per_stdio_message", 0.10, 1.0), ("cpu/us_per_stdio_message_added", 0.10, 1.0)];
    adds(open, ("--burn", ["100us", "400us"]), us, &metrics);
}

#[test]
fn nothing_is_left_of_a_run_that_is_killed() {
    let _alone = alone();
    let scratch = Scratch::new();
    let mut command = run_command(&scratch, &shim(&[], "rate = \"500/s\"\nrounds = 500\ninstances = 1"));
    // The keeper and all that it starts inherit it, except for targets, whose folders are below it.
    command.env("TMPDIR", &scratch.0);
    let mut running = command.spawn().unwrap();
    let out = scratch.0.join("out");
    eventually("two trials are recorded", || journal(&out).matches("{\"trial\":").count() >= 2);
    let names = |name: &str| processes_naming(&scratch.0).iter().filter(|(_, line)| line.contains(name)).count();
    eventually("both servers and the shim run", || names("__upstream") >= 2 && names("__sidecar") >= 1);
    kill(Pid::from_raw(running.id().cast_signed()), Signal::SIGKILL).unwrap();
    running.wait().unwrap();
    eventually("every process has ended", || processes_naming(&scratch.0).is_empty());
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_server_that_ends_is_a_failed_target() {
    let _alone = alone();
    let server = "server = [\"sh\", \"-c\", \"echo 'cannot work' >&2; exit 3\"]";
    let text = shim(&[], OPEN);
    let from = text.find("server = [").unwrap();
    let until = from + text[from..].find('\n').unwrap();
    let ran = run(&format!("{}{server}{}", &text[..from], &text[until..]));
    assert!([5, 6].contains(&ran.code), "{} {}\n{}", ran.code, ran.stdout, ran.stderr);
}
