//! Defines the metrics that other tools measure.

use super::facts::Import;
use crate::measure::facts::StageFacts;
use crate::measure::kind::StageKind;
use crate::measure::metric::bencher::{BANDWIDTH, COUNT, LATENCY, LATENCY_TAIL, MEMORY};
use crate::measure::metric::fact::Fact;
use crate::measure::metric::row::{Absent, Metric, Values, row};
use crate::measure::metric::source::Source::Imported;
use crate::measure::metric::unit::Unit::{Bytes, Count, MegabytesPerSecond, Micros, Millis};
use crate::measure::record::StageRecord;

const EVALUATION: &str = "In-process evaluation time of one policy, measured by Criterion.";

pub(crate) const METRICS: &[Metric] = &[
    row("policy/eval_p50", Micros, StageKind::Import, &LATENCY, "In-process evaluation time of one policy, measured by Criterion: median of its samples, each the mean of one batch of iterations.", eval_p50).help(EVALUATION).source(Imported)
        .req("M-POL-001", 100.0),
    row("policy/eval_p99", Micros, StageKind::Import, &LATENCY_TAIL, "The same, quantile 0.99 of the samples. Advisory, because the mean of a batch hides its slowest evaluations.", eval_p99).help(EVALUATION).source(Imported)
        .req("M-POL-002", 500.0),
    row("policy/reload_time", Millis, StageKind::Import, &LATENCY, "In-process time of reloading the policies, measured by Criterion: median of its samples.", reload_time).source(Imported)
        .req("M-POL-003", 100.0),
    row("import/time", Micros, StageKind::Import, &LATENCY, "A time that another tool has measured: median of its samples. The name after the @ is that of the scenario.", time).key(),
    row("throughput/import_mbs", MegabytesPerSecond, StageKind::Import, &BANDWIDTH, "Bytes per second that another tool has measured, for example by the throughput that a benchmark of Criterion declares: median of its samples.", throughput)
        .key()
        .higher(),
    row("import/count", Count, StageKind::Import, &COUNT, "A count that another tool has measured, for example of allocations.", count).key().exact(),
    row("import/size", Bytes, StageKind::Import, &MEMORY, "A number of bytes that another tool has measured.", size).key().exact(),
];

pub(crate) const FACTS: &[Fact] = &[];

fn eval_p50(stage: &StageRecord) -> Values {
    imported(stage, "policy/eval_p50")
}

fn eval_p99(stage: &StageRecord) -> Values {
    imported(stage, "policy/eval_p99")
}

fn reload_time(stage: &StageRecord) -> Values {
    imported(stage, "policy/reload_time")
}

fn time(stage: &StageRecord) -> Values {
    imported(stage, "import/time")
}

fn throughput(stage: &StageRecord) -> Values {
    imported(stage, "throughput/import_mbs")
}

fn count(stage: &StageRecord) -> Values {
    imported(stage, "import/count")
}

fn size(stage: &StageRecord) -> Values {
    imported(stage, "import/size")
}

fn imported(stage: &StageRecord, id: &str) -> Values {
    let import = imports(stage).iter().find(|import| import.metric == id);
    let values = import.map(|import| import.values.clone()).filter(|values| !values.is_empty());
    values.ok_or_else(|| Absent("no benchmark is imported as it: name one in [import.criterion] names".to_owned()))
}

/// Returns what was read in a stage.
pub(super) fn imports(stage: &StageRecord) -> &[Import] {
    match &stage.facts {
        StageFacts::Import(facts) => &facts.imports,
        _ => &[],
    }
}
