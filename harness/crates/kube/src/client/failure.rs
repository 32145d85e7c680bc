//! Why a pod does not run, in the words of Kubernetes.

use std::fmt;

use serde_json::Value;

use super::status::{condition, lasting, name, statuses, text};

/// Reasons for waiting that are part of every start.
const USUAL: [&str; 3] = ["", "ContainerCreating", "PodInitializing"];
/// The one reason for waiting after which Kubernetes tries again soon; it becomes `ImagePullBackOff` if that fails too.
const AGAIN: &str = "ErrImagePull";

/// A pod that does not run, or has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodFailure {
    pub pod: String,
    /// The container that failed; absent if it is the pod.
    pub container: Option<String>,
    /// The reason, as Kubernetes calls it.
    pub reason: String,
    pub message: String,
    /// The last lines that the container printed, or what it left as its last message.
    pub printed: Vec<String>,
    /// Whether waiting longer helps nothing.
    pub is_final: bool,
    /// Whether the container ran, and ended by itself.
    pub has_ended: bool,
}

impl fmt::Display for PodFailure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "pod {}: {}: {}", self.pod, self.reason, self.message)?;
        if self.printed.is_empty() { Ok(()) } else { write!(out, "; its last lines: {}", self.printed.join(" | ")) }
    }
}

impl PodFailure {
    /// Describes a pod that may still run.
    pub(super) fn pending(pod: &str, reason: &str, message: &str) -> Self {
        let (pod, reason, message) = (pod.to_owned(), reason.to_owned(), message.to_owned());
        Self { pod, container: None, reason, message, printed: Vec::new(), is_final: false, has_ended: false }
    }

    /// Returns why this pod does not run; `None` if it runs, or has no obstacle yet.
    pub(super) fn of(pod: &Value) -> Option<Self> {
        let failed = statuses(pod).find_map(|status| of_container(pod, status));
        failed.or_else(|| evicted(pod)).or_else(|| unscheduled(pod))
    }

    /// Adds the last lines that the container printed.
    pub(super) fn and_log(mut self, lines: &[String]) -> Self {
        if !lines.is_empty() {
            self.printed = lines.to_vec();
        }
        self
    }
}

fn of_container(pod: &Value, status: &Value) -> Option<PodFailure> {
    let container = text(&status["name"]);
    let waiting = &status["state"]["waiting"];
    let (reason, said) = (text(&waiting["reason"]), text(&waiting["message"]));
    let restarts = status["restartCount"].as_u64().unwrap_or(0);
    let ended = [&status["state"]["terminated"], &status["lastState"]["terminated"]];
    let ended = ended.into_iter().find(|ended| ended.is_object()).filter(|ended| matters(pod, &container, ended));
    let failure = |reason, message, (is_final, has_ended), printed| {
        let container = Some(container.clone());
        Some(PodFailure { pod: name(pod), container, reason, message, printed, is_final, has_ended })
    };
    if let Some(ended) = ended {
        let code = ended["exitCode"].as_i64().unwrap_or_default();
        let again = if restarts > 0 { format!(", restarted {restarts} times") } else { String::new() };
        let printed = text(&ended["message"]).lines().map(str::to_owned).collect();
        let reason = Some(text(&ended["reason"])).filter(|reason| !reason.is_empty()).unwrap_or("Error".to_owned());
        return failure(reason, format!("container {container}, exit code {code}{again}"), (true, true), printed);
    }
    if USUAL.contains(&reason.as_str()) {
        return None;
    }
    let is_final = reason != AGAIN;
    failure(reason, format!("container {container}: {said}"), (is_final, false), Vec::new())
}

/// Returns whether the end of a container is none that the pod waits for: an init container may end well.
fn matters(pod: &Value, container: &str, ended: &Value) -> bool {
    ended["exitCode"] != 0 || lasting(pod).any(|lasting| lasting == container)
}

/// Returns that the pod as a whole has failed: it was evicted, or not admitted by its Kubernetes node.
fn evicted(pod: &Value) -> Option<PodFailure> {
    let status = &pod["status"];
    let failed = status["phase"] == "Failed";
    let reason = Some(text(&status["reason"])).filter(|reason| !reason.is_empty()).unwrap_or("Failed".to_owned());
    failed.then(|| PodFailure {
        pod: name(pod),
        container: None,
        reason,
        message: text(&status["message"]),
        printed: Vec::new(),
        is_final: true,
        has_ended: false,
    })
}

