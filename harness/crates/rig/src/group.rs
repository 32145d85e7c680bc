//! The use and the limits of a control group. Raw counters and levels are recorded; shares are derived here.

use serde::{Deserialize, Serialize};

use harness_base::units::Bytes;

/// The use of a control group at an instant, including its ended processes. A value that the kernel does not report is `None`, never 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GroupUsage {
    /// CPU time so far, in nanoseconds.
    pub cpu_ns: Option<u64>,
    /// Periods of the CPU limit so far in which the group had work to do. They pass only while there is such a limit.
    pub periods: Option<u64>,
    /// Periods so far in which it had used up its CPU time and was throttled.
    pub throttled_periods: Option<u64>,
    /// Time so far for which it was throttled, in nanoseconds, summed over the CPUs it wanted to run on: it can exceed the
    /// time that passed.
    pub throttled_ns: Option<u64>,
    /// Memory charged now, in bytes, page cache and kernel memory included.
    pub memory_bytes: Option<u64>,
    /// Largest memory charged since the group was made or its peak was last reset, in bytes.
    pub memory_peak_bytes: Option<u64>,
    /// Anonymous memory now, in bytes: heap and stacks, without page cache.
    pub anon_bytes: Option<u64>,
    /// Processes so far that the kernel killed because the group was out of memory.
    pub oom_kills: Option<u64>,
    /// Times so far that the group ran into its memory limit, reclaimed memory or not.
    pub limit_hits: Option<u64>,
    /// Wall-clock time so far in which at least one of its tasks waited for memory, in nanoseconds; version 2 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_stall_ns: Option<u64>,
}

/// The use of a control group between two instants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupDelta {
    /// Time between the two, in nanoseconds.
    pub span_ns: u64,
    /// CPU time, in nanoseconds.
    pub cpu_ns: Option<u64>,
    /// Periods of the CPU limit in which the group had work to do.
    pub periods: Option<u64>,
    /// Those of them in which it was throttled.
    pub throttled_periods: Option<u64>,
    /// Time for which it was throttled, in nanoseconds, summed over CPUs.
    pub throttled_ns: Option<u64>,
    /// Processes killed because of the memory limit.
    pub oom_kills: Option<u64>,
    /// Times the memory limit was hit.
    pub limit_hits: Option<u64>,
    /// Wall-clock time in which at least one task waited for memory, in nanoseconds.
    pub memory_stall_ns: Option<u64>,
}

/// One microsecond of a period of 100 ms, in CPUs.
const CPU_STEP: f64 = 1e-5;
/// The largest page size of a kernel, in bytes.
const LARGEST_PAGE: u64 = 64 * 1024;

impl std::fmt::Display for ResourceLimits {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let cpus = self.cpus.map(|cpus| format!("{cpus} CPUs"));
        let memory = self.memory.map(|memory| memory.notation());
        let pids = self.pids.map(|pids| format!("{pids} processes"));
        let parts: Vec<String> = cpus.into_iter().chain(memory).chain(pids).collect();
        if parts.is_empty() { write!(out, "no limits") } else { write!(out, "{}", parts.join(", ")) }
    }
}

/// The limits of a target. An absent value is not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ResourceLimits {
    /// The CPU time per second, in CPUs: 0.5 is half of one CPU. Greater than 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub cpus: Option<f64>,
    /// Memory in bytes, swap included where the host has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Bytes>,
    /// Processes and threads at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub pids: Option<u64>,
}

impl ResourceLimits {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns whether the kernel's limits `found` enforce these limits. The kernel stores CPU time per period in microseconds and memory
    /// in whole pages, so it may be slightly stricter. It may also limit what is not limited here.
    pub fn in_force(&self, found: &Self) -> bool {
        let cpus = self.cpus.is_none_or(|cpus| found.cpus.is_some_and(|found| (found - cpus).abs() <= CPU_STEP));
        let page = |asked: u64, found: u64| found <= asked && asked - found < LARGEST_PAGE;
        let memory = self.memory.is_none_or(|asked| found.memory.is_some_and(|found| page(asked.0, found.0)));
        cpus && memory && self.pids.is_none_or(|pids| found.pids == Some(pids))
    }
}

