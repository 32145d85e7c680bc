//! Describes the pods in which a target was measured.

use std::collections::BTreeMap;

use crate::measure::PodFacts;
use crate::measure::record::Record;

/// Lists the Kubernetes nodes on which the target was, with the number of its pods and their quality of service; empty without pods.
pub(super) fn places(record: &Record) -> Vec<String> {
    let mut places: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let instances = record.stages.iter().flat_map(|stage| &stage.instances);
    for pod in instances.filter_map(|instance| instance.launch.pod.as_ref()) {
        *places.entry((pod.node.as_str(), pod.qos.as_deref().unwrap_or("unknown"))).or_default() += 1;
    }
    let one = |((node, qos), pods): ((&str, &str), u64)| {
        let many = if pods == 1 { "" } else { "s" };
        format!("{pods} pod{many} on the Kubernetes node {node}, quality of service {qos}")
    };
    places.into_iter().map(one).collect()
}

/// States when Kubernetes noticed what happened to a pod; `None` if it said nothing.
pub(crate) fn instants(pod: &PodFacts) -> Option<String> {
    let PodFacts { scheduled, initialized, container_started, containers_ready, ready, .. } = pod;
    let all = [
        ("scheduled", scheduled),
        ("initialized", initialized),
        ("container started", container_started),
        ("containers ready", containers_ready),
        ("ready", ready),
    ];
    let said = all.into_iter().filter_map(|(what, at)| Some(format!("{what} {}", at.as_ref()?)));
    let said = said.collect::<Vec<_>>().join(", ");
    (!said.is_empty()).then_some(said)
}
