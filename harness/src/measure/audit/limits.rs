//! The limits of the audit.

use serde::{Deserialize, Serialize};

use crate::spec::Section;
use harness_base::units::{Nanos, Ratio};

/// Limits of the audit, which `[audit]` changes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Smallest share of the offered rate that must be achieved.
    pub achieved: Ratio,
    /// Largest pacer lag at quantile 0.99.
    pub pacer_lag_p99: Nanos,
    /// Largest read lag at quantile 0.99.
    #[serde(default = "read_lag_p99")]
    pub read_lag_p99: Nanos,
    /// Largest lag of a relay at quantile 0.99.
    #[serde(default = "relay_lag_p99")]
    pub relay_lag_p99: Nanos,
    /// Largest share of a window's requests that stalls of the generator may overlap, and in a closed loop the largest share of the
    /// window that they may last.
    #[serde(default = "stall")]
    pub stall: Ratio,
    /// Largest share of the window that stalls of the upstream, or of a relay, may last.
    #[serde(default = "upstream_stall")]
    pub upstream_stall: Ratio,
    /// Largest share of the window for which the CPU quota of the harness may throttle it.
    #[serde(default = "throttled")]
    pub throttled: Ratio,
    /// Largest pause between two probes of a launch, unless 5 % of its time is longer.
    #[serde(default = "probe_gap")]
    pub probe_gap: Nanos,
    /// Largest number of requests that may remain unsent.
    pub unsent: u64,
    /// Largest share of the scheduled requests that may be errors.
    pub errors: Ratio,
    /// Smallest share of the window that the readings must cover.
    #[serde(default = "readings")]
    pub readings: Ratio,
    /// Largest share of CPU time stolen by the hypervisor.
    pub steal: Ratio,
    /// Largest share of CPU time used by processes outside the measurement.
    pub foreign_cpu: Ratio,
    /// Largest share of its CPUs that the target may use in an overhead trial.
    pub target_cpu: Ratio,
    /// Share of the window at which a generator or upstream thread counts as saturated.
    pub saturated: Ratio,
    /// Largest relative difference between counted requests in flight and rate × mean service time.
    pub littles_law: Ratio,
    /// Largest time between the beginnings of two nodes of a fleet.
    #[serde(default = "skew")]
    pub skew: Nanos,
    /// Largest error of the clock of a node of a fleet.
    #[serde(default = "clock_error")]
    pub clock_error: Nanos,
    /// Largest difference of a node's requests from an equal share, unless it is one request.
    #[serde(default = "node_share")]
    pub node_share: Ratio,
}

/// The limit of the pacer lag, because both have the same cause.
const fn read_lag_p99() -> Nanos {
    Nanos::from_millis(1)
}

/// The limit of the pacer lag: a relay adds to the times of both arms what it is late.
const fn relay_lag_p99() -> Nanos {
    Nanos::from_millis(1)
}

/// The requests that a stall overlaps are left out of the latencies, so a small share does not change them.
const fn stall() -> Ratio {
    Ratio(0.25)
}

/// The requests that a stall of the upstream delays cannot be left out, so their share must be far below the 1 % beyond p99.
const fn upstream_stall() -> Ratio {
    Ratio(0.002)
}

/// Far below the 1 % of the requests beyond p99.
const fn throttled() -> Ratio {
    Ratio(0.005)
}

/// Of 146 launches on a quiet shared machine with two CPUs, the longest pause was 0.58 ms in the median, and above 1 ms in 5 %.
const fn probe_gap() -> Nanos {
    Nanos::from_millis(1)
}

/// The limit of the pacer lag, which is the same for one request.
const fn skew() -> Nanos {
    Nanos::from_millis(1)
}

/// Half of the skew that is permitted: a clock that is known worse could hide it.
const fn clock_error() -> Nanos {
    Nanos::from_micros(500)
}

/// Nodes take turns, so their numbers of requests in a window differ by one.
const fn node_share() -> Ratio {
    Ratio(0.01)
}

