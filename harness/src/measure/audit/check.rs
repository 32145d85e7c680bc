//! Defines the result of an audit rule: the values it compared, whether it holds, and the cause if it does not.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::rule::Rule;
use harness_base::units::Rate;
use harness_load::facts::LedgerRule;
use harness_load::mcp::method::Method;
use harness_load::outcome::Outcomes;
use harness_rig::paths::PathName;

/// Cause of a violated rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// The load generator could not send the load.
    Generator,
    /// The target answered wrongly, or could not carry the load.
    Target,
    /// The upstream was the limit.
    Upstream,
    /// Other processes or guests disturbed the host.
    Host,
    /// A relay of the network was late, or the measurement contradicts itself.
    Instrument,
}

/// The values that a rule compared. Shares are from 0 to 1; limits have the unit of the limited value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Found {
    Accounting {
        scheduled: u64,
        accounted: u64,
    },
    Errors {
        errors: u64,
        scheduled: u64,
        outcomes: Outcomes,
        /// Example of a wrong answer.
        example: Option<String>,
        limit: f64,
    },
    /// Errors before the fault, in stage `faults`.
    ErrorsBefore {
        errors: u64,
        of: u64,
        /// Example of a wrong answer.
        example: Option<String>,
    },
    Achieved {
        /// Answered ÷ offered.
        share: f64,
        #[serde(rename = "rate_per_second")]
        rate: Rate,
        limit: f64,
    },
    PacerLag {
        /// From 0 to 1; absent when no request was released.
        quantile: Option<f64>,
        lag_ns: Option<u64>,
        limit_ns: u64,
    },
    ReadLag {
        /// From 0 to 1.
        quantile: f64,
        lag_ns: u64,
        limit_ns: u64,
    },
    /// How late a relay of the network wrote what was due, or read what had arrived.
    RelayLag {
        path: PathName,
        /// From 0 to 1.
        quantile: f64,
        lag_ns: u64,
        limit_ns: u64,
    },
    /// The packets of a path that netem lost.
    PathLoss {
        path: PathName,
        lost: u64,
        /// Packets that arrived at netem, in both directions.
        packets: u64,
        /// The share that was to be lost, from 0 to 1.
        wanted: f64,
    },
    /// Spans in which a process of the harness did not run although it was due, and no other thread had its CPU.
    Stall {
        process: OwnProcess,
        share: f64,
        share_of: ShareOf,
        limit: f64,
    },
    /// The CPU quotas of the control groups that contain the harness.
    Throttled {
        /// Time throttled ÷ length of the window, summed over CPUs.
        share: f64,
        limit: f64,
    },
    /// Probes of a launch that came late, so that its times are uncertain.
    ProbeGap {
        /// Longest pause between two probes of one endpoint.
        gap_ns: u64,
        limit_ns: u64,
    },
    /// A launch that read the program from a disk.
    Cold {
        /// Pages that the target needed and that were not in memory.
        pages: u64,
    },
    /// The values that a rule needs could not be read.
    Unread {
        rule: Rule,
    },
    Unsent {
        unsent: u64,
        limit: u64,
    },
    Ledger {
        /// The method of agents to which the numbers belong; absent for all requests.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        method: Option<Method>,
        /// The tool to whose calls they belong; absent for all tools.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tool: Option<String>,
        sent: u64,
        upstream_hits: u64,
        expected: LedgerRule,
    },
    /// Sessions of agents.
    LedgerSessions {
        /// Whether sessions were deleted or, otherwise, opened.
        deleted: bool,
        agents: u64,
        upstream: u64,
        expected: LedgerRule,
    },
    LittlesLaw {
        /// Requests in flight, counted.
        counted: f64,
        /// Requests in flight as rate × mean service time.
        computed: f64,
    },
    Readings {
        /// The time that the readings and the window have in common ÷ the time of either.
        share: f64,
        limit: f64,
    },
    TargetCpu {
        /// CPU time used ÷ CPU time available.
        share: f64,
        /// CPUs that the target may use.
        cpus: f64,
        limit: f64,
    },
    Steal {
        share: f64,
        limit: f64,
    },
    ForeignCpu {
        share: f64,
        limit: f64,
    },
    /// How far apart the nodes of a fleet released their first requests.
    Skew {
        skew_ns: u64,
        limit_ns: u64,
    },
    /// By how much the clock of a node can differ from what was assumed.
    ClockError {
        error_ns: u64,
        limit_ns: u64,
    },
    NodeShare {
        scheduled: u64,
        /// Requests of each node if all had equally many.
        share: f64,
        limit: f64,
    },
    /// From where the direct arm reached the upstream in a pod.
    Redirected {
        /// Address of one of those that are connected with it, if none of them is a node of the fleet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<IpAddr>,
        /// Number of addresses that are no node's, with that of the target in the same pod.
        others: u64,
    },
}

