//! One launch of a target: how long it took, and how it ended.

use serde::{Deserialize, Serialize};

use harness_base::clock::Mono;
use harness_base::units::Bytes;

/// The environment variable that every process of a launch inherits, including detached ones. Its value is `<keeper pid>-<n>`.
pub const MARK: &str = "HARNESS_MARK";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Code(i32),
    Signal(i32),
    /// The kernel killed it because it exceeded its memory limit, in bytes if it is known.
    OutOfMemory(Option<u64>),
    /// Unknown, because the process was not ours.
    Unknown,
}

/// One launch. All spans count from the instant taken just before the spawn, on the monotonic clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LaunchRecord {
    /// The instant just before the spawn; 0 for a target that was not ours to start.
    pub spawned: Mono,
    /// First TCP connect on the proxy endpoint that succeeded, in nanoseconds from the spawn.
    pub listening_ns: Option<u64>,
    /// First health answer as expected, in nanoseconds from the spawn; absent when the scenario names no health endpoint.
    pub healthy_ns: Option<u64>,
    /// First ready answer as expected, in nanoseconds from the spawn; absent when the scenario names no ready endpoint.
    pub ready_ns: Option<u64>,
    /// Longest pause between two probes of one endpoint in nanoseconds: the resolution of the three above.
    pub probe_gap_ns: u64,
    /// Launches tried; more than one where a port was taken between its choice and the target's bind.
    pub attempts: u32,
    /// Time from SIGTERM to the end in nanoseconds; absent for a target that was not ours to stop.
    pub stop_ns: Option<u64>,
    /// How it ended when we stopped it.
    pub ending: Option<Ending>,
    pub killed: bool,
    /// The network at which the target is reached: `process` on loopback, a container in the `host`'s network, or one on a `bridge` at its
    /// own address, or one in a `pod`; absent for a target that was not ours to start.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = serde_json::json!(["process", "host", "bridge", "pod", null]))))]
    pub network: Option<String>,
    /// Facts of the container engine; absent without one.
    pub engine: Option<Box<EngineFacts>>,
    /// Facts of the pod; absent for a target outside of Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<Box<PodFacts>>,
}

/// The container engine's part of a launch. None of it is charged to the target, whose spans count from its exec.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EngineFacts {
    pub container: String,
    /// The image as the scenario names it.
    pub image: String,
    pub image_id: String,
    /// Length of the call that created the container, in nanoseconds.
    pub create_ns: u64,
    /// From the start call to the exec of the program, in nanoseconds: [`LaunchRecord::spawned`] is that instant.
    pub exec_ns: u64,
    /// Resolution of the exec instant in nanoseconds; absent when the exec was not seen and the return of the start call
    /// stands for it.
    pub exec_gap_ns: Option<u64>,
    /// Length of the start call in nanoseconds; it may return a moment before the exec. Absent where it never did.
    pub start_ns: Option<u64>,
    /// From the start call until the engine reported the process id, in nanoseconds; absent when it never did.
    pub pid_ns: Option<u64>,
}

/// The pod of a launch, as Kubernetes describes it. Its instants are texts in RFC 3339 by the clocks of the cluster, with a resolution of
/// one second: they stand beside the spans of [`LaunchRecord`] and are never part of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PodFacts {
    pub name: String,
    /// The Kubernetes node on which it ran.
    pub node: String,
    pub address: String,
    /// The quality of service that Kubernetes gave it, for example `Guaranteed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qos: Option<String>,
    /// The instant at which it was given to a node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<String>,
    /// The instant at which its init containers had started or ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initialized: Option<String>,
    /// The instant at which the container of the target started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_started: Option<String>,
    /// The instant at which all of its containers were ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub containers_ready: Option<String>,
    /// The instant at which it was ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<String>,
}

impl std::fmt::Display for Ending {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(out, "exited with code {code}"),
            Self::Unknown => write!(out, "ended, how is not known"),
            Self::OutOfMemory(None) => write!(out, "was OOM-killed by its memory limit"),
            Self::OutOfMemory(Some(limit)) => {
                write!(out, "was OOM-killed by its memory limit of {}", Bytes(*limit))
            }
            Self::Signal(signal) => match nix::sys::signal::Signal::try_from(*signal) {
                Ok(name) => write!(out, "was ended by {name}"),
                Err(_) => write!(out, "was ended by signal {signal}"),
            },
        }
    }
}