impl GroupUsage {
    /// Returns whether nothing could be read, because the group was removed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns what was used since `earlier`, `span_ns` nanoseconds ago. A counter that is missing on either side, or that fell
    /// because the two are not the same group, stays unknown.
    pub fn since(&self, earlier: &Self, span_ns: u64) -> GroupDelta {
        let difference =
            |of: fn(&Self) -> Option<u64>| of(self).zip(of(earlier)).and_then(|(now, then)| now.checked_sub(then));
        GroupDelta {
            span_ns,
            cpu_ns: difference(|usage| usage.cpu_ns),
            periods: difference(|usage| usage.periods),
            throttled_periods: difference(|usage| usage.throttled_periods),
            throttled_ns: difference(|usage| usage.throttled_ns),
            oom_kills: difference(|usage| usage.oom_kills),
            limit_hits: difference(|usage| usage.limit_hits),
            memory_stall_ns: difference(|usage| usage.memory_stall_ns),
        }
    }
}

impl GroupDelta {
    /// Returns the number of CPUs used on average; `None` when no time passed.
    pub fn cpus(&self) -> Option<f64> {
        self.over_span(self.cpu_ns)
    }

    /// Returns the share of the periods in which the group was throttled (0 to 1); `None` without a period, as without a CPU limit.
    pub fn throttled_share(&self) -> Option<f64> {
        let periods = self.periods.filter(|periods| *periods > 0)?;
        Some(self.throttled_periods? as f64 / periods as f64)
    }

    /// Returns time throttled ÷ time passed, summed over CPUs, so up to the number of CPUs the group wanted.
    pub fn throttled_time(&self) -> Option<f64> {
        self.over_span(self.throttled_ns)
    }

    /// Returns the share of the time in which at least one task waited for memory (0 to 1).
    pub fn memory_stall(&self) -> Option<f64> {
        self.over_span(self.memory_stall_ns)
    }

    fn over_span(&self, ns: Option<u64>) -> Option<f64> {
        (self.span_ns > 0).then_some(())?;
        Some(ns? as f64 / self.span_ns as f64)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const MS: u64 = 1_000_000;

    pub(crate) fn usage(step: u64) -> GroupUsage {
        GroupUsage {
            cpu_ns: Some(7 + step * 50 * MS),
            periods: Some(3 + step),
            throttled_periods: Some(step),
            throttled_ns: Some(step * 40 * MS),
            memory_bytes: Some(1_000 + step),
            memory_peak_bytes: Some(9_000),
            anon_bytes: Some(800),
            oom_kills: Some(0),
            limit_hits: None,
            memory_stall_ns: Some(step * 10 * MS),
        }
    }

    #[test]
    fn an_unknown_value_stays_unknown() {
        let fell = usage(0).since(&usage(1), MS);
        assert_eq!((fell.cpu_ns, fell.oom_kills), (None, Some(0)));
        let unlimited = GroupUsage { periods: Some(0), throttled_periods: Some(0), ..GroupUsage::default() };
        assert_eq!(unlimited.since(&unlimited, MS).throttled_share(), None);
        assert_eq!(usage(1).since(&usage(1), 0).cpus(), None);
        assert!(GroupUsage::default().is_empty() && !usage(0).is_empty());
    }

    #[test]
    fn limits_in_force_are_those_asked_for_down_to_a_page() {
        let asked = ResourceLimits { cpus: Some(1.0 / 3.0), memory: Some(Bytes(100_000_000)), pids: Some(9) };
        let found = ResourceLimits { cpus: Some(0.33333), memory: Some(Bytes(99_999_744)), pids: Some(9) };
        assert!(asked.in_force(&found) && ResourceLimits::default().in_force(&found));
        for wrong in [
            ResourceLimits { cpus: None, ..found },
            ResourceLimits { cpus: Some(0.3334), ..found },
            ResourceLimits { memory: None, ..found },
            ResourceLimits { memory: Some(Bytes(100_003_840)), ..found },
            ResourceLimits { memory: Some(Bytes(90_000_000)), ..found },
            ResourceLimits { pids: Some(10), ..found },
        ] {
            assert!(!asked.in_force(&wrong), "{wrong:?}");
        }
    }

    #[test]
    fn a_record_of_limits_names_only_what_is_limited() {
        let limits = ResourceLimits { cpus: Some(0.5), memory: Some(Bytes::from_mebi(128)), pids: None };
        let text = serde_json::to_string(&limits).unwrap();
        assert_eq!(text, r#"{"cpus":0.5,"memory":134217728}"#);
        assert_eq!(serde_json::from_str::<ResourceLimits>(&text).unwrap(), limits);
        assert!(serde_json::from_str::<ResourceLimits>(r#"{"cpu":1}"#).is_err());
        assert!(ResourceLimits::default().is_empty() && !limits.is_empty());
    }
}