/// Returns that no Kubernetes node takes the pod. One may appear.
fn unscheduled(pod: &Value) -> Option<PodFailure> {
    let condition = condition(pod, "PodScheduled").filter(|condition| condition["status"] == "False")?;
    let message = format!("{}{}", text(&condition["message"]), requested(pod));
    Some(PodFailure::pending(&name(pod), &text(&condition["reason"]), &message))
}

/// Returns how much CPU time each container of the pod requests, as a sentence of its own; empty if none requests any.
fn requested(pod: &Value) -> String {
    let containers = ["initContainers", "containers"].iter().filter_map(|kind| pod["spec"][kind].as_array()).flatten();
    let asked = |container: &Value| {
        let cpu = container["resources"]["requests"]["cpu"].as_str()?;
        Some(format!("{} for {}", cpu, text(&container["name"])))
    };
    let asked: Vec<String> = containers.filter_map(asked).collect();
    if asked.is_empty() { String::new() } else { format!("; of CPU it requests {}", asked.join(", ")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(status: &Value) -> Value {
        json!({
            "metadata": { "name": "p1" },
            "spec": {
                "initContainers": [{ "name": "setup" }, { "name": "agent", "restartPolicy": "Always" }],
                "containers": [{ "name": "target" }],
            },
            "status": status,
        })
    }

    fn told(status: &Value) -> Option<(String, bool)> {
        PodFailure::of(&pod(status)).map(|failure| (failure.to_string(), failure.is_final))
    }

    fn of_target(state: &Value) -> Option<(String, bool)> {
        told(&json!({ "containerStatuses": [{ "name": "target", "state": state }] }))
    }

    #[test]
    fn a_pod_that_starts_has_not_failed() {
        assert_eq!(told(&json!({ "phase": "Pending" })), None);
        assert_eq!(of_target(&json!({ "waiting": { "reason": "ContainerCreating" } })), None);
        assert_eq!(of_target(&json!({ "running": { "startedAt": "2026-11-20T18:30:05Z" } })), None);
        let ended = json!({ "name": "setup", "state": { "terminated": { "exitCode": 0, "reason": "Completed" } } });
        assert_eq!(told(&json!({ "initContainerStatuses": [ended] })), None);
    }

    #[test]
    fn reasons_are_those_of_kubernetes_and_final_where_waiting_helps_nothing() {
        let waiting = |reason: &str| of_target(&json!({ "waiting": { "reason": reason, "message": "m" } })).unwrap();
        assert_eq!(waiting("ErrImagePull"), ("pod p1: ErrImagePull: container target: m".to_owned(), false));
        for reason in ["ImagePullBackOff", "CreateContainerConfigError", "CrashLoopBackOff"] {
            assert_eq!(waiting(reason), (format!("pod p1: {reason}: container target: m"), true));
        }
        let condition =
            json!({ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3" });
        let pending = told(&json!({ "phase": "Pending", "conditions": [&condition] })).unwrap();
        assert_eq!(pending, ("pod p1: Unschedulable: 0/3".to_owned(), false));
        let mut pod = pod(&json!({ "phase": "Pending", "conditions": [condition] }));
        pod["spec"]["containers"][0]["resources"] = json!({ "requests": { "cpu": "500m" } });
        let pending = PodFailure::of(&pod).unwrap();
        assert_eq!(pending.message, "0/3; of CPU it requests 500m for target");
        let evicted = told(&json!({ "phase": "Failed", "reason": "Evicted", "message": "low on memory" })).unwrap();
        assert_eq!(evicted, ("pod p1: Evicted: low on memory".to_owned(), true));
    }

    #[test]
    fn a_container_that_ended_is_told_with_its_code_and_its_words() {
        let killed = of_target(&json!({ "terminated": { "exitCode": 137, "reason": "OOMKilled" } })).unwrap();
        assert_eq!(killed, ("pod p1: OOMKilled: container target, exit code 137".to_owned(), true));
        let ended = of_target(&json!({ "terminated": { "exitCode": 0, "message": "bye\n" } })).unwrap();
        assert_eq!(ended, ("pod p1: Error: container target, exit code 0; its last lines: bye".to_owned(), true));
        let again = json!({
            "name": "agent",
            "restartCount": 2,
            "state": { "running": {} },
            "lastState": { "terminated": { "exitCode": 1, "reason": "Error" } },
        });
        let failure = PodFailure::of(&pod(&json!({ "initContainerStatuses": [again] }))).unwrap();
        assert_eq!(failure.message, "container agent, exit code 1, restarted 2 times");
        assert!(failure.has_ended && !PodFailure::pending("p1", "Unschedulable", "0/3").has_ended);
        let lines = ["one".to_owned(), "two".to_owned()];
        assert!(failure.and_log(&lines).to_string().ends_with("; its last lines: one | two"));
    }
}
