//! Reading what the target may use.

use super::load::at_least;
use super::{LoadWork, Work};
use crate::measure::curve::Objective;
use crate::measure::group::ResourceLimits;
use crate::measure::record::StageKind;
use crate::spec::Section;
use harness_base::units::{Bytes, Nanos, Rate};

/// What a sidecar gets in a pod unless the scenario says otherwise: half a CPU and 128 MiB.
const SIDECAR: ResourceLimits = ResourceLimits { cpus: Some(0.5), memory: Some(Bytes::from_mebi(128)), pids: None };

/// Less CPU than this is less than one tick in a period of 100 ms.
const LEAST_CPUS: f64 = 0.01;

/// Less memory than this holds no process with its libraries; container engines refuse it too.
const LEAST_MEMORY: Bytes = Bytes::from_mebi(6);

/// Most points of a curve: each costs a launch and its rounds.
const MOST_POINTS: usize = 64;

/// `limits` of a stage. A constrained stage has those of a sidecar in a pod by default; the curve has lists instead.
pub(super) fn read_stage(section: &Section<'_>, kind: StageKind, external: bool) -> ResourceLimits {
    let base = if kind == StageKind::Constrained { SIDECAR } else { ResourceLimits::default() };
    if kind == StageKind::Limits {
        if external {
            let hint = "start the program with [target.process] or [target.container]".to_owned();
            section.mistake("", "an external target is watched, never limited", Some(hint));
        }
        return base;
    }
    let written = section.has("limits");
    let limits = read_limits(&section.table("limits", "what the target may use; all it wants of what is not named"));
    if external && (written || kind == StageKind::Constrained) {
        let hint = "start the program with [target.process] or [target.container]".to_owned();
        section.mistake("limits", "an external target is watched, never limited", Some(hint));
    }
    if written && limits.is_empty() && kind == StageKind::Constrained {
        section.mistake(
            "limits",
            "limits nothing",
            Some("write limits = { cpus = 0.5, memory = \"128MiB\" }".to_owned()),
        );
    }
    if written { limits } else { base }
}

fn read_limits(section: &Section<'_>) -> ResourceLimits {
    let cpus =
        section.field("cpus", "CPU time per time: 0.5 is half of one CPU").check(|cpus: &f64| enough_cpus(*cpus));
    let memory = section.field("memory", "memory, swap included").check(|memory: &Bytes| enough_memory(*memory));
    let pids = section.field("pids", "processes and threads at the same time").check(at_least(1, ""));
    ResourceLimits { cpus: cpus.optional(), memory: memory.optional(), pids: pids.optional() }
}

/// The curve: every number of CPUs with every size of memory, smallest first.
pub(super) fn read_curve(section: &Section<'_>, load: LoadWork) -> Work {
    let cpus: Vec<f64> = section
        .field("cpus", "CPUs to try, each with each memory")
        .check(|cpus: &Vec<f64>| several(cpus).and_then(|()| cpus.iter().try_for_each(|cpus| enough_cpus(*cpus))))
        .default(vec![0.1, 0.25, 0.5, 1.0]);
    let memory: Vec<Bytes> = section
        .field("memory", "memory to try, each with each number of CPUs")
        .check(|sizes: &Vec<Bytes>| {
            several(sizes).and_then(|()| sizes.iter().try_for_each(|size| enough_memory(*size)))
        })
        .default(vec![Bytes::from_mebi(64), Bytes::from_mebi(128)]);
    if cpus.len() * memory.len() > MOST_POINTS {
        let message = format!("{} × {} sets of limits are more than {MOST_POINTS}", cpus.len(), memory.len());
        section.mistake("cpus", message, Some("leave some out".to_owned()));
    }
    let objective = read_objective(
        &section.table("objective", "what the target must do; a death by its memory limit never meets it"),
    );
    Work::Curve { cells: cells(cpus, memory), load, objective }
}

fn read_objective(section: &Section<'_>) -> Objective {
    let rps: Option<Rate> = section.field("rps", "fewest valid requests, for example \"500/s\"").optional();
    let p99: Option<Nanos> = section.field("p99", "largest time of a request at quantile 0.99").optional();
    Objective { rps: rps.map(|rate| rate.0), p99_ns: p99.map(|span| span.0) }
}

/// CPUs before memory: CPU is what a node runs out of first.
fn cells(mut cpus: Vec<f64>, mut memory: Vec<Bytes>) -> Vec<ResourceLimits> {
    cpus.sort_by(f64::total_cmp);
    memory.sort_unstable();
    cpus.dedup();
    memory.dedup();
    let with = |cpus: f64| {
        let limits = |memory: &Bytes| ResourceLimits { cpus: Some(cpus), memory: Some(*memory), pids: None };
        memory.iter().map(limits).collect::<Vec<_>>()
    };
    cpus.into_iter().flat_map(with).collect()
}

fn several<T>(values: &[T]) -> Result<(), String> {
    if values.is_empty() { Err("needs at least one value".to_owned()) } else { Ok(()) }
}

fn enough_cpus(cpus: f64) -> Result<(), String> {
    let fits = cpus.is_finite() && cpus >= LEAST_CPUS;
    if fits { Ok(()) } else { Err(format!("must be at least {LEAST_CPUS}, is {cpus}")) }
}

fn enough_memory(memory: Bytes) -> Result<(), String> {
    let fits = memory >= LEAST_MEMORY;
    if fits { Ok(()) } else { Err(format!("must be at least {LEAST_MEMORY}, is {}", memory.notation())) }
}
