//! Reads `[stage.limits]`.

use super::facts::Objective;
use super::work::Work;
use crate::measure::group::ResourceLimits;
use crate::scenario::stage::base::{Base, Common};
use crate::scenario::stage::kind::{Kind, Place};
use crate::scenario::stage::limits::{enough_cpus, enough_memory, refuse_external};
use crate::scenario::stage::load::{self, CONNECTIONS, Defaults, Loop};
use crate::spec::Section;
use crate::work::load::{FEWEST_ROUNDS, LoadWork};
use crate::work::{self};
use harness_base::units::{Bytes, Nanos, Rate};

pub(crate) const KIND: Kind = Kind {
    place: Place::Stage(read),
    about: "loads the target within several sets of limits, to find the smallest sufficient one",
};

const DEFAULTS: Defaults = Defaults {
    arrivals: Loop::Either,
    vus: CONNECTIONS,
    rounds: FEWEST_ROUNDS,
    warmup: Nanos::from_millis(300),
    window: Nanos::from_millis(1000),
};

/// Largest number of points of a curve: each needs a launch and its rounds.
const MOST_POINTS: usize = 64;

fn read(section: &Section<'_>, base: &Base<'_>, common: &mut Common) -> work::Work {
    common.read_surroundings(section, base);
    if base.is_external(section) {
        refuse_external(section, "");
    }
    common.read_requests(section, base);
    let load = load::read(section, &DEFAULTS, base.is_external(section));
    let paired = load::read_paired(section, common.upstream.is_some(), false);
    read_curve(section, LoadWork { paired, ..load }).into()
}

/// Reads the curve: every number of CPUs with every size of memory, smallest first.
fn read_curve(section: &Section<'_>, load: LoadWork) -> Work {
    let cpus: Vec<f64> = section
        .field("cpus", "CPUs to try, in combination with each memory")
        .check(|cpus: &Vec<f64>| several(cpus).and_then(|()| cpus.iter().try_for_each(|cpus| enough_cpus(*cpus))))
        .default(vec![0.1, 0.25, 0.5, 1.0]);
    let memory: Vec<Bytes> = section
        .field("memory", "memory to try, in combination with each number of CPUs")
        .check(|sizes: &Vec<Bytes>| {
            several(sizes).and_then(|()| sizes.iter().try_for_each(|size| enough_memory(*size)))
        })
        .default(vec![Bytes::from_mebi(64), Bytes::from_mebi(128)]);
    if cpus.len() * memory.len() > MOST_POINTS {
        let message = format!("{} × {} sets of limits are more than {MOST_POINTS}", cpus.len(), memory.len());
        section.mistake("cpus", message, Some("leave some out".to_owned()));
    }
    let objective = read_objective(&section.table(
        "objective",
        "performance that the target must reach; a target that its memory limit kills never meets it",
    ));
    Work { cells: cells(cpus, memory), load, objective }
}

fn read_objective(section: &Section<'_>) -> Objective {
    let rps: Option<Rate> = section.field("rps", "smallest rate of valid requests, for example \"500/s\"").optional();
    let p99: Option<Nanos> = section.field("p99", "largest response time at quantile 0.99").optional();
    Objective { rps: rps.map(|rate| rate.0), p99_ns: p99.map(|span| span.0) }
}

/// Orders sets of limits by CPUs before memory, because CPU is usually the scarcer resource of a node.
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
