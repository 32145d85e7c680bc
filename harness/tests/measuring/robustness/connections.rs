//! Thousands of connections with few descriptors, and ports whose last connections still wait out their time.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use harness::measure::Arm;
use harness_rig::target::Ports;
use nix::sys::resource::{Resource, getrlimit};

use super::{Site, eventually};
use crate::alone;
use crate::support::{Ran, measured, ran, sidecar};

/// Open loop: the connections are there, and only some of them are busy.
const CROWD: &str =
    "[stage.overhead]\nrounds = 6\nrate = \"1000/s\"\nconnections = 3000\nwarmup = \"200ms\"\nwindow = \"500ms\"\n";

/// Descriptors that the load generator needs for these connections to two arms.
const NEEDED: u64 = 3 * 3000 + 64;

/// Runs the scenario under a limit of descriptors, which is the argument of `ulimit`.
fn limited(ulimit: &str) -> Ran {
    let site = Site::new(&sidecar(&[], CROWD));
    let script = format!("ulimit {ulimit} && exec \"$HARNESS\" run \"$SCENARIO\" --out \"$OUT\"");
    let output = site.shell(&[], &script).output().unwrap();
    site.nothing_is_left_but(&[]);
    ran(site.scratch, output)
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn three_thousand_connections_are_opened_whatever_the_soft_limit() {
    let _alone = alone();
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    if hard < NEEDED {
        eprintln!(
            "SKIPPED three_thousand_connections_…: the hard limit is {hard}; try: sudo prlimit --pid $$ --nofile=16384"
        );
        return;
    }
    let ran = (0..3).map(|_| limited("-Sn 256")).find(|ran| ran.disturbed().is_none()).expect("a quiet moment");
    ran.expect_code(0);
    assert!(!ran.shows("may open"), "the sidecar raises its own limit: {}", ran.stdout);
    let stage = ran.stage("overhead");
    for trial in stage.valid_rounds().flat_map(|round| &round.trials) {
        assert_eq!((trial.connections, trial.load.outcomes.errors()), (3000, 0), "{:?}", trial.load.examples);
        let open = trial.readings.0.iter().filter_map(|reading| reading.target?.descriptors).max().unwrap();
        assert!(trial.arm == Arm::Direct || open >= 3000, "{open} descriptors of the target");
    }
}

#[test]
fn a_hard_limit_that_is_too_low_is_explained_before_anything_is_measured() {
    let _alone = alone();
    let ran = limited("-n 2000");
    ran.expect_code(4);
    for words in
        ["3000 connections to 2 arm(s) need 9064 descriptors", "may open 2000", "prlimit --pid $$ --nofile=16384:16384"]
    {
        assert!(ran.shows(words), "{words} is not in {}\n{}", ran.stdout, ran.stderr);
    }
    assert!(ran.stage("overhead").instances.iter().all(|instance| instance.rounds.is_empty()));
}

#[test]
fn a_target_that_may_open_too_few_is_warned_of() {
    let _alone = alone();
    // A shell lowers the hard limit too, and then becomes the target.
    let script = "command = [\"/bin/sh\", \"-c\", 'ulimit -n 100 && exec \"$0\" \"$@\"', \"HARNESS\", \"__sidecar\",";
    let script = script.replace("HARNESS", env!("CARGO_BIN_EXE_harness"));
    let stage =
        "[stage.overhead]\nrounds = 6\nrate = \"200/s\"\nconnections = 60\nwarmup = \"100ms\"\nwindow = \"300ms\"\n";
    let ran = crate::support::run(&sidecar(&[], stage).replace("command = [\"builtin:sidecar\",", &script));
    assert!(ran.shows("may open 100 descriptors, and 60 connections may need 120 in it"), "{}", ran.stdout);
    assert!(ran.shows("ulimit -n 128"), "{}", ran.stdout);
}

/// Returns a port that nothing listens on, and on which a connection attempt times out.
fn in_time_wait() -> u16 {
    // Below those of outgoing connections, none of which may be in the way.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, Ports::default().free().unwrap())).unwrap();
    let address = listener.local_addr().unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    let (server, _) = listener.accept().unwrap();
    // The side that closes first keeps the port in TIME_WAIT.
    drop(server);
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    drop((client, listener));
    eventually("a connection in TIME_WAIT", || waits(address.port()));
    address.port()
}

/// Returns whether a connection of this local port is in TIME_WAIT.
fn waits(port: u16) -> bool {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let ours = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let (local, state) = (words.next().unwrap_or_default(), words.nth(1).unwrap_or_default());
        local.ends_with(&format!(":{port:04X}")) && state == "06"
    };
    table.lines().any(ours)
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_fixed_port_whose_connections_wait_out_their_time_is_free() {
    let _alone = alone();
    let port = in_time_wait();
    let stages = "[stage.startup]\nlaunches = 6\n\
                  [stage.overhead]\nrounds = 6\nrate = \"200/s\"\nconnections = 4\nwarmup = \"100ms\"\nwindow = \"300ms\"\n";
    let ran = measured(&sidecar(&[], stages).replace("{port.proxy}", &port.to_string()));
    ran.expect_code(0);
    assert!(waits(port), "the port cannot be bound without SO_REUSEADDR meanwhile");
    let launches = ran.record().stages.into_iter().flat_map(|stage| stage.instances);
    let attempts: Vec<u32> = launches.map(|instance| instance.launch.attempts).collect();
    assert!(attempts.len() >= 7 && attempts.iter().all(|attempts| *attempts == 1), "{attempts:?}");
}
