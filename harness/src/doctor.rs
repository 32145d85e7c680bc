//! Examines this host: what it can measure, and what disturbs measurements.
//!
//! A condition is a property of the host that affects measurements. One function of `ROWS` finds each condition: it
//! reads the host and passes the values to a pure function that judges them. Values that need time (other processes,
//! steal, pressure, the timer) are measured in one shared window. To add a condition, write such a function and add its
//! row.

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
mod tuning;
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
pub use tuning::Tunable;

use source::Source;

/// All conditions in the order of the report. Conditions that change something on the idle host come last, so that they
/// do not disturb the window.
const ROWS: [fn(&Source<'_>) -> Condition; 24] = [
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
    tools::netem,
];

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Examination {
    #[cfg_attr(feature = "schema", schemars(extend("const" = 1)))]
    pub schema_version: u32,
    /// Time of the examination, RFC 3339 in UTC.
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
    /// Conditions that would disturb measurements, the worst first, as `name: value`.
    #[cfg_attr(feature = "schema", schemars(inner(length(min = 1))))]
    pub spoilers: Vec<String>,
    /// The settings of the CPUs, with the commands that set them. The doctor changes none of them.
    pub tuning: Vec<Tunable>,
}

/// Errors that prevent an examination.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The sampler's thread could not be started.
    #[error(transparent)]
    Sampler(#[from] harness_rig::sampler::Error),
    /// The kernel does not report CPU times.
    #[error("/proc/stat contains no CPU times, so this host cannot be checked; inspect it with: head -1 /proc/stat")]
    NoStat,
}

/// Examines this host for a little longer than `window`; `results` is the results folder. Blocks the calling thread,
/// which must not belong to tokio. It takes the lock of the host, so that no run begins meanwhile; if a run is active,
/// it skips measurements that would disturb it.
///
/// # Errors
/// Returns an [`Error`] if the window cannot be measured.
pub fn examine(results: &Path, window: Nanos) -> Result<Examination, Error> {
    let root = Path::new("/");
    let lock = Lock::acquire();
    let host = host::facts();
    let measured = window::measure(root, window, tools::undisturbed(&lock))?;
    let source = Source { root, results, host: &host, window: &measured, lock: &lock };
    let conditions: Vec<Condition> = ROWS.iter().map(|row| row(&source)).collect();
    let tuning = tuning::tunables(&host);
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
        tuning,
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
            assert!(names.contains(need), "{need} is not a condition");
        }
        for condition in &found.conditions {
            assert!(!condition.value.is_empty() && !condition.why.is_empty(), "{condition:?}");
            assert_eq!(condition.improve.is_none(), condition.state == State::Good, "{condition:?}");
        }
    }
}
