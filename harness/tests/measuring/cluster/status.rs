//! The status of a pod, in the words of the kubelet.

use serde_json::{Value, json};

use harness_base::clock::{rfc3339, unix_seconds};

use super::groups::Limits;

/// How a container ended.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    pub(super) code: i64,
    pub(super) reason: &'static str,
    pub(super) started: String,
}

pub(super) fn now() -> String {
    rfc3339(unix_seconds())
}

/// Returns the containers of a pod, those that begin first before the others. The second part states whether it is one of those.
pub(super) fn containers(pod: &Value) -> Vec<(Value, bool)> {
    let of = |list: &str| pod["spec"][list].as_array().cloned().unwrap_or_default();
    let first = of("initContainers").into_iter().map(|container| (container, true));
    first.chain(of("containers").into_iter().map(|container| (container, false))).collect()
}

/// Gives a new pod the status of one that waits for its node.
pub(super) fn prepare(pod: &mut Value) {
    let all = containers(pod);
    let waiting = |first: bool| -> Vec<Value> {
        let some = all.iter().filter(|(_, is_first)| *is_first == first);
        some.map(|(container, _)| unstarted(container)).collect()
    };
    let mut status = json!({
        "phase": "Pending", "qosClass": quality(&all), "conditions": [], "containerStatuses": waiting(false),
    });
    if all.iter().any(|(_, is_first)| *is_first) {
        status["initContainerStatuses"] = waiting(true).into();
    }
    pod["status"] = status;
}

fn unstarted(container: &Value) -> Value {
    json!({
        "name": container["name"], "image": container["image"], "imageID": "", "ready": false, "started": false,
        "restartCount": 0, "lastState": {}, "state": { "waiting": { "reason": "PodInitializing" } },
    })
}

/// Returns the class of quality of service.
fn quality(containers: &[(Value, bool)]) -> &'static str {
    let resources: Vec<&Value> = containers.iter().map(|(container, _)| &container["resources"]).collect();
    let is_guaranteed = |resources: &Value| {
        let limits = &resources["limits"];
        ["cpu", "memory"].iter().all(|key| !limits[key].is_null())
            && (resources["requests"].is_null() || resources["requests"] == *limits)
    };
    let states_nothing = |resources: &Value| resources["limits"].is_null() && resources["requests"].is_null();
    if resources.iter().copied().all(is_guaranteed) {
        "Guaranteed"
    } else if resources.iter().copied().all(states_nothing) {
        "BestEffort"
    } else {
        "Burstable"
    }
}

/// Adds a condition that holds from now on.
pub(super) fn holds(pod: &mut Value, condition: &str) {
    if let Some(conditions) = pod["status"]["conditions"].as_array_mut() {
        conditions.push(json!({ "type": condition, "status": "True", "lastTransitionTime": now() }));
    }
}

/// Changes the status of one container.
pub(super) fn of_container(pod: &mut Value, name: &str, change: impl FnOnce(&mut Value)) {
    for list in ["initContainerStatuses", "containerStatuses"] {
        let statuses = pod["status"].get_mut(list).and_then(Value::as_array_mut);
        if let Some(status) = statuses.and_then(|all| all.iter_mut().find(|status| status["name"] == name)) {
            return change(status);
        }
    }
}

pub(super) fn waits(status: &mut Value, reason: &str, message: &str) {
    status["state"] = json!({ "waiting": { "reason": reason, "message": message } });
}

pub(super) fn runs(status: &mut Value, id: &str, started: &str) {
    status["containerID"] = format!("stand-in://{id}").into();
    status["imageID"] = "stand-in://image".into();
    (status["ready"], status["started"]) = (true.into(), true.into());
    status["state"] = json!({ "running": { "startedAt": started } });
}

pub(super) fn ended(status: &mut Value, id: &str, ending: &Ending) {
    let terminated = json!({ "terminated": {
        "exitCode": ending.code, "reason": ending.reason, "startedAt": ending.started, "finishedAt": now(), "containerID": format!("stand-in://{id}"),
    } });
    (status["ready"], status["started"]) = (false.into(), false.into());
    status["state"] = terminated;
}

/// Counts a restart: what was the state becomes the last one.
pub(super) fn restarts(status: &mut Value) {
    status["lastState"] = status["state"].clone();
    status["restartCount"] = (status["restartCount"].as_u64().unwrap_or(0) + 1).into();
}

/// Returns the limits of a container.
pub(super) fn limits(container: &Value) -> Limits {
    let limit = |key: &str| container["resources"]["limits"][key].as_str().and_then(quantity);
    Limits { cpus: limit("cpu"), memory_bytes: limit("memory").map(|bytes| bytes.round() as u64) }
}

/// Reads a quantity of Kubernetes, such as `500m` or `64Mi`.
fn quantity(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 7] =
        [("Ki", 1024.0), ("Mi", 1_048_576.0), ("Gi", 1_073_741_824.0), ("m", 1e-3), ("k", 1e3), ("M", 1e6), ("G", 1e9)];
    let unit = UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (number, factor) = unit.unwrap_or((text, 1.0));
    number.parse::<f64>().ok().map(|number| number * factor)
}
