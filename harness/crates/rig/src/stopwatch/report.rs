//! The report of a stopwatch.

use serde::{Deserialize, Serialize};

use crate::launch::Ending;
use crate::usage::TreeUsage;
use harness_base::clock::Mono;

/// The end of one run, as JSON on the stdout of the stopwatch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    Ended(Box<TimedRun>),
    /// The kernel did not start the program.
    NotStarted(String),
}

/// One run of a command. Times, memory and bytes include the children that the command waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TimedRun {
    /// The instant just before the start.
    pub begun: Mono,
    /// From just before the start until the end was noticed, in nanoseconds.
    pub wall_ns: u64,
    /// CPU time in user mode, in nanoseconds. Most kernels divide the CPU time between both modes by samples of 1 to 10 ms; the sum is exact.
    pub user_ns: u64,
    /// CPU time in the kernel, in nanoseconds.
    pub system_ns: u64,
    /// Largest resident memory of one of its processes, in bytes; never less than that of the stopwatch, from which it is started.
    pub max_rss_bytes: u64,
    /// The same for the stopwatch before the start, in bytes: a smaller memory of the command cannot be seen.
    pub floor_rss_bytes: u64,
    /// Bytes handed to calls that write, to files, pipes and terminals alike; absent if the kernel does not count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_bytes: Option<u64>,
    /// Bytes that were read from a storage device; absent if the kernel does not count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched_bytes: Option<u64>,
    /// Bytes of files that have to be written to a storage device, in whole pages; absent if the kernel does not count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<u64>,
    /// Time for which the stopwatch could run but had no CPU, in nanoseconds; absent if the kernel does not account it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalled_ns: Option<u64>,
    /// How the command ended.
    pub ending: Ending,
    /// Wall times of the empty programs that ran directly before, in nanoseconds; empty if none could be run.
    pub empty_ns: Vec<u64>,
    /// CPU time of the stopwatch and of the empty programs, in nanoseconds.
    pub stopwatch_cpu_ns: u64,
}

impl TimedRun {
    /// Returns the CPU time of the command and of the stopwatch, as that of a tree which has ended.
    pub fn usage(&self) -> TreeUsage {
        let cpu_ns = self.user_ns + self.system_ns + self.stopwatch_cpu_ns;
        TreeUsage { processes: 1, cpu_ns, rss_bytes: self.max_rss_bytes, ..TreeUsage::default() }
    }

    /// Returns whether the peak memory is that of the command, and not that of the stopwatch.
    pub const fn has_own_peak(&self) -> bool {
        self.max_rss_bytes > self.floor_rss_bytes
    }
}
