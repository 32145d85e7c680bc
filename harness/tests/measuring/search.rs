//! Stage `search` against queues whose answer is known: the reference sidecar serves a set rate, or is an M/D/1 queue.

use crate::alone;
use crate::support::{Ran, measured, sidecar};
use harness::measure::{InstanceFacts, StageStatus};
use harness::stages::search::facts::Purpose;
use harness::stages::search::judge::{Judged, Limiter, PointState};
use harness::verdict::stage::Detail;

/// Returns a search that takes a quarter of a minute: five short slices of one instance are the values of each rate.
fn short(more: &str) -> String {
    format!(
        "[stage.search]\ninstances = 1\nslices = 5\nwarmup = \"100ms\"\nwindow = \"300ms\"\nprecision = \"25%\"\nprobes = 10\n\
         budget = \"30s\"\n{more}\n"
    )
}

fn found(ran: &Ran) -> Judged {
    match serde_json::from_value(ran.judgement()["stages"][0]["detail"].clone()).unwrap() {
        Detail::Search(found) => found,
        other => panic!("{other:?}"),
    }
}

/// Searches until the answer contains the truth, at most five times. Other processes can only make requests slower, so a lower end above the
/// truth is wrong at any time, and one answer whose upper end is not below it is enough.
fn answer(scenario: &str, truth: f64) -> (Ran, Judged) {
    for _ in 0..5 {
        let ran = measured(scenario);
        ran.expect_code(0);
        let found = found(&ran);
        eprintln!("truth {truth:.0}: {} after {} probes", found.conclusion(), found.points.len());
        assert!(found.low.is_none_or(|low| low <= 1.05 * truth), "{found:#?}");
        let near = |(low, high): (f64, f64)| 0.5 * truth <= low && truth <= high && high <= 2.0 * truth;
        if found.limit.is_none() && found.low.zip(found.high).is_some_and(near) {
            return (ran, found);
        }
    }
    panic!("no answer of five contains {truth}");
}

#[test]
fn the_rate_that_a_bucket_serves_is_between_the_ends() {
    let _alone = alone();
    let truth = 600.0;
    let scenario = sidecar(&["--serve-rate", "600/s"], &short("objective = { p95 = \"20ms\", errors = \"0%\" }"));
    let (ran, found) = answer(&scenario, truth);
    assert_eq!(ran.stage("search").status, StageStatus::Valid);
    // The closed loop is always busy, so its rate is the one that is served.
    let closed = found.closed.unwrap();
    assert!((0.8..1.1).contains(&(closed / truth)), "closed loop: {closed}");
    assert!(found.direct.unwrap() > 2.0 * closed, "{:?}", found.direct);
    assert!(found.points.len() <= 10, "{:#?}", found.points);
    let (low, high) = (found.low.unwrap(), found.high.unwrap());
    let value = ran.value("search/rate");
    assert!(low <= value && value <= high && high / low < 2.0, "{value} of {low} to {high}");
    let at = |purpose| found.points.iter().filter(move |point| point.purpose == purpose);
    assert!(at(Purpose::Bracket).all(|point| point.instances == 1 && point.direct_p99_ms.is_some()));
    let failed = found.points.iter().find(|point| point.state == PointState::Failed).expect("a rate beyond the answer");
    assert!(failed.p99_ms > Some(20.0), "{failed:?}");
    assert!(ran.shows("search: p95 ≤ 20.0 ms, errors ≤ 0%") && ran.shows("between "), "{}", ran.stdout);
    // The upstream counted every request, and the sidecar saw as many.
    let stage = ran.stage("search");
    let mut trials = stage.valid_rounds().flat_map(|round| &round.trials);
    assert!(trials.all(|trial| trial.ledger.is_some_and(|ledger| ledger.upstream_hits == ledger.sent)));
    let probes = stage.instances.iter().map(|instance| match &instance.facts {
        InstanceFacts::Search(facts) => facts.probe.number,
        other => panic!("{other:?}"),
    });
    assert!(probes.clone().is_sorted() && probes.max() == Some(found.points.len() as u32));
}

