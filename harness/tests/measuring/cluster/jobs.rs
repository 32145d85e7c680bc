//! Runs Jobs: makes their pods, states how they ended, and removes what is over together with what it owns.

use std::sync::Arc;
use std::thread::spawn;
use std::time::Duration;

use serde_json::{Value, json};

use super::kubelet;
use super::shared::Shared;
use super::status;
use super::store::Kind;

/// A minute of `ttlSecondsAfterFinished` takes a second here.
const TTL_FASTER: u64 = 60;

/// Makes the pods of a Job that was just created.
pub(super) fn start(shared: &Arc<Shared>, job: &Value) {
    let is_indexed = job["spec"]["completionMode"] == "Indexed";
    let count = if is_indexed { job["spec"]["completions"].as_u64().unwrap_or(1) } else { 1 };
    let name = job["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let pods = (0..count).filter_map(|index| {
        let pod = shared.with(|store| store.create(Kind::Pod, pod_of(job, is_indexed.then_some(index))));
        pod.map(|pod| kubelet::start(shared, &pod))
    });
    let pods: Vec<_> = pods.collect();
    shared.with(|store| {
        store.change(Kind::Job, &name, |job| job["status"] = json!({ "active": count, "startTime": status::now() }))
    });
    let (shared, ttl) = (Arc::clone(shared), job["spec"]["ttlSecondsAfterFinished"].as_u64());
    spawn(move || {
        let succeeded =
            pods.into_iter().filter_map(|pod| pod.join().ok()).filter(|succeeded| *succeeded).count() as u64;
        let condition = if succeeded == count { "Complete" } else { "Failed" };
        let ended = json!({
            "succeeded": succeeded, "failed": count - succeeded, "startTime": status::now(),
            "conditions": [{ "type": condition, "status": "True", "lastTransitionTime": status::now() }],
        });
        shared.with(|store| store.change(Kind::Job, &name, |job| job["status"] = ended));
        if let Some(seconds) = ttl {
            std::thread::sleep(Duration::from_millis(seconds * 1000 / TTL_FASTER));
            delete(&shared, &name, "Background");
        }
    });
}

/// Returns a pod of a Job.
fn pod_of(job: &Value, index: Option<u64>) -> Value {
    let template = &job["spec"]["template"];
    let name = job["metadata"]["name"].as_str().unwrap_or_default();
    let end = format!("{:05x}", rand::random::<u32>() >> 12);
    let mut pod = json!({ "metadata": template["metadata"], "spec": template["spec"] });
    let metadata = &mut pod["metadata"];
    metadata["name"] = index.map_or_else(|| format!("{name}-{end}"), |index| format!("{name}-{index}-{end}")).into();
    metadata["labels"]["batch.kubernetes.io/job-name"] = name.into();
    metadata["labels"]["job-name"] = name.into();
    if let Some(index) = index {
        metadata["labels"]["batch.kubernetes.io/job-completion-index"] = index.to_string().into();
        metadata["annotations"]["batch.kubernetes.io/job-completion-index"] = index.to_string().into();
    }
    metadata["ownerReferences"] = json!([{
        "apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": job["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
    }]);
    status::prepare(&mut pod);
    pod
}

/// Removes a Job, and what it owns unless that is to become an orphan.
pub(super) fn delete(shared: &Arc<Shared>, name: &str, propagation: &str) -> Option<Value> {
    let job = shared.with(|store| store.remove(Kind::Job, name))?;
    if propagation != "Orphan" {
        let uid = job["metadata"]["uid"].as_str().unwrap_or_default();
        for (kind, owned) in shared.with(|store| store.owned_by(uid)) {
            match kind {
                Kind::Job => drop(delete(shared, &owned, propagation)),
                Kind::Pod => kubelet::delete(shared, &owned, None),
                Kind::Secret => drop(shared.with(|store| store.remove(Kind::Secret, &owned))),
            }
        }
    }
    Some(job)
}
