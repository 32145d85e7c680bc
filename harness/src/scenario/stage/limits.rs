//! Reads the limits of a target.

use super::load::at_least;
use crate::measure::group::ResourceLimits;
use crate::spec::Section;
use harness_base::units::Bytes;

/// Smallest CPU limit: less is below one tick in a period of 100 ms.
const LEAST_CPUS: f64 = 0.01;

/// Smallest memory limit: less does not suffice for a process with its libraries, and container engines refuse it.
const LEAST_MEMORY: Bytes = Bytes::from_mebi(6);

/// Reads `limits` of a stage. A stage that has limits by default must keep at least one.
pub(super) fn read(section: &Section<'_>, default: ResourceLimits, external: bool) -> ResourceLimits {
    let written = section.has("limits");
    let limits = read_limits(&section.table("limits", "resources that the target may use; unlimited if not named"));
    if external && (written || !default.is_empty()) {
        refuse_external(section, "limits");
    }
    if written && limits.is_empty() && !default.is_empty() {
        section.mistake(
            "limits",
            "limits nothing",
            Some("write limits = { cpus = 0.5, memory = \"128MiB\" }".to_owned()),
        );
    }
    if written { limits } else { default }
}

/// Refuses limits for an external target.
pub(crate) fn refuse_external(section: &Section<'_>, key: &str) {
    let hint = "start the program with [target.process] or [target.container]".to_owned();
    section.mistake(key, "harness cannot limit an external target", Some(hint));
}

fn read_limits(section: &Section<'_>) -> ResourceLimits {
    let cpus =
        section.field("cpus", "CPU time per wall time: 0.5 is half of one CPU").check(|cpus: &f64| enough_cpus(*cpus));
    let memory = section.field("memory", "memory, swap included").check(|memory: &Bytes| enough_memory(*memory));
    let pids = section.field("pids", "number of processes and threads").check(at_least(1, ""));
    ResourceLimits { cpus: cpus.optional(), memory: memory.optional(), pids: pids.optional() }
}

pub(crate) fn enough_cpus(cpus: f64) -> Result<(), String> {
    let fits = cpus.is_finite() && cpus >= LEAST_CPUS;
    if fits { Ok(()) } else { Err(format!("must be at least {LEAST_CPUS}, is {cpus}")) }
}

pub(crate) fn enough_memory(memory: Bytes) -> Result<(), String> {
    let fits = memory >= LEAST_MEMORY;
    if fits { Ok(()) } else { Err(format!("must be at least {LEAST_MEMORY}, is {}", memory.notation())) }
}
