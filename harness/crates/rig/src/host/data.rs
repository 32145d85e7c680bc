//! The facts about the host, the working copy and the harness in a record.

use serde::{Deserialize, Serialize};

use super::tuning::Tuning;

/// State of a git working copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GitFacts {
    pub sha: String,
    /// The branch, if HEAD is on one.
    pub branch: Option<String>,
    /// Whether tracked files differ from HEAD.
    pub dirty: bool,
}

/// The harness that made the record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ToolFacts {
    pub version: String,
    /// `release` or `debug`; a debug generator saturates earlier.
    pub profile: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HostFacts {
    /// CPU model as the kernel names it.
    pub cpu_model: String,
    /// CPUs this process may use.
    pub cpus: u64,
    /// The CPU time per second that the control groups of this process permit, in CPUs; absent without a quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub cpu_quota: Option<f64>,
    /// Physical memory in bytes.
    pub memory_bytes: u64,
    pub kernel: String,
    pub os: String,
    /// The virtual machine or container, if the CPU flags or DMI show it.
    pub virtualization: Option<String>,
    /// `v1`, `v2` or `hybrid`.
    pub cgroup: Option<String>,
    /// The CPU frequency governor, if there is one.
    pub governor: Option<String>,
    /// The settings of the CPUs; absent in records of a harness that did not read them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuning: Option<Tuning>,
    /// Clock source of the kernel.
    pub clock_source: Option<String>,
    /// Identifies this machine since it started: the first half of the SHA-256 of its id and its boot's, hexadecimal. Machines of one
    /// type can differ by a third in speed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// Load average over one minute when the run began.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub load_average: f64,
}