/// A node of a fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AtNode {
    /// From 0.
    pub index: u64,
    /// Number of nodes.
    pub of: u64,
    pub name: String,
}

/// One rule applied to one trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Check {
    pub found: Found,
    /// The node of the fleet on which it was found: the furthest from the limit; absent if it concerns no single node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<AtNode>,
    pub passed: bool,
    /// Absent when the rule holds.
    pub blame: Option<Blame>,
}

/// The whole of which a share of stalls is a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ShareOf {
    /// The requests of the window; the part are those that a stall overlaps.
    Requests,
    /// The length of the window; the part is that of the stalls.
    Window,
    /// The time of one reload; the part is that of the stalls.
    Reload,
}

/// A process of the harness that takes part in a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OwnProcess {
    Generator,
    Upstream,
    /// What impairs a path of the network.
    Relay,
    /// What measures the runs of a command.
    Stopwatch,
    /// What plays the foreign hosts.
    Egress,
    /// What starts and signals all others.
    Keeper,
}

/// Remark about a trial that readers of its numbers need.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Tag {
    /// A thread of generator, upstream or a relay was busy for most of the window, so the rate may be the limit of the host.
    CoLocated {
        process: OwnProcess,
        /// Share of the window, from 0 to 1.
        #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
        share: f64,
    },
}

impl Found {
    /// Returns the rule that checks this.
    pub const fn rule(&self) -> Rule {
        match self {
            Self::Accounting { .. } => Rule::Accounting,
            Self::Errors { .. } | Self::ErrorsBefore { .. } => Rule::Errors,
            Self::Achieved { .. } => Rule::Achieved,
            Self::PacerLag { .. } => Rule::PacerLagP99,
            Self::ReadLag { .. } => Rule::ReadLagP99,
            Self::RelayLag { .. } => Rule::RelayLagP99,
            Self::PathLoss { .. } => Rule::PathLoss,
            Self::Stall { .. } => Rule::Stall,
            Self::Throttled { .. } => Rule::Throttled,
            Self::ProbeGap { .. } => Rule::ProbeGap,
            Self::Cold { .. } => Rule::Cold,
            Self::Unread { rule } => *rule,
            Self::Unsent { .. } => Rule::Unsent,
            Self::Ledger { .. } | Self::LedgerSessions { .. } => Rule::Ledger,
            Self::LittlesLaw { .. } => Rule::LittlesLaw,
            Self::Readings { .. } => Rule::Readings,
            Self::TargetCpu { .. } => Rule::TargetCpu,
            Self::Steal { .. } => Rule::Steal,
            Self::ForeignCpu { .. } => Rule::ForeignCpu,
            Self::Skew { .. } => Rule::Skew,
            Self::ClockError { .. } => Rule::ClockError,
            Self::NodeShare { .. } => Rule::NodeShare,
            Self::Redirected { .. } => Rule::Redirected,
        }
    }
}

/// Groups items by the rule of their check, in the order in which the rules appear first, each with its first check.
pub fn by_rule<'a, T>(items: impl IntoIterator<Item = (&'a Check, T)>) -> Vec<(&'a Check, Vec<T>)> {
    let mut groups: Vec<(&Check, Vec<T>)> = Vec::new();
    for (check, item) in items {
        match groups.iter_mut().find(|(first, _)| first.rule() == check.rule()) {
            Some((_, group)) => group.push(item),
            None => groups.push((check, vec![item])),
        }
    }
    groups
}

impl Check {
    /// Creates a check. The blame is kept only if the rule does not hold.
    pub fn new(found: Found, passed: bool, blame: Blame) -> Self {
        Self { found, node: None, passed, blame: (!passed).then_some(blame) }
    }

    /// Creates the check of a rule whose values could not be read. It passes only if its limit, a share, permits every value.
    pub fn unread(rule: Rule, limit: f64) -> Self {
        Self::new(Found::Unread { rule }, limit >= 1.0, Blame::Instrument)
    }

    pub const fn rule(&self) -> Rule {
        self.found.rule()
    }
}
