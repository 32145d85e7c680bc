//! Nodes work as one generator.

use super::support::{Fake, hub, job, order, response_times};
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_load::facts::Arm;
use harness_load::{Generator, LoadEngine, LoadEvent};

const DAY: i64 = 86_400_000_000_000;

#[tokio::test]
async fn the_answers_of_all_nodes_become_one_and_instants_are_by_the_clock_of_control() {
    // Days ahead; a clock that is behind could begin before the start of this machine.
    let ahead = [0, 3 * DAY, 1_234_567, DAY];
    let fakes = ahead.map(|ahead_ns| Fake { ahead_ns, response: response_times(100), ..Fake::default() });
    let (streams, hub) = hub(fakes.to_vec());
    let mut generator = Generator::over(streams, job(8)).await.unwrap();
    assert_eq!(generator.open(Arm::Direct).await.unwrap().connections, 8);
    let (order, mut seconds) = (order(), Vec::new());
    let facts = generator.follow(order.clone(), |event| seconds.push(event)).await.unwrap();
    assert!(matches!(seconds.as_slice(), [LoadEvent::Second(second)] if second.ok == 40), "{seconds:?}");
    assert_eq!((facts.scheduled, facts.completed_in_window, facts.seconds.len()), (400, 400, 1));
    let mut sum = response_times(100);
    for _ in 1..4 {
        sum.merge(&response_times(100));
    }
    assert_eq!(facts.latencies.response, sum);
    // The same clock was used there and back. A host that was busy may have started it later.
    assert!(facts.window_start >= order.start_at.after(order.warmup));
    assert!(facts.window_start.since(order.start_at) < Nanos::from_secs(5));
    for (node, truth) in facts.nodes.iter().zip(ahead) {
        assert_eq!((node.name.as_str(), node.scheduled), (format!("worker-{}", node.index).as_str(), 100));
        let off = (node.clock.offset_ns - truth).unsigned_abs();
        assert!(off <= node.clock.error_ns, "{} ns off, {} stated", off, node.clock.error_ns);
        assert_eq!(node.host.cpu_ns, Some(1_000));
    }
    assert_eq!(facts.nodes.len(), 4);

    // A second instance on the same streams.
    let streams = generator.release().await.unwrap();
    let mut generator = Generator::over(streams, job(8)).await.unwrap();
    assert_eq!(generator.follow(super::support::order(), |_| ()).await.unwrap().scheduled, 400);
    drop(generator);
    hub.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_trial_whose_start_is_too_near_begins_later_on_all_nodes_alike() {
    let (streams, _hub) = hub(vec![Fake::default(), Fake::default()]);
    let mut generator = Generator::over(streams, job(2)).await.unwrap();
    let mut late = order();
    late.start_at = Mono(1);
    let before = Mono::now();
    let facts = generator.follow(late.clone(), |_| ()).await.unwrap();
    assert!(facts.window_start >= before.after(late.warmup).after(Nanos::from_millis(5)));
}

#[tokio::test]
async fn a_job_that_a_load_child_refuses_fails_by_the_name_of_the_node_and_the_next_can_succeed() {
    let refusing = Fake { refuses_job: Some("a job needs at least one request"), ..Fake::default() };
    let (streams, _hub) = hub(vec![Fake::default(), refusing]);
    let error = Generator::over(streams, job(2)).await.unwrap_err();
    let harness_load::Error::Failed { message, .. } = error else { panic!("{error}") };
    assert_eq!(message, "node 2 of 2 (worker-1): a job needs at least one request");
}
