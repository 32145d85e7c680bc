//! Tests that errors of the target count: they end the run, are published, and reject no round.

use crate::alone;
use crate::support::{Ran, run, sidecar};
use harness::measure::{Arm, LoadFacts, RoundStatus, Rule};

/// Six rounds of 400 requests, 300 of them in the window.
const OVERHEAD: &str =
    "[stage.overhead]\nrounds = 6\nrate = \"1000/s\"\nconnections = 4\nwarmup = \"100ms\"\nwindow = \"300ms\"\n";

/// Runs a sidecar that answers every 1,000th request with HTTP 500. The sidecar gets 2,801 requests with those of the preflight and the
/// warm-up round, or some more if rounds are rejected.
fn with_two_errors(more: &str) -> Ran {
    let ran = run(&sidecar(&["--error-every", "1000"], &format!("{OVERHEAD}{more}")));
    assert!(ran.truths[0]["errors_injected"].as_u64().is_some_and(|errors| errors >= 2), "{:?}", ran.truths);
    ran
}

fn loads(ran: &Ran) -> Vec<(RoundStatus, LoadFacts)> {
    let rounds = ran.stage("overhead").instances.into_iter().flat_map(|instance| instance.rounds);
    let trials = rounds.flat_map(|round| round.trials.into_iter().map(move |trial| (round.status, trial)));
    trials.filter(|(_, trial)| trial.arm == Arm::Proxied).map(|(status, trial)| (status, trial.load)).collect()
}

#[test]
fn two_errors_in_2800_requests_end_the_run_and_are_published() {
    let _alone = alone();
    let ran = with_two_errors("");
    ran.expect_code(5);
    let errors = ran.truths[0]["errors_injected"].as_u64().unwrap();
    assert!(ran.shows("TARGET FAILED: stage overhead: "), "{}", ran.stdout);
    assert!(ran.shows(&format!("requests failed ({errors} wrong status), limit 0 %")), "{errors}: {}", ran.stdout);
    assert!(ran.shows("500"), "the example shows the status: {}", ran.stdout);
    let loads = loads(&ran);
    let sum = |of: fn(&LoadFacts) -> u64| loads.iter().map(|(_, load)| of(load)).sum::<u64>();
    assert_eq!(sum(|load| load.outcomes.wrong_status + load.outside.wrong_status), errors);
    let rounds = ran.stage("overhead").instances.into_iter().flat_map(|instance| instance.rounds);
    for round in rounds.filter(|round| round.status == RoundStatus::Rejected) {
        let mut checks = round.trials.iter().flat_map(|trial| &trial.audit);
        assert!(checks.any(|check| !check.passed && check.rule() != Rule::Errors), "{round:?}");
    }
    let valid = loads.iter().filter(|(status, _)| *status == RoundStatus::Valid);
    let (errors, requests) = valid
        .fold((0, 0), |(errors, requests), (_, load)| (errors + load.outcomes.errors(), requests + load.scheduled));
    let truth = errors as f64 / requests as f64 * 100.0;
    assert!((ran.value("errors/percent") - truth).abs() < 1e-9, "{truth}");
    assert!(ran.metric("latency/p50").is_some(), "{}", ran.stdout);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_claim_or_the_audit_permits_errors() {
    let _alone = alone();
    let claim = |limit: &str| format!("[targets]\n\"errors/percent\" = {{ limit = \"{limit}\", required = true }}\n");
    with_two_errors(&claim("< 1%")).expect_code(0);
    let permitted = sidecar(&["--error-every", "1000"], OVERHEAD).replace("[audit]", "[audit]\nerrors = \"1%\"");
    run(&permitted).expect_code(0);
}
