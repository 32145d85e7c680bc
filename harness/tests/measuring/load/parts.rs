//! Windows that are reported in parts: slices, ticks and seconds.

use super::server::{Reaction, Server};
use super::{Load, impatient, open_loop, request};
use crate::alone;
use harness::measure::outcome::Outcomes;
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_load::{LoadEngine, LoadEvent, TrialOrder};

/// Slices contain the requests that ended in them, even if the child reports them late.
#[tokio::test]
async fn a_sliced_window_is_reported_slice_by_slice() {
    let _alone = alone();
    let server = Server::start(|hit, _| Reaction::Answer(if hit % 10 == 9 { 500 } else { 200 }, "{}"));
    let mut load = Load::start(server.address(), 4, vec![request("one", 1, "/")]).await;
    let order = TrialOrder { slice: Some(Nanos::from_secs(2)), ..open_loop(200.0, 100, 4_000) };
    let (mut seconds, mut slices) = (0, Vec::new());
    let shown = |shown: LoadEvent| match shown {
        LoadEvent::Second(_) => seconds += 1,
        LoadEvent::Slice(slice) => slices.push(slice),
    };
    let facts = load.generator.follow(order, shown).await.unwrap();
    assert_eq!((seconds, slices.iter().map(|slice| slice.index).collect::<Vec<_>>()), (4, vec![0, 1]));
    assert!(facts.seconds.is_empty(), "reported already");
    let sum = |of: fn(&Outcomes) -> u64| slices.iter().map(|slice| of(&slice.outcomes)).sum::<u64>();
    assert_eq!(sum(|outcomes| outcomes.ok), facts.completed_in_window);
    assert!(sum(|outcomes| outcomes.wrong_status) > 0 && sum(|outcomes| outcomes.reset) == 0);
    for slice in &slices {
        let response = slice.response.unwrap();
        assert!(response.count == slice.outcomes.ok && response.p50_ns <= response.p99_ns && response.p99_ns > 0);
    }
    load.end().await;
}

/// Ticks hold what was to start within them, what was never sent included; all of them together are the window.
#[tokio::test]
async fn ticks_hold_what_was_to_start_in_them() {
    let _alone = alone();
    let server = Server::start(|hit, _| Reaction::Answer(if hit % 10 == 9 { 500 } else { 200 }, "{}"));
    let mut load = Load::start(server.address(), 4, vec![request("one", 1, "/")]).await;
    let tick = Nanos::from_millis(100);
    let facts = load.trial(TrialOrder { tick: Some(tick), ..open_loop(200.0, 100, 950) }).await;
    let ticks = facts.ticks.unwrap();
    assert_eq!((ticks.length_ns, ticks.outcomes.len()), (tick.0, 10));
    let mut whole = Outcomes::default();
    ticks.outcomes.iter().for_each(|tick| whole.merge(tick));
    assert_eq!(whole, facts.outcomes);
    let scheduled: Vec<u64> = ticks.outcomes.iter().map(Outcomes::total).collect();
    assert_eq!(scheduled, [20, 20, 20, 20, 20, 20, 20, 20, 20, 10]);
    // Every tenth of 190, where none of the warm-up comes after the first of the window.
    assert!((18..=20).contains(&whole.wrong_status), "{whole:?}");
    load.end().await;

    let server = Server::start(|_, _| Reaction::Never);
    let mut load = Load::start(server.address(), 1, vec![impatient(400)]).await;
    let facts = load.trial(TrialOrder { tick: Some(tick), ..open_loop(100.0, 0, 1_000) }).await;
    let ticks = facts.ticks.unwrap().outcomes;
    assert!(facts.outcomes.unsent > 0 && ticks.iter().all(|tick| tick.total() == 10), "{ticks:?}");
    assert_eq!(ticks.iter().map(|tick| tick.unsent).sum::<u64>(), facts.outcomes.unsent);
    assert_eq!(ticks[9].unsent, 10, "no user is free for the last ones");
    load.end().await;
}

#[tokio::test]
async fn seconds_are_reported_as_they_pass() {
    let _alone = alone();
    let server = Server::start(|_, _| Reaction::Answer(200, "{}"));
    let mut load = Load::start(server.address(), 5, vec![request("one", 1, "/")]).await;
    let mut shown = Vec::new();
    let order = open_loop(500.0, 100, 2500);
    let window_start = order.start_at.after(order.warmup);
    let record = |second| shown.push((second, Mono::now().since(window_start)));
    let facts = load.generator.trial(order, record).await.unwrap();
    let spans: Vec<(f64, f64)> = shown.iter().map(|(second, _)| (second.from_s, second.length_s)).collect();
    assert_eq!(spans, [(0.0, 1.0), (1.0, 1.0), (2.0, 0.5)]);
    assert!(shown[0].1 < Nanos::from_millis(2500), "the first second came after {}, when all was over", shown[0].1);
    // A late answer counts in the second in which it arrives: 50 requests for 100 ms in which nothing runs.
    let counts: Vec<u64> = facts.seconds.iter().map(|second| second.ok).collect();
    assert!(counts.iter().zip([500u64, 500, 250]).all(|(found, truth)| found.abs_diff(truth) <= 50), "{counts:?}");
    assert_eq!(counts.iter().sum::<u64>(), facts.completed_in_window);
    assert!(facts.seconds[1].response.is_some_and(|quantiles| quantiles.count >= 450 && quantiles.p50_ns > 1000));
    load.end().await;
}
