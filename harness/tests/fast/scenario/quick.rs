//! Checks the changes of `--quick`.

use super::*;

#[test]
fn quick_shortens_and_never_lengthens() {
    let path = folder().join("sidecar.toml");
    let full = Plan::read(&path, &[], &Options::default()).unwrap();
    let quick = Plan::read(&path, &[], &Options { quick: true, stages: Vec::new() }).unwrap();
    assert!(full.expected_duration() <= Nanos::from_secs(180), "{}", full.expected_duration());
    assert!(quick.expected_duration() <= Nanos::from_secs(20), "{}", quick.expected_duration());
    assert!(quick.scenario.quick && !full.scenario.quick);
    for stage in &quick.stages {
        if let Some(load) = stage.work.planned().rounds() {
            assert!(load.rounds >= 6 && load.ramp <= load.warmup, "{load:?}");
        }
    }
    let short = good(GOOD, &["stage.overhead.warmup=1ms", "stage.overhead.window=2ms", "stage.capacity.rounds=6"]);
    let before = short.stages.clone();
    let plan = Plan::new(&short, &Options { quick: true, stages: Vec::new() }).unwrap();
    assert_eq!(
        load(&plan.stages[0].work),
        LoadWork { instances: 1, rounds: 6, tail: Nanos::ZERO, ..load(&before[0].work) }
    );
    assert_eq!(load(&plan.stages[1].work).rounds, 6);
}

#[test]
fn quick_keeps_enough_requests_at_a_low_rate() {
    let slow = good(GOOD, &["stage.overhead.rate=20/s", "stage.overhead.window=10s"]);
    let plan = Plan::new(&slow, &Options { quick: true, stages: Vec::new() }).unwrap();
    assert_eq!(load(&plan.stages[0].work).window, Nanos::from_millis(2500));
}
