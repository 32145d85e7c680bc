//! Why a task of a fleet did not start or has ended, in the words of the engine.

use std::collections::HashMap;
use std::fmt;

use bollard::models::{Task, TaskState};

/// A task that did not start, or has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFailure {
    /// The host name of the engine; `no node` if the task was given to none.
    pub node: String,
    /// The state, as the engine calls it.
    pub state: String,
    /// The reason that the engine gives.
    pub message: String,
}

impl fmt::Display for TaskFailure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}: {}", self.node, self.state, self.message)
    }
}

/// Returns why this task is not running; `None` if it runs, or has no obstacle yet. `hosts` has the name of each engine by its id.
pub(super) fn of(task: &Task, hosts: &HashMap<String, String>) -> Option<TaskFailure> {
    let status = task.status.as_ref()?;
    let state = status.state?;
    let reason = status.err.clone().filter(|reason| !reason.is_empty());
    let has_failed = matches!(state, TaskState::FAILED | TaskState::REJECTED | TaskState::ORPHANED);
    if reason.is_none() && !has_failed {
        return None;
    }
    let host = |id: &String| hosts.get(id).unwrap_or(id).clone();
    let node = task.node_id.as_ref().filter(|id| !id.is_empty()).map_or_else(|| "no node".to_owned(), host);
    let message = reason.or_else(|| status.message.clone()).unwrap_or_default();
    Some(TaskFailure { node, state: state.to_string(), message })
}

#[cfg(test)]
mod tests {
    use bollard::models::TaskStatus;

    use super::*;

    fn told(node: Option<&str>, state: TaskState, err: Option<&str>) -> Option<String> {
        let hosts = HashMap::from([("x1".to_owned(), "worker-b".to_owned())]);
        let (message, err) = (Some("started".to_owned()), err.map(str::to_owned));
        let status = TaskStatus { state: Some(state), message, err, ..TaskStatus::default() };
        let task = Task { node_id: node.map(str::to_owned), status: Some(status), ..Task::default() };
        of(&task, &hosts).map(|failure| failure.to_string())
    }

    #[test]
    fn failures_have_the_reason_of_the_engine_and_the_name_of_the_host() {
        assert_eq!(told(Some("x1"), TaskState::RUNNING, None), None);
        assert_eq!(told(None, TaskState::PENDING, Some("")), None);
        let found = told(Some("x1"), TaskState::REJECTED, Some("No such image: a:1"));
        assert_eq!(found.as_deref(), Some("worker-b: rejected: No such image: a:1"));
        let found = told(None, TaskState::PENDING, Some("no suitable node"));
        assert_eq!(found.as_deref(), Some("no node: pending: no suitable node"));
        assert_eq!(told(Some("x2"), TaskState::FAILED, None).as_deref(), Some("x2: failed: started"));
    }
}
