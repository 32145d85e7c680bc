//! Defines the metrics of a target without traffic.

use crate::measure::kind::StageKind;
use crate::measure::metric::bencher::{CPU_PERCENT, MEMORY};
use crate::measure::metric::fact::Fact;
use crate::measure::metric::row::{Metric, Values, row};
use crate::measure::metric::unit::Unit::{Bytes, Percent};
use crate::measure::metric::values::{median_bytes, per_launch};
use crate::measure::record::StageRecord;

pub(crate) const METRICS: &[Metric] = &[
    row("memory/idle_rss", Bytes, StageKind::Idle, &MEMORY, "Median resident memory of a ready target without traffic, one value per launch. PSS for a tree of several processes.", idle_rss).key()
        .req("M-MEM-001", 20e6),
    row("memory/idle_pss", Bytes, StageKind::Idle, &MEMORY, "Median proportional set size (PSS) of a ready target without traffic, which divides shared pages among the processes that share them.", idle_pss),
    row("cpu/idle_percent", Percent, StageKind::Idle, &CPU_PERCENT, "CPU time of a ready target without traffic ÷ wall time; 100 % is one core.", idle_cpu).help("CPU time of a ready target without traffic ÷ wall time.")
        .req("M-CPU-001", 1.0),
];

pub(crate) const FACTS: &[Fact] = &[];

fn idle_rss(stage: &StageRecord) -> Values {
    per_launch(stage, "memory of the target could not be read", |instance| {
        median_bytes(instance.facts.readings()?.target_memory())
    })
}

fn idle_pss(stage: &StageRecord) -> Values {
    per_launch(stage, "smaps_rollup of the target could not be read", |instance| {
        let trees = instance.facts.readings()?.0.iter().filter_map(|reading| reading.target);
        median_bytes(trees.filter_map(|tree| tree.pss_bytes).collect())
    })
}

fn idle_cpu(stage: &StageRecord) -> Values {
    per_launch(stage, "CPU time of the target could not be read", |instance| {
        let idle = instance.facts.readings()?;
        Some(idle.target_cpu_ns()? as f64 / idle.span_ns()? as f64 * 100.0)
    })
}
