//! A node that is lost is named, and soon.

use super::support::{Fake, InTrial, hub, job, order};
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_load::facts::Arm;
use harness_load::lost::{LostNode, LostWhy};
use harness_load::{Error, Generator, LoadEngine};

/// Runs a trial with three nodes, of which the second does this. Returns its loss, and how long that took.
async fn loss(in_trial: InTrial) -> (LostNode, Nanos) {
    let fakes = vec![Fake::default(), Fake { in_trial, ..Fake::default() }, Fake::default()];
    let (streams, _hub) = hub(fakes);
    let mut generator = Generator::over(streams, job(3)).await.unwrap();
    let begun = Mono::now();
    let error = generator.follow(order(), |_| ()).await.unwrap_err();
    let took = Mono::now().since(begun);
    let Error::Lost(lost) = error else { panic!("{error}") };
    // Every other command of the session has the same answer.
    let again = generator.open(Arm::Direct).await.unwrap_err();
    assert!(matches!(&again, Error::Lost(again) if *again == lost), "{again}");
    let streams = generator.release().await.unwrap();
    let next = Generator::over(streams, job(3)).await;
    if matches!(lost.why, LostWhy::Child { .. }) {
        assert!(next.is_ok(), "the node can have another load child");
    } else {
        let Err(Error::Lost(next)) = next else { panic!("{next:?}") };
        assert_eq!(next, LostNode { after_ns: None, ..lost.clone() }, "it does not come back");
    }
    assert_eq!((lost.index, lost.of, lost.name.as_str()), (1, 3, "worker-1"));
    assert!(lost.after_ns.is_some_and(|after| after <= took.0 + 1_000_000_000), "{lost:?}");
    (lost, took)
}

#[tokio::test]
async fn a_connection_that_ends_is_noticed_at_once() {
    let (lost, took) = loss(InTrial::Leaves).await;
    assert_eq!(lost.why, LostWhy::Closed);
    assert!(took < Nanos::from_secs(1), "{took}");
}

#[tokio::test]
async fn a_silent_node_is_noticed_within_five_seconds() {
    let (lost, took) = loss(InTrial::FallsSilent).await;
    assert_eq!(lost.why, LostWhy::Silent { ns: 3_000_000_000 });
    assert!(took < Nanos::from_secs(5), "{took}");
}

#[tokio::test]
async fn a_node_that_sends_nonsense_is_lost() {
    let (lost, took) = loss(InTrial::Babbles).await;
    assert!(matches!(lost.why, LostWhy::Protocol { .. }), "{lost:?}");
    assert!(took < Nanos::from_secs(1), "{took}");
}

#[tokio::test]
async fn a_load_child_that_ends_is_reported_as_such() {
    let (lost, took) = loss(InTrial::LosesChild).await;
    assert_eq!(lost.why, LostWhy::Child { message: "signal: 9 (SIGKILL)".to_owned() });
    assert!(took < Nanos::from_secs(1), "{took}");
}
