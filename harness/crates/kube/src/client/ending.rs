//! How a container of a pod ended, and a task that notices it.

use std::fmt;

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::state::PodState;
use super::status::{status, text};

/// Exit codes above this one are the number of a signal plus it, as shells count.
const SIGNALS: i64 = 128;

/// How a container, or its pod, ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PodEnding {
    /// It used more memory than its limit.
    OutOfMemory,
    Exited {
        code: i64,
    },
    Signal {
        number: i64,
    },
    /// Kubernetes started it again.
    Restarted {
        count: u64,
        reason: String,
    },
    /// The Kubernetes node needed its resources for others, or is gone.
    Evicted {
        message: String,
    },
    /// Somebody deleted the pod.
    Deleted,
}

impl fmt::Display for PodEnding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfMemory => out.write_str("was killed because it used more memory than its limit"),
            Self::Exited { code } => write!(out, "ended with exit code {code}"),
            Self::Signal { number } => write!(out, "was ended by signal {number}"),
            Self::Restarted { count: 1, reason } => write!(out, "ended ({reason}) and was restarted"),
            Self::Restarted { count, reason } => write!(out, "ended ({reason}) and was restarted {count} times"),
            Self::Evicted { message } => write!(out, "was evicted: {message}"),
            Self::Deleted => out.write_str("was deleted with its pod"),
        }
    }
}

impl PodEnding {
    /// Returns how the container ended; `None` while it runs or is being started.
    pub(super) fn of(pod: &Value, container: &str) -> Option<Self> {
        if !pod["metadata"]["deletionTimestamp"].is_null() {
            return Some(Self::Deleted);
        }
        let status = status(pod, container);
        let restarts = status.and_then(|status| status["restartCount"].as_u64()).unwrap_or(0);
        let now = status.map(|status| &status["state"]["terminated"]).filter(|ended| ended.is_object());
        let before = status.map(|status| &status["lastState"]["terminated"]).filter(|ended| ended.is_object());
        if let Some(ended) = now.or(before)
            && ended["reason"] == "OOMKilled"
        {
            return Some(Self::OutOfMemory);
        }
        if let Some(ended) = now {
            return Some(Self::of_code(ended));
        }
        if restarts > 0 {
            let reason = before.map_or_else(|| "for an unknown reason".to_owned(), told);
            return Some(Self::Restarted { count: restarts, reason });
        }
        (pod["status"]["phase"] == "Failed").then(|| Self::Evicted { message: text(&pod["status"]["message"]) })
    }

    fn of_code(ended: &Value) -> Self {
        let code = ended["exitCode"].as_i64().unwrap_or_default();
        match ended["signal"].as_i64().filter(|signal| *signal > 0) {
            Some(number) => Self::Signal { number },
            None if code > SIGNALS => Self::Signal { number: code - SIGNALS },
            None => Self::Exited { code },
        }
    }
}

fn told(ended: &Value) -> String {
    format!("{}, exit code {}", text(&ended["reason"]), ended["exitCode"].as_i64().unwrap_or_default())
}

/// What was seen last of a pod.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) state: Option<PodState>,
    pub(super) ending: Option<PodEnding>,
}

/// A pod that is followed until this is dropped.
#[derive(Debug)]
pub struct Followed {
    news: watch::Receiver<News>,
    task: JoinHandle<()>,
}

impl Followed {
    pub(super) const fn new(news: watch::Receiver<News>, task: JoinHandle<()>) -> Self {
        Self { news, task }
    }

    /// Returns how the container ended, if it was seen to end. An API that cannot be reached tells nothing.
    pub fn ended(&self) -> Option<PodEnding> {
        self.news.borrow().ending.clone()
    }

    /// Returns the newest state of the pod that was seen.
    pub fn state(&self) -> Option<PodState> {
        self.news.borrow().state.clone()
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(status: &Value) -> Option<PodEnding> {
        let pod =
            json!({ "metadata": { "name": "p1" }, "status": { "phase": "Running", "containerStatuses": [status] } });
        PodEnding::of(&pod, "target")
    }

    #[test]
    fn a_container_that_runs_has_not_ended() {
        assert_eq!(of(&json!({ "name": "target", "restartCount": 0, "state": { "running": {} } })), None);
        assert_eq!(of(&json!({ "name": "app", "state": { "terminated": { "exitCode": 1 } } })), None);
        assert_eq!(PodEnding::of(&json!({}), "target"), None);
    }

    #[test]
    fn every_end_is_told_apart() {
        let ended =
            |terminated: Value| of(&json!({ "name": "target", "state": { "terminated": terminated } })).unwrap();
        assert_eq!(ended(json!({ "exitCode": 137, "reason": "OOMKilled" })), PodEnding::OutOfMemory);
        assert_eq!(ended(json!({ "exitCode": 137, "reason": "Error" })), PodEnding::Signal { number: 9 });
        assert_eq!(ended(json!({ "exitCode": 0, "reason": "Completed" })), PodEnding::Exited { code: 0 });
        let restarted = |reason: &str| {
            let last = json!({ "terminated": { "exitCode": 1, "reason": reason } });
            of(&json!({ "name": "target", "restartCount": 1, "state": { "running": {} }, "lastState": last })).unwrap()
        };
        assert_eq!(restarted("OOMKilled"), PodEnding::OutOfMemory);
        assert_eq!(restarted("Error").to_string(), "ended (Error, exit code 1) and was restarted");
    }

    #[test]
    fn a_pod_ends_with_all_its_containers() {
        let deleted = json!({ "metadata": { "deletionTimestamp": "2026-11-20T18:30:05Z" } });
        assert_eq!(PodEnding::of(&deleted, "target"), Some(PodEnding::Deleted));
        let evicted = json!({ "status": { "phase": "Failed", "reason": "Evicted", "message": "low on memory" } });
        assert_eq!(PodEnding::of(&evicted, "target").unwrap().to_string(), "was evicted: low on memory");
    }
}
