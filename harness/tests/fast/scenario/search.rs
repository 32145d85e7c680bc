//! How a scenario asks for a search.

use harness::stages::search::facts::Objective;
use harness::stages::search::work::Work as SearchWork;

use super::*;

fn search(keys: &str) -> SearchWork {
    let text = GOOD.replace("[stage.overhead]", &format!("[stage.search]\n{keys}\n[stage.overhead]"));
    match &good(&text, &[]).stages[0].work {
        Work::Search(work) => work.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_search_needs_no_key() {
    let SearchWork { load, objective, low, high, precision, probes, budget, slices, .. } = search("");
    let default = Objective { p99_ns: Some(5_000_000), errors_ratio: Some(0.001), ..Objective::default() };
    assert_eq!((objective, low, high, precision.0), (default, 1.0, None, 0.05));
    assert_eq!((probes, budget, load.instances, slices), (12, Nanos::from_secs(180), 5, 1));
    assert_eq!((load.window, load.paired), (Nanos::from_secs(2), true));
    assert!(matches!(load.pace, Pace::Open { .. }));
}

#[test]
fn an_objective_has_several_parts_and_the_window_fits_the_longest_limit() {
    let work = search(
        "objective = { p50 = \"2ms\", p99 = \"20ms\", cpu = \"150%\" }\nhigh = \"500/s\"\narrivals = \"poisson\"\ninstances = 2",
    );
    let expected = Objective {
        p50_ns: Some(2_000_000),
        p99_ns: Some(20_000_000),
        cpu_percent: Some(150.0),
        ..Objective::default()
    };
    assert_eq!((work.objective, work.high), (expected, Some(500.0)));
    assert_eq!(
        (work.load.window, work.slices),
        (Nanos::from_secs(4), 3),
        "two instances with three slices are six values"
    );
    assert_eq!(work.objective.to_string(), "p50 ≤ 2.00 ms, p99 ≤ 20.0 ms, cpu ≤ 150%");
}

#[test]
fn settings_that_can_decide_nothing_are_refused() {
    for (keys, message) in [
        ("slices = 1\ninstances = 2", "an interval needs 5 values"),
        ("low = \"100/s\"\nhigh = \"50/s\"", "must be above `low`"),
        ("precision = \"0.1%\"", "must be 1% to 50%"),
        ("objective = { p99 = \"0ms\" }", "must be longer than 0"),
        ("objective = { errors = \"100%\" }", "must be 0% to below 100%"),
        ("objective = { rps = \"5/s\" }", "rps"),
    ] {
        let text = GOOD.replace("[stage.overhead]", &format!("[stage.search]\n{keys}\n[stage.overhead]"));
        let mistakes = mistakes(&text, &[]).join("\n");
        assert!(mistakes.contains(message), "{keys}: {mistakes}");
    }
}
