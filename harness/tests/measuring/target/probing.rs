//! Finds out when a target listens and is ready, and why another never does.

use std::net::{TcpListener, TcpStream};
use std::sync::atomic::AtomicBool;

use super::{Place, milestones, process, serving};
use crate::beside;
use crate::support::waiting::runtime;
use harness::measure::Ending;
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_rig::probe::{self, watch};
use harness_rig::target::{HttpUrl, Running};

fn said(running: &Running, word: &str) -> u64 {
    let lines = running.log_tail(50);
    let found = lines.iter().find_map(|line| line.strip_prefix(word)).expect("the target said so");
    found.trim().parse().unwrap()
}

/// The error of each of five launches is at least zero, and of the best at most 3 ms: other work on the machine delays some.
#[test]
fn listening_and_ready_are_found_within_three_milliseconds_and_never_early() {
    let _beside = beside();
    let place = Place::new("truth");
    let (mut listening, mut ready) = (Vec::new(), Vec::new());
    for round in 0..5 {
        let running = place.launch(&serving(20 + round, 500)).unwrap();
        let spawned = running.spawned.unwrap().0;
        let found = milestones(&running, Nanos::from_secs(10)).unwrap();
        // The sidecar reads its clock after it listens, and can lose its CPU in between.
        let error = |found: u64, truth: u64| {
            assert!(spawned + found + 5_000_000 >= truth, "found before it was true");
            (spawned + found).saturating_sub(truth)
        };
        listening.push(error(found.listening_ns, said(&running, "listening")));
        ready.push(error(found.ready_ns.unwrap(), said(&running, "ready")));
        let healthy = found.healthy_ns.unwrap();
        assert!(found.listening_ns < found.ready_ns.unwrap() && healthy < found.ready_ns.unwrap());
        assert!(found.probe_gap_ns > 250_000, "{}", found.probe_gap_ns);
        let port = running.endpoints.proxy.address.inet().unwrap();
        let stopped = runtime().block_on(running.stop(Nanos::from_secs(2))).unwrap();
        assert!(!stopped.killed, "{stopped:?}");
        assert!(TcpStream::connect(port).is_err(), "the port is still open");
    }
    let best = |errors: &[u64]| errors.iter().min().copied().unwrap();
    assert!(best(&listening) < 3_000_000 && best(&ready) < 3_000_000, "{listening:?} {ready:?}");
    eprintln!("ns late: listening {listening:?}, ready {ready:?}");
}

#[test]
fn a_target_that_exits_is_reported_with_code_and_last_words() {
    let _beside = beside();
    let place = Place::new("exits");
    let running = place.launch(&process(&["sh", "-c", "echo no database >&2; sleep 0.05; exit 3"], &[])).unwrap();
    let error = milestones(&running, Nanos::from_secs(10)).unwrap_err();
    assert!(matches!(error, probe::Error::Exited { ending: Ending::Code(3), .. }), "{error}");
    assert!(error.to_string().contains("exited with code 3") && error.to_string().contains("before it listened"));
    assert_eq!(running.log_tail(3), ["no database"]);
    assert!(running.lost_port().is_none());
}

#[test]
fn not_ready_not_listening_and_silent_are_distinguished() {
    let _beside = beside();
    let place = Place::new("apart");
    let deadline = Nanos::from_millis(400);
    let never_ready = place.launch(&serving(0, 600_000)).unwrap();
    let error = milestones(&never_ready, Nanos::from_secs(2)).unwrap_err();
    let probe::Error::WrongStatus { endpoint: probe::Endpoint::Ready, status: 503, body, waited, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(body, "wait ...");
    assert!(*waited >= Nanos::from_secs(2) && *waited < Nanos::from_secs(60), "{waited}");
    assert!(error.to_string().contains(&format!("curl -i {}", never_ready.endpoints.ready.as_ref().unwrap())));

    let deaf = place.launch(&process(&["sleep", "1000"], &[])).unwrap();
    let error = milestones(&deaf, deadline).unwrap_err();
    let probe::Error::NeverListened { waited, url, .. } = &error else { panic!("{error}") };
    assert!(*waited >= deadline && *waited < Nanos::from_secs(60), "{waited}");
    assert_eq!(*url, deaf.endpoints.proxy.to_string());

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = HttpUrl::parse(&format!("http://{}/health", listener.local_addr().unwrap())).unwrap();
    let silent =
        harness_rig::target::Endpoints { proxy: url.clone(), health: Some(url), ready: None, others: Vec::new() };
    let error = watch(&silent, Mono::now(), deadline, &AtomicBool::new(false), || None).unwrap_err();
    assert!(matches!(error, probe::Error::TimedOut { endpoint: probe::Endpoint::Health, .. }), "{error}");
}
