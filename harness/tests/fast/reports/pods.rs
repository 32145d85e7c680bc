//! A run whose target was in pods: as it is recorded and shown.

use harness::measure::PodFacts;

use super::*;

/// Returns the sample whose target was in pods, one of them on another Kubernetes node.
fn sample_in_pods() -> Record {
    let mut record = sample::record();
    for instance in record.stages.iter_mut().flat_map(|stage| &mut stage.instances) {
        let pod = PodFacts {
            name: format!("harness-x-target-{}", instance.index),
            node: format!("worker-{}", u32::from(instance.index == 1)),
            address: "10.244.0.9".to_owned(),
            qos: Some("Guaranteed".to_owned()),
            scheduled: Some("2026-07-01T12:00:01Z".to_owned()),
            container_started: Some("2026-07-01T12:00:03Z".to_owned()),
            ..PodFacts::default()
        };
        (instance.launch.network, instance.launch.pod) = (Some("pod".to_owned()), Some(Box::new(pod)));
    }
    record
}

#[test]
fn a_pod_is_in_the_record_and_where_it_was_is_in_the_reports() {
    let record = sample_in_pods();
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    let judgement = judged(&record, &[]);
    let html = rendered("html", &record, &judgement);
    assert!(html.contains("on the Kubernetes node worker-1, quality of service Guaranteed"), "no node");
    let instants = "scheduled 2026-07-01T12:00:01Z, container started 2026-07-01T12:00:03Z";
    assert!(html.contains(instants), "no instants of Kubernetes");
    let alone = rendered("html", &sample::record(), &judged(&sample::record(), &[]));
    assert!(!alone.contains("Kubernetes"), "a process is in no pod");
}

#[test]
fn a_launch_outside_of_kubernetes_says_nothing_of_pods() {
    let text = serde_json::to_string(&sample::record()).unwrap();
    assert!(!text.contains("\"pod\""));
}
