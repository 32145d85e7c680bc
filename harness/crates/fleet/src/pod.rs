//! What control, the hub and the agent in a pod tell each other about the target in this pod.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::hello::About;
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_rig::group::ResourceLimits;
use harness_rig::threads::ThreadsUsage;
use harness_rig::usage::{Reading, Series};

/// A command of control that is not for the load children. On the wire it is a line `{"pod": …}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToHub {
    Pod(PodCommand),
}

/// A command of control about a pod. It is carried out while no job is open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PodCommand {
    /// Waits until the agent of this name has joined, measures its clock, and passes the order on. The answer is
    /// [`PodAnswer::Started`].
    Begin { agent: String, order: AgentOrder, wait: Nanos },
    /// Samples a window without load; the instants are by control's clock. The answer is [`PodAnswer::Sampled`].
    Sample { start: Mono, end: Mono },
    /// Ends the agent. The answer is [`PodAnswer::Ended`].
    End,
}

/// The hub's answer. On the wire it is the value of `harness_load::frames::FromChild::Beside`. All instants are by control's clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PodAnswer {
    Started(Box<Started>),
    /// The answer to [`PodCommand::Sample`]; also sent before the end of every trial while there is an agent.
    Sampled(Box<Sampled>),
    Ended,
    /// The agent was lost, or the command cannot be carried out. The message is for people.
    Failed {
        message: String,
    },
}

/// What the agent learns once the pod runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentOrder {
    /// The id of the target's container, without the scheme.
    pub target: String,
}

/// What the agent saw until the target was ready.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    pub about: About,
    /// The indexes of the nodes that run under the kernel of the agent's machine. The hub sets it; it comes empty from the agent.
    #[serde(default)]
    pub on_host: Vec<u64>,
    pub came_up: CameUp,
}

/// Whether the target came up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CameUp {
    Up(Box<Up>),
    /// The message is for people.
    Failed {
        message: String,
        /// Whether the target ended by itself. Kubernetes knows how.
        ended: bool,
    },
}

/// A target that came up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Up {
    /// The last instant at which the target's program was not yet executed.
    pub spawned: Mono,
    /// The time from `spawned` until it accepted a connection.
    /// Whether the agent began to watch after the target was started, so that the times of the startup mean nothing.
    pub is_late: bool,
    pub listening_ns: u64,
    /// The time from `spawned` until it was healthy; absent if that is not asked.
    pub healthy_ns: Option<u64>,
    /// The time from `spawned` until it was ready; absent if that is not asked.
    pub ready_ns: Option<u64>,
    /// The longest time between two probes: how far the times can be off.
    pub probe_gap_ns: u64,
    /// In the pod.
    pub pid: i32,
    pub program: Vec<String>,
    pub executable: PathBuf,
    /// The limits in force, by the control group.
    pub limits: ResourceLimits,
    /// One reading from the start of the agent and one from now, at least 200 ms apart.
    pub readings: Series<Reading>,
}

/// What the agent saw in a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sampled {
    pub readings: Series<Reading>,
    /// Absent where it cannot be read.
    pub peak_rss_bytes: Option<u64>,
    pub target_threads: Option<ThreadsUsage>,
    /// The answer of the bundled upstream's ledger before the window; absent without one.
    pub before: Option<serde_json::Value>,
    /// The answer of the bundled upstream's ledger after the window; absent without one.
    pub after: Option<serde_json::Value>,
    /// The clock of the agent − that of control, in nanoseconds: the instants in `before` and `after` are by the agent's clock.
    pub clock_offset_ns: i64,
    /// The remote addresses of the connections to the upstream's port that were established in the window.
    pub peers: Vec<IpAddr>,
    /// Whether the target's first process has ended.
    pub target_ended: bool,
}

/// From hub to agent. `offset_ns` is the clock of the agent − that of control: the agent shifts every instant of its answers by it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToAgent {
    Begin {
        order: AgentOrder,
        offset_ns: i64,
    },
    /// Instants are by the agent's own clock. The agent reads the ledger at once, and then samples. It ends a window before it that was
    /// not finished, without an answer.
    Sample {
        window: u64,
        start: Mono,
        end: Mono,
        offset_ns: i64,
    },
    /// The load of the window is over, drained requests included: the agent waits for the end of the window, reads the ledger and
    /// answers [`FromAgent::Sampled`].
    Finish {
        window: u64,
    },
}

/// From agent to hub. Instants are by control's clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromAgent {
    Started(Box<Started>),
    Sampled { window: u64, sampled: Box<Sampled> },
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_command_is_a_line_that_no_load_child_knows() {
        let order = AgentOrder { target: "ab12".to_owned() };
        let begin = PodCommand::Begin { agent: "pod-a".to_owned(), order, wait: Nanos(5) };
        let line = json!({"pod": {"begin": {"agent": "pod-a", "order": {"target": "ab12"}, "wait": 5}}});
        assert_eq!(serde_json::to_value(ToHub::Pod(begin)).unwrap(), line);
        assert_eq!(serde_json::to_value(ToHub::Pod(PodCommand::End)).unwrap(), json!({"pod": "end"}));
        assert!(serde_json::from_value::<harness_load::frames::ToChild>(line).is_err());
    }
}
