//! `[scrape.NAME]` and `[log.NAME]` against the reference sidecar, whose policy takes as long as its flags say, and which reports it.

use crate::alone;
use crate::support::{Ran, measured, recovered_from, sidecar};
use harness::measure::{InstanceFacts, RoundStatus};
use harness::stages::startup::facts::Reported;
use rand::Rng as _;

pub const EVALUATION: &str = "reference_sidecar_policy_evaluation_duration_ms";

/// Returns an overhead stage of short slices, and an endpoint whose values become these metrics.
pub fn scraping(instances: u64, metrics: &str) -> String {
    format!(
        "[stage.overhead]\ninstances = {instances}\nrounds = 6\nrate = \"1000/s\"\nconnections = 5\nwarmup = \"30ms\"\nwindow = \"60ms\"\n\
         [scrape.policy]\nurl = \"http://127.0.0.1:{{port.admin}}/metrics\"\n[scrape.policy.metrics]\n{metrics}\n"
    )
}

/// Returns the reason why a metric is absent.
fn absent(ran: &Ran, id: &str) -> String {
    let metrics = ran.judgement()["metrics"].as_array().unwrap();
    let found = metrics.iter().find(|metric| metric["id"] == id).unwrap_or_else(|| panic!("no {id}: {metrics:#?}"));
    let reason = found["value"]["absent"]["reason"].as_str().or(found["value"]["reason"].as_str());
    reason.unwrap_or_else(|| panic!("{found:#?}")).to_owned()
}

#[test]
fn what_a_target_reports_of_its_policy_is_what_it_did() {
    let _alone = alone();
    let (takes_us, load_ms) = (rand::rng().random_range(110..=220), rand::rng().random_range(20..=60));
    let flags = ["--policy-takes", &format!("{takes_us}us"), "--policy-load", &format!("{load_ms}ms")];
    let metrics = format!(
        "\"policy/eval_mean\" = {{ histogram = \"{EVALUATION}\", labels = {{ decision = \"permit\" }} }}\n\
         \"policy/eval_p50\" = {{ histogram = \"{EVALUATION}\" }}\n\
         \"scrape/per_request@decisions\" = {{ counter = \"reference_sidecar_policy_decisions_total\", per = \"request\" }}\n\
         \"scrape/time@mistyped\" = {{ histogram = \"reference_sidecar_polisy_evaluation_duration_ms\" }}\n\
         \"startup/policy_load\" = {{ gauge = \"reference_sidecar_policy_load_ms\" }}"
    );
    let scenario = sidecar(&flags, &format!("[stage.startup]\nlaunches = 3\n{}", scraping(5, &metrics)));
    let ran = measured(&scenario);
    ran.expect_code(0);
    let found = |ran: &Ran| (ran.value("policy/eval_mean"), f64::from(takes_us));
    recovered_from(0.05, "policy/eval_mean", &ran, || measured(&scenario), found);
    assert_eq!(ran.value("scrape/per_request@decisions"), 1.0);
    let p50 = ran.value("policy/eval_p50");
    assert!((100.0..=250.0).contains(&p50), "{p50} µs is outside its bucket");
    assert!(ran.shows("interpolated: only its bucket is known"), "{}", ran.stdout);
    assert!(absent(&ran, "scrape/time@mistyped").contains("is not in the answer; did you mean"), "{}", ran.stdout);
    loads_are_those_of_the_sidecars(&ran, load_ms);
    for instance in &ran.stage("scrape").instances {
        let InstanceFacts::Scrape(window) = &instance.facts else { panic!("{instance:?}") };
        let count = window.found[0].count().unwrap();
        assert!(
            (count - window.sent as f64).abs() < 0.5 && count > 50.0,
            "{count} evaluations, {} requests",
            window.sent
        );
    }
    assert!(ran.shows(&format!("{EVALUATION} counted")), "{}", ran.stdout);
}

