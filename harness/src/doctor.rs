//! Doctor: what this host can measure, and what would spoil it.
//!
//! A condition is something of the host that numbers depend on. Each is found by one function of `ROWS`: it reads, and hands
//! what it read to a pure function that judges. What takes time (others' CPU, stolen time, waiting, the timer) is measured in
//! one window for all of them; everything else is looked up. To look at one thing more, write such a function and add its row.

mod condition;
mod cpu;
mod machine;
mod memory;
mod neighbours;
mod network;
mod pressure;
mod source;
mod storage;
mod summary;
mod table;
mod time;
mod tools;
mod window;

use std::path::Path;

use serde::Serialize;

use crate::measure::{HostFacts, ToolFacts};
use harness_base::clock::{rfc3339, unix_seconds};
use harness_base::units::Nanos;
use harness_rig::host::{self, Lock};

pub use condition::{Condition, State};
pub use summary::{Ability, Answer};
pub use table::table;

use source::Source;

/// Every condition, in the order in which it is told. Those that look at something of the host at rest come last, so that
/// what they do falls into no window.
const ROWS: [fn(&Source<'_>) -> Condition; 23] = [
    cpu::cpus,
    cpu::quota,
    cpu::smt,
    cpu::governor,
    cpu::turbo,
    machine::virtualization,
    machine::steal,
    neighbours::foreign_cpu,
    pressure::cpu,
    pressure::memory,
    pressure::io,
    tools::other_run,
    time::clock_source,
    time::clock_step,
    time::timer_lag,
    memory::memory,
    memory::swap,
    network::ports,
    storage::descriptors,
    storage::disk,
    tools::control_groups,
    tools::engine,
    tools::perf,
];

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Examination {
    #[cfg_attr(feature = "schema", schemars(extend("const" = 1)))]
    pub schema_version: u32,
    /// When, RFC 3339 in UTC.
    #[cfg_attr(feature = "schema", schemars(with = "crate::measure::shape::Utc"))]
    pub taken_at: String,
    pub tool: ToolFacts,
    pub host: HostFacts,
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub window_ns: Nanos,
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub conditions: Vec<Condition>,
    /// What can be measured here.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub abilities: Vec<Ability>,
    /// What would spoil numbers, the worst first, as `name: value`.
    #[cfg_attr(feature = "schema", schemars(inner(length(min = 1))))]
    pub spoilers: Vec<String>,
}

/// Why nothing can be said about a host.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No thread to read with.
    #[error(transparent)]
    Sampler(#[from] harness_rig::sampler::Error),
    /// The kernel does not tell what its CPUs do.
    #[error("/proc/stat says nothing, so no number of this host can be checked; look at it with: head -1 /proc/stat")]
    NoStat,
}

/// Looks at this host for a little longer than `window`; `results` is where results would go. Blocks the calling thread,
/// which must not be one of tokio's. It takes the host's lock, so that no run begins meanwhile; where a run is under way, what
/// would disturb it is not measured.
///
/// # Errors
/// [`Error`], when the window cannot be measured at all.
pub fn examine(results: &Path, window: Nanos) -> Result<Examination, Error> {
    let root = Path::new("/");
    let lock = Lock::acquire();
    let host = host::facts();
    let measured = window::measure(root, window, tools::undisturbed(&lock))?;
    let source = Source { root, results, host: &host, window: &measured, lock: &lock };
    let conditions: Vec<Condition> = ROWS.iter().map(|row| row(&source)).collect();
    let (abilities, spoilers) = (summary::abilities(&conditions), summary::spoilers(&conditions));
    Ok(Examination {
        schema_version: 1,
        taken_at: rfc3339(unix_seconds()),
        tool: host::tool(),
        host,
        window_ns: window,
        conditions,
        abilities,
        spoilers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_another_condition_and_every_need_is_one() {
        let found = examine(Path::new("results"), Nanos::from_millis(100)).unwrap();
        let names: Vec<&str> = found.conditions.iter().map(|condition| condition.name).collect();
        for (index, name) in names.iter().enumerate() {
            assert!(!names[..index].contains(name), "{name} twice");
        }
        for need in summary::NEEDS.iter().flat_map(|needs| needs.needed.iter().chain(needs.shaken_by)) {
            assert!(names.contains(need), "{need} is no condition");
        }
        for condition in &found.conditions {
            assert!(!condition.value.is_empty() && !condition.why.is_empty(), "{condition:?}");
            assert_eq!(condition.improve.is_none(), condition.state == State::Good, "{condition:?}");
        }
    }
}
