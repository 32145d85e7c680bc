//! Impaired paths against what was drawn: delays on both arms, bandwidths, and what the relays cost; and relays that are stopped or left behind.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::thread;
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::Rng as _;

use crate::alone;
use crate::support::waiting::eventually;
use crate::support::{Ran, Scratch, harness, measured, processes_naming, run_command, settled, sidecar};
use harness::measure::{Arm, PathName, StageRecord};

/// Returns a scenario with these stages of kind `overhead`, each with its network. Relays may be late on a busy machine, where medians are
/// compared.
pub fn scenario(flags: &[&str], rounds: u32, stages: &[(&str, &str)]) -> String {
    let stage = |(name, network): &(&str, &str)| {
        format!(
            "[stage.{name}]\nkind = \"overhead\"\nnetwork = {network}\nrounds = {rounds}\nrate = \"200/s\"\nconnections = 20\n\
             warmup = \"100ms\"\nwindow = \"300ms\"\n"
        )
    };
    let stages: String = stages.iter().map(stage).collect();
    sidecar(flags, &stages).replace("[audit]\n", "[audit]\nrelay_lag_p99 = \"1s\"\n")
}

/// Returns the median of an arm's median response times, in microseconds.
pub fn median_us(stage: &StageRecord, arm: Arm) -> f64 {
    let trials = stage.valid_rounds().filter_map(|round| round.trial(arm));
    let mut medians: Vec<u64> = trials.map(|trial| trial.load.latencies.response.quantile(0.5).unwrap().0).collect();
    medians.sort_unstable();
    medians[medians.len() / 2] as f64 / 1e3
}

#[test]
fn a_drawn_delay_is_the_round_trip_of_both_arms_and_no_overhead() {
    let _alone = alone();
    let delay_us: u32 = rand::rng().random_range(5_000..30_000);
    let far = format!("{{ client = {{ delay = \"{delay_us}us\" }}, upstream = {{}} }}");
    let scenario = scenario(&[], 6, &[("bare", "{ client = {}, upstream = {} }"), ("far", &far)]);
    let mut last = None;
    settled("µs of the direct arm beyond the drawn round trip", -100.0..=100.0, || {
        let ran = measured(&scenario);
        ran.expect_code(0);
        let found = median_us(&ran.stage("far"), Arm::Direct) - median_us(&ran.stage("bare"), Arm::Direct);
        last = Some(ran);
        found - 2.0 * f64::from(delay_us)
    });
    let ran = last.unwrap();
    assert!(ran.shows(&format!("client path: {delay_us}us each way")), "{}", ran.stdout);
    relays_tell_the_truth(&ran, u64::from(delay_us) * 1_000);
}

/// Checks what the relays of stage `far` say they did: the client path of both arms, and behind it the upstream path.
fn relays_tell_the_truth(ran: &Ran, delay_ns: u64) {
    let stage = ran.stage("far");
    assert_eq!(stage.network.unwrap().client.unwrap().delay_ns.0, delay_ns);
    for trial in stage.valid_rounds().flat_map(|round| &round.trials) {
        assert_eq!(
            trial.relays.iter().map(|relay| relay.path).collect::<Vec<_>>(),
            [PathName::Upstream, PathName::Client]
        );
        for relay in &trial.relays {
            assert!(relay.bytes > 1_000 * trial.load.sent_total, "{} requests, {relay:?}", trial.load.sent_total);
            assert!(
                relay.chunks >= 2 * trial.load.sent_total && relay.lag.is_some() && relay.wait.is_some(),
                "{relay:?}"
            );
        }
        let client = &trial.relays[1];
        assert!(client.delay_sum_ns >= client.chunks * delay_ns, "{client:?}");
    }
}

/// A relay as a program, which is killed when it is dropped.
struct Alone(Child, SocketAddr);

impl Alone {
    fn start(to: SocketAddr, flags: &[&str]) -> Self {
        let to = to.to_string();
        let own = ["__relay", "--listen", "127.0.0.1:0", "--to", &to, "--announce"];
        let mut child = harness().args(own).args(flags).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening ").unwrap().parse().unwrap();
        Self(child, address)
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_drawn_bandwidth_is_carried_within_2_percent() {
    let _alone = alone();
    let mbits: u64 = rand::rng().random_range(5..50);
    let bytes = usize::try_from(mbits * 1_000_000 / 8 / 2).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let relay = Alone::start(listener.local_addr().unwrap(), &["--bandwidth", &format!("{mbits}Mbit/s")]);
    settled("share of the bandwidth that is missing", -0.02..=0.02, || {
        let mut client = TcpStream::connect(relay.1).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let begun = Instant::now();
        let writer = thread::spawn(move || client.write_all(&vec![1; bytes]).map(|()| client));
        server.read_exact(&mut vec![0; bytes]).unwrap();
        let took = begun.elapsed().as_secs_f64();
        drop(writer.join().unwrap().unwrap());
        1.0 - bytes as f64 * 8.0 / took / (mbits * 1_000_000) as f64
    });
}

#[test]
fn nothing_is_left_of_relays_after_a_kill_dash_nine() {
    let _alone = alone();
    let (scratch, tmp) = (Scratch::new(), Scratch::new());
    let endless = scenario(&[], 1_000, &[("far", "{ client = { delay = \"5ms\" }, upstream = {} }")]);
    let mut command = run_command(&scratch, &endless);
    let mut child = command.env("TMPDIR", &tmp.0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let relays = || processes_naming(&tmp.0).iter().filter(|(_, line)| line.contains("__relay")).count();
    eventually("a relay for each path", || relays() == 2);
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL).unwrap();
    child.wait().unwrap();
    eventually("the end of every process", || processes_naming(&tmp.0).is_empty());
    eventually("the end of the temporary files", || fs::read_dir(&tmp.0).unwrap().count() == 0);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn the_overhead_of_a_target_is_the_same_behind_relays() {
    let _alone = alone();
    let added_us: u64 = rand::rng().random_range(300..900);
    let flags = ["--add-latency", &format!("{added_us}us")];
    let scenario = scenario(&flags, 20, &[("plain", "{}"), ("bare", "{ client = {}, upstream = {} }")]);
    let bound = added_us as f64 * 0.1;
    settled("µs of overhead that relays add", -bound..=bound, || {
        let ran = measured(&scenario);
        ran.expect_code(0);
        let overhead = |name: &str| {
            let stage = ran.stage(name);
            median_us(&stage, Arm::Proxied) - median_us(&stage, Arm::Direct)
        };
        overhead("bare") - overhead("plain")
    });
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn resets_of_a_path_are_errors_with_their_number() {
    let _alone = alone();
    // A request and its answer take 2.3 kB, so every seventh request is lost.
    let network = "{ client = { reset = { after = \"16KiB\" } } }";
    let ran = measured(&scenario(&[], 6, &[("reset", network)]).replace("[audit]\n", "[audit]\nerrors = \"100%\"\n"));
    let stage = ran.stage("reset");
    let mut resets = 0;
    for trial in stage.valid_rounds().flat_map(|round| &round.trials) {
        let load = &trial.load;
        assert_eq!(trial.relays[0].reset, load.outcomes.reset + load.outside.reset, "{:?}", load.outcomes);
        resets += trial.relays[0].reset;
    }
    assert!(resets > 50, "{resets} resets\n{}", ran.stdout);
}