/// Holds the time of every launch against those that the sidecars say their loading took.
fn loads_are_those_of_the_sidecars(ran: &Ran, least_ms: u64) {
    let truths: Vec<f64> = ran.truths.iter().map(|truth| truth["policy_load_ns"].as_f64().unwrap() / 1e6).collect();
    let stage = ran.stage("startup");
    for instance in &stage.instances {
        let InstanceFacts::Startup(facts) = &instance.facts else { panic!("{instance:?}") };
        let Some(Reported::Ms(ms)) = facts.policy_load else { panic!("{facts:?}") };
        // It is reported with three digits after the point.
        assert!(truths.iter().any(|truth| (truth - ms).abs() <= 0.0006), "{ms} ms, truths {truths:?}");
        assert!(ms >= least_ms as f64, "{ms} ms");
    }
    let value = ran.value("startup/policy_load");
    let (low, high) = truths.iter().fold((f64::MAX, 0.0_f64), |(low, high), one| (low.min(*one), high.max(*one)));
    assert!((low - 0.001..=high + 0.001).contains(&value), "{value} ms of {truths:?}");
}

#[test]
fn a_counter_that_was_set_back_is_noticed_and_its_window_dropped() {
    let _alone = alone();
    // The preflight and the warm-up round have some 91 requests, and each later round 90: the count after it is lower than before.
    let flags = ["--policy-takes", "20us", "--metrics-reset-every", "95"];
    let metrics = format!("\"policy/eval_mean\" = {{ histogram = \"{EVALUATION}\" }}");
    let ran = measured(&sidecar(&flags, &scraping(1, &metrics)));
    ran.expect_code(0);
    let stage = ran.stage("scrape");
    assert_eq!(stage.instances[0].rounds[0].status, RoundStatus::Rejected, "{:?}", stage.instances[0].facts);
    assert!(absent(&ran, "policy/eval_mean").contains("went back"), "{}", ran.stdout);
    assert!(ran.shows("window was dropped, because a counter was set back"), "{}", ran.stdout);
}

#[test]
fn counters_that_stand_still_or_grow_without_requests_have_no_value() {
    let _alone = alone();
    let metrics = format!(
        "\"policy/eval_mean\" = {{ histogram = \"{EVALUATION}\" }}\n\
         \"scrape/per_request@decisions\" = {{ counter = \"reference_sidecar_policy_decisions_total\", per = \"request\" }}"
    );
    let lying = |flag: &[&str]| {
        let ran = measured(&sidecar(&[&["--policy-takes", "20us"], flag].concat(), &scraping(1, &metrics)));
        ran.expect_code(0);
        ["policy/eval_mean", "scrape/per_request@decisions"].map(|id| (absent(&ran, id), ran.metric(id)))
    };
    let ghosts: u64 = rand::rng().random_range(1_000..=3_000);
    for (why, value) in lying(&["--metrics-ghosts", &ghosts.to_string()]) {
        assert!(why.contains("does not come from requests: it grows without them"), "{why}");
        assert_eq!(value, None);
    }
    for (why, value) in lying(&["--metrics-frozen"]) {
        assert!(why.contains("did not change while requests were sent"), "{why}");
        assert_eq!(value, None);
    }
}

#[test]
fn an_answer_without_end_is_left_and_a_log_is_read_without_an_endpoint() {
    let _alone = alone();
    let load_ms: u64 = rand::rng().random_range(20..=60);
    let metrics = format!("\"policy/eval_mean\" = {{ histogram = \"{EVALUATION}\" }}");
    let log = "[log.load]\npattern = \"policies loaded in (?P<ms>[0-9.]+) ms\"\n";
    let flags = ["--metrics-endless", "--policy-load", &format!("{load_ms}ms")];
    let stages = format!("[stage.startup]\nlaunches = 3\n{}{log}", scraping(1, &metrics));
    let ran = measured(&sidecar(&flags, &stages));
    ran.expect_code(0);
    assert!(absent(&ran, "policy/eval_mean").contains("could not be read"), "{}", ran.stdout);
    assert!(ran.value("overhead/latency_p50").is_finite(), "the load is not disturbed");
    loads_are_those_of_the_sidecars(&ran, load_ms);
}