/// CPU times are then correct within 10 %.
const fn readings() -> Ratio {
    Ratio(0.9)
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            achieved: Ratio(0.99),
            pacer_lag_p99: Nanos::from_millis(1),
            read_lag_p99: read_lag_p99(),
            relay_lag_p99: relay_lag_p99(),
            stall: stall(),
            upstream_stall: upstream_stall(),
            throttled: throttled(),
            probe_gap: probe_gap(),
            unsent: 0,
            errors: Ratio(0.0),
            readings: readings(),
            steal: Ratio(0.05),
            foreign_cpu: Ratio(0.10),
            target_cpu: Ratio(0.60),
            saturated: Ratio(0.90),
            littles_law: Ratio(0.20),
            skew: skew(),
            clock_error: clock_error(),
            node_share: node_share(),
        }
    }
}

impl Limits {
    /// Reads an `[audit]` section; missing keys are taken from `base`.
    pub fn read(section: &Section<'_>, base: Self) -> Self {
        let pacer_lag = "largest pacer lag (released − intended) at p99";
        let pacer_lag_p99 = section.field("pacer_lag_p99", pacer_lag).default(base.pacer_lag_p99);
        let (skew, clock_error, node_share) = read_limits_of_nodes(section, base);
        Self {
            achieved: section
                .field("achieved", "smallest share of the offered rate that must be achieved")
                .default(base.achieved),
            pacer_lag_p99,
            read_lag_p99: section
                .field(
                    "read_lag_p99",
                    "largest read lag (read − arrived) at p99; default: 1ms, or pacer_lag_p99 if longer",
                )
                .default(base.read_lag_p99.max(pacer_lag_p99)),
            relay_lag_p99: read_relay_lag(section, base.relay_lag_p99),
            stall: section
                .field(
                    "stall",
                    "largest share of the requests (closed loop: of the window) in a stall of the generator",
                )
                .default(base.stall),
            upstream_stall: section
                .field(
                    "upstream_stall",
                    "largest share of the window in which the upstream, or a relay of the network, was stalled",
                )
                .default(base.upstream_stall),
            throttled: section
                .field(
                    "throttled",
                    "largest share of the window for which the CPU quota of the harness may throttle it",
                )
                .default(base.throttled),
            probe_gap: section
                .field("probe_gap", "largest pause between two probes of a launch, unless 5 % of its time is longer")
                .default(base.probe_gap),
            unsent: section.field("unsent", "largest number of requests that may remain unsent").default(base.unsent),
            errors: section
                .field("errors", "largest share of the scheduled requests that may be errors")
                .default(base.errors),
            readings: section
                .field("readings", "smallest share of the window that the readings of /proc must cover")
                .default(base.readings),
            steal: section.field("steal", "largest share of CPU time taken by the hypervisor").default(base.steal),
            foreign_cpu: section
                .field("foreign_cpu", "largest share of CPU time used by processes outside the measurement")
                .default(base.foreign_cpu),
            target_cpu: section
                .field("target_cpu", "overhead: largest share of its CPUs that the target may use")
                .default(base.target_cpu),
            saturated: section
                .field("saturated", "share of the window at which a generator or upstream thread counts as saturated")
                .default(base.saturated),
            littles_law: section
                .field("littles_law", "largest disagreement between counted and computed requests in flight")
                .default(base.littles_law),
            skew,
            clock_error,
            node_share,
        }
    }
}

/// Reads the largest skew, clock error and difference of a share of the nodes of a fleet.
fn read_limits_of_nodes(section: &Section<'_>, base: Limits) -> (Nanos, Nanos, Ratio) {
    let skew = "fleet: largest time between the beginnings of two nodes, each compared with its order; closed loop: at least 1 % of the window";
    let clock_error = "fleet: largest error of what is known of the clock of a node";
    let share = "fleet: largest difference of the requests of a node from an equal share";
    let skew = section.field("skew", skew).default(base.skew);
    let clock_error = section.field("clock_error", clock_error).default(base.clock_error);
    (skew, clock_error, section.field("node_share", share).default(base.node_share))
}

fn read_relay_lag(section: &Section<'_>, base: Nanos) -> Nanos {
    let about = "largest lag of a relay of the network (written − due, or read − arrived) at p99";
    section.field("relay_lag_p99", about).default(base)
}
