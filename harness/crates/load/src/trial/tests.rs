//! Checks what one generator of several takes of a trial, and that one that is alone takes all.

use super::*;
use crate::facts::Arm;
use harness_base::units::Rate;

const WINDOW: Nanos = Nanos::from_millis(50);

/// Returns the trial of a generator whose job has `all` connections, of which `connections` take part, from `start_at` on.
fn trial(pace: Pace, (all, connections): (u64, u64), start_at: Mono, stripe: Option<Stripe>) -> Trial {
    let job = Job {
        arms: Vec::new(),
        requests: Vec::new(),
        connections: all,
        workers: 0,
        seed: 7,
        stripe,
        packets_alone: false,
    };
    let order = TrialOrder {
        arm: Arm::Direct,
        pace,
        sequence: 0,
        connections,
        ramp: Nanos::from_millis(100),
        warmup: Nanos::ZERO,
        window: WINDOW,
        start_at,
        slice: None,
        tick: None,
        block: Some(Nanos::from_millis(20)),
        reconnect: None,
        requests_per_connection: None,
        lists_streams: false,
        stripe,
    };
    Trial::new(&order, 0, &job, Nanos::from_secs(1))
}

fn later() -> Mono {
    Mono::now().after(Nanos::from_secs(60))
}

const CLOSED: Pace = Pace::Closed { vus: u64::MAX };

#[test]
fn the_users_of_all_generators_are_those_of_one_and_join_when_they_do() {
    let start = later();
    for connections in [(10, u64::MAX), (10, 3), (7, 7), (64, 1)] {
        let whole = trial(CLOSED, connections, start, None);
        let expected: Vec<Mono> = (0..whole.users).map(|number| whole.joins(number)).collect();
        assert_eq!(whole.users, connections.0.min(connections.1));
        for of in [1, 2, 4, 7] {
            let mut joins = Vec::new();
            for index in 0..of {
                let stripe = Stripe { index, of };
                let part = trial(CLOSED, connections, start, Some(stripe));
                joins.extend((0..part.users).map(|own| part.joins(stripe.global(own))));
            }
            joins.sort_unstable();
            assert_eq!(joins, expected, "{connections:?} over {of}");
        }
    }
}

#[test]
fn the_scheduled_requests_of_all_generators_are_those_of_one() {
    let (start, pace) = (later(), Pace::constant(Rate(1_234.0)));
    let whole = trial(pace, (8, 8), start, None).facts();
    let parts = (0..5).map(|index| trial(pace, (8, 8), start, Some(Stripe { index, of: 5 })).facts());
    let (mut scheduled, mut unsent) = (0, 0);
    for part in parts {
        scheduled += part.scheduled;
        unsent += part.outcomes.unsent;
        assert_eq!((part.window_start, part.window_ns), (whole.window_start, whole.window_ns));
        assert_eq!(part.blocks.len(), 3, "also those without a request");
    }
    assert_eq!((scheduled, unsent), (whole.scheduled, whole.outcomes.unsent));
    assert!(whole.scheduled > 50 && whole.blocks.is_empty());
}

#[tokio::test]
async fn a_generator_without_a_user_waits_for_the_end_of_the_window() {
    let trial = trial(CLOSED, (4, 1), Mono::now(), Some(Stripe { index: 3, of: 4 }));
    assert_eq!(trial.users, 0);
    trial.over().await;
    assert!(Mono::now() >= trial.window_end);
    assert_eq!(trial.facts().scheduled, 0);
}

#[test]
fn one_of_several_records_its_first_release_and_one_alone_records_nothing_new() {
    let (start, pace) = (later(), Pace::constant(Rate(1_000.0)));
    let turn = |due: u64, lag: u64| {
        let intended = start.after(Nanos(due));
        let sent = intended.after(Nanos(lag));
        Turn { intended, released: sent, sent, late: false }
    };
    let alone = trial(pace, (8, 8), start, None);
    alone.begin(&turn(1_000, 5));
    let text = serde_json::to_string(&alone.facts()).unwrap();
    assert!(!text.contains("first_release") && !text.contains("nodes"), "{text}");
    let one = trial(pace, (8, 8), start, Some(Stripe { index: 1, of: 3 }));
    one.begin(&turn(1_000, 5));
    one.begin(&turn(2_000, 1));
    assert_eq!(one.facts().first_release, Some(FirstRelease { intended_ns: 1_000, lag_ns: 5 }));
    // In a closed loop, the user with number 2 of 8 joins at a quarter of the ramp.
    let closed = trial(CLOSED, (8, 8), start, Some(Stripe { index: 2, of: 3 }));
    closed.begin(&turn(25_000_700, 0));
    assert_eq!(closed.facts().first_release, Some(FirstRelease { intended_ns: 25_000_000, lag_ns: 700 }));
}

#[test]
fn an_order_that_came_too_late_is_part_of_the_first_lag() {
    let ordered = Mono(Mono::now().0.saturating_sub(1_000_000_000));
    let late = trial(Pace::constant(Rate(1_000.0)), (8, 8), ordered, Some(Stripe::WHOLE));
    late.begin(&Turn { intended: late.start, released: late.start, sent: late.start, late: false });
    let first = late.facts().first_release.unwrap();
    assert!(first.intended_ns == 0 && first.lag_ns >= 1_000_000_000, "{first:?}");
}
