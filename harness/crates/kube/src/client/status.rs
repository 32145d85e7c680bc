//! Reads the parts of a pod's status, as the API has them.

use serde_json::Value;

/// Returns the items of a list; none if there is no such list.
pub(super) fn items<'a>(of: &'a Value, key: &'static str) -> impl Iterator<Item = &'a Value> {
    of[key].as_array().into_iter().flatten()
}

/// Returns the statuses of all containers, those of the init containers first.
pub(super) fn statuses(pod: &Value) -> impl Iterator<Item = &Value> {
    items(&pod["status"], "initContainerStatuses").chain(items(&pod["status"], "containerStatuses"))
}

/// Returns the status of one container.
pub(super) fn status<'a>(pod: &'a Value, container: &str) -> Option<&'a Value> {
    statuses(pod).find(|status| status["name"] == container)
}

/// Returns the names of the containers that run as long as the pod: native sidecars, and all that are no init containers.
pub(super) fn lasting(pod: &Value) -> impl Iterator<Item = &str> {
    let native = items(&pod["spec"], "initContainers").filter(|container| container["restartPolicy"] == "Always");
    native.chain(items(&pod["spec"], "containers")).filter_map(|container| container["name"].as_str())
}

pub(super) fn condition<'a>(pod: &'a Value, kind: &str) -> Option<&'a Value> {
    items(&pod["status"], "conditions").find(|condition| condition["type"] == kind)
}

/// Returns a text; an empty one if it is absent.
pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Returns the name of an object.
pub(super) fn name(object: &Value) -> String {
    text(&object["metadata"]["name"])
}