/// Returns the share of requests in an M/D/1 queue that wait longer than `wait`, in service times (C. D. Crommelin, "Delay Probability
/// Formulae When the Holding Times Are Constant", 1932). A test of the library compares it with a simulated queue.
fn crommelin(load: f64, wait: f64) -> f64 {
    let term = |k: u32| {
        let x = load * (wait - f64::from(k));
        (1..=k).fold(1.0, |product, i| product * -x / f64::from(i)) * x.exp()
    };
    1.0 - (1.0 - load) * (0..=wait.floor() as u32).map(term).sum::<f64>()
}

/// Returns the rate at which a share `beyond` of the responses takes longer than `limit_ms`.
fn queue_rate(service_ms: f64, limit_ms: f64, beyond: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let half = f64::midpoint(low, high);
        if crommelin(half, limit_ms / service_ms - 1.0) <= beyond { low = half } else { high = half }
    }
    low / service_ms * 1e3
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn the_rate_at_which_a_queue_reaches_the_limit_is_between_the_ends() {
    let _alone = alone();
    // P(W > x) = 1 − (1 − ρ) e^{ρx} below one service time.
    assert!((crommelin(0.5, 0.5) - (1.0 - 0.5 * 0.25_f64.exp())).abs() < 1e-12);
    let truth = queue_rate(2.0, 16.0, 0.05);
    let stage = short("arrivals = \"poisson\"\nobjective = { p95 = \"16ms\" }");
    let (_, found) = answer(&sidecar(&["--service-time", "2ms"], &stage), truth);
    // The server is busy all the time in a closed loop, and keeps the limit only below that.
    let (closed, low) = (found.closed.unwrap(), found.low.unwrap());
    assert!((0.8..1.02).contains(&(closed / 500.0)) && low < closed, "{low} of {closed}");
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn the_number_of_users_that_a_server_serves_in_time_is_found() {
    let _alone = alone();
    // One after another takes 5 ms each, so six users wait 30 ms and seven 35 ms.
    let stage = short("of = \"users\"\nobjective = { p50 = \"33ms\" }").replace("25%", "5%");
    let scenario = sidecar(&["--service-time", "5ms"], &stage);
    let answers =
        (0..5).map(|_| answer(&scenario, 6.0)).inspect(|(_, found)| assert!(found.low <= Some(6.0), "{found:#?}"));
    let exact = answers.into_iter().find(|(_, found)| (found.low, found.high) == (Some(6.0), Some(7.0)));
    let (ran, _) = exact.expect("other processes can only make requests slower");
    assert!((6.0..=7.0).contains(&ran.value("search/users")));
    assert_eq!(ran.metric("search/rate"), None);
    assert!(ran.shows("between 6 users and 7 users"), "{}", ran.stdout);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_target_that_carries_every_rate_is_not_the_limit() {
    let _alone = alone();
    let ran = measured(&sidecar(&[], &short("high = \"300/s\"\nobjective = { p95 = \"100ms\" }")));
    ran.expect_code(0);
    let found = found(&ran);
    assert_eq!((found.limit.clone(), found.high), (Some(Limiter::Bounds), None), "{found:#?}");
    assert!(found.confirmed && found.low.is_some_and(|low| low > 200.0), "{found:#?}");
    assert_eq!(ran.metric("search/rate"), None, "a bound is not published as the target's rate");
    assert!(ran.shows("it is the highest rate that was tried"), "{}", ran.stdout);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_target_that_answers_wrongly_or_too_late_keeps_no_rate() {
    let _alone = alone();
    for (flags, objective) in [
        (["--error-every", "20"], "{ errors = \"1%\" }"),
        (["--answer-after", "30ms"], "{ p95 = \"10ms\", errors = \"1%\" }"),
    ] {
        let ran = measured(&sidecar(&flags, &short(&format!("low = \"50/s\"\nobjective = {objective}"))));
        ran.expect_code(0);
        let found = found(&ran);
        assert!(found.low.is_none() && found.points.iter().all(|point| point.state != PointState::Kept), "{found:#?}");
        assert_eq!(ran.metric("search/rate"), None);
        assert!(ran.shows("no rate keeps the objective"), "{}", ran.stdout);
    }
}
