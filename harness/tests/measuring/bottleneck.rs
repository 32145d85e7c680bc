//! Six situations whose bottleneck is known because it was built in: each is named, and the evidence is that of the situation.
//! They are so far from each other that neither the speed of the machine nor who else works on it changes the answer.

use crate::alone;
use crate::support::{Ran, measured, sidecar};

/// Returns the fewest rounds there can be, and no more of each than shows where the time goes.
fn capacity(users: usize, more: &str) -> String {
    format!(
        "[stage.capacity]\nrounds = 6\nvus = {users}\nwarmup = \"100ms\"\nwindow = \"300ms\"\npaired = false\n{more}\n"
    )
}

fn host_cpus() -> usize {
    std::thread::available_parallelism().unwrap().get()
}

/// Returns the bottleneck of the only stage, after comparing it with the expected one. All rounds need not agree,
/// but most must.
fn bounded_by(scenario: &str, by: &str, words: &str) -> (Ran, String) {
    let ran = measured(scenario);
    ran.expect_code(0);
    let found = ran.judgement()["stages"][0]["bottleneck"].clone();
    let of_rounds = |key: &str| found[key].as_u64().unwrap();
    eprintln!("{found}");
    assert_eq!(found["by"], by, "{found}\n{}", ran.stdout);
    assert!(of_rounds("rounds") > of_rounds("of") / 2 && of_rounds("of") == 6, "{found}");
    assert!(
        ran.shows(&format!("capacity: bounded by {words} in {} of 6 rounds:", of_rounds("rounds"))),
        "{}",
        ran.stdout
    );
    let message = found["message"].as_str().unwrap().to_owned();
    (ran, message)
}

/// Returns the first number behind `words`.
fn number_behind(words: &str, message: &str) -> f64 {
    let (_, rest) = message.split_once(words).unwrap_or_else(|| panic!("{words:?} is not in {message:?}"));
    let digits: String = rest.trim_start().chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    digits.parse().unwrap()
}

#[test]
fn a_target_that_burns_on_all_its_threads_is_bounded_by_its_cpus() {
    let _alone = alone();
    let cpus = host_cpus();
    let workers = cpus.to_string();
    let (ran, message) = bounded_by(
        &sidecar(&["--burn", "2ms", "--workers", &workers], &capacity(8 * cpus, "")),
        "target_cpu",
        "target CPU",
    );
    assert!(message.contains(&format!("of {cpus} CPUs")), "{message}");
    let round = &ran.stage("capacity").instances[0].rounds[1];
    let threads = round.trials[0].target_threads.clone().unwrap();
    assert!(threads.wanted_cpus().unwrap() >= 0.9 * cpus as f64, "{threads:?}");
}

#[test]
fn a_target_that_burns_on_one_thread_is_bounded_by_that_thread() {
    let _alone = alone();
    if host_cpus() < 2 {
        eprintln!("SKIPPED one thread: with one CPU, one thread is all there is");
        return;
    }
    // A wait for a CPU counts once it is over: on a host with many others, some tens of milliseconds of it lie beyond an edge.
    let stage = capacity(4, "").replace("window = \"300ms\"", "window = \"700ms\"");
    let (_, message) = bounded_by(&sidecar(&["--burn", "2ms"], &stage), "target_thread", "one thread of the target");
    // The thread of the proxy has that name in the reference sidecar.
    assert!(message.starts_with("its busiest thread (proxy) was runnable"), "{message}");
    assert!(number_behind("runnable for", &message) >= 90.0, "{message}");
}

#[test]
fn a_target_held_back_by_its_limit_is_throttled() {
    let _alone = alone();
    if !groups_can_be_made() {
        return;
    }
    let stage = capacity(4, "limits = { cpus = 0.1 }").replace("window = \"300ms\"", "window = \"500ms\"");
    let (_, message) = bounded_by(&sidecar(&["--burn", "1ms"], &stage), "throttled", "throttling");
    assert!(number_behind("throttled the target in", &message) >= 50.0, "{message}");
    assert!(message.ends_with("of 0.1 CPUs"), "{message}");
}

/// Returns whether groups can be made here. If not, prints that the test is skipped, or fails if everything is required.
fn groups_can_be_made() -> bool {
    let may = nix::unistd::geteuid().is_root();
    if !may {
        let required = std::env::var("HARNESS_REQUIRE_DOCKER").is_ok_and(|value| value == "1");
        assert!(!required, "HARNESS_REQUIRE_DOCKER=1 and not root, so no control groups");
        eprintln!("SKIPPED throttled: control groups need root");
    }
    may
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn an_upstream_that_answers_late_is_the_bottleneck() {
    let _alone = alone();
    let slow = |stage: &str| sidecar(&[], stage).replace("body = \"1KiB\"", "body = \"1KiB\"\ndelay = \"20ms\"");
    let paired = capacity(4, "").replace("paired = false", "paired = true");
    let (_, message) = bounded_by(&slow(&paired), "upstream", "upstream");
    assert!(number_behind("through the target and", &message) >= 20.0, "the direct arm shows it: {message}");
    let (_, message) = bounded_by(&slow(&capacity(4, "")), "upstream", "upstream");
    assert!(message.starts_with("the upstream holds a response back for 20.0 ms"), "{message}");
}

/// Each request takes the generator a text of 400,000 random letters, and the target no more than passing it on.
#[test]
fn a_generator_whose_requests_are_expensive_is_the_bottleneck() {
    let _alone = alone();
    let scenario = sidecar(&[], &capacity(4, "[generator]\nworkers = 1"));
    let (before, rest) = scenario.split_once("path = \"/mcp/v1\"").unwrap();
    let (_, after) = rest.split_once("upstream_hits = \"exact\" }").unwrap();
    let request = "path = \"/sink\"\nheaders = { content-type = \"text/plain\" }\ntemplate = \"{{text 400000}}\"\n\
                   expect = { status = 200, json = { present = [\"/bytes\"] }, upstream_hits = \"exact\" }";
    let scenario = format!("{before}{request}{after}")
        // A thread that is always busy looks at the requests in flight when it can, and not when they are.
        .replace("littles_law = \"50%\"", "littles_law = \"1000%\"");
    let (_, message) = bounded_by(&scenario, "generator", "generator");
    assert!(number_behind("a thread of the generator was runnable for", &message) >= 90.0, "{message}");
}

#[test]
fn a_target_that_only_waits_is_bounded_by_latency() {
    let _alone = alone();
    let (_, message) = bounded_by(&sidecar(&["--add-latency", "20ms"], &capacity(4, "")), "latency", "latency");
    assert!(number_behind("no resource was saturated: 4 users ÷", &message) >= 20.0, "{message}");
    assert!(number_behind("ms for a request =", &message) <= 200.0, "{message}");
}
