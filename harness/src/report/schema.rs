//! Embeds the JSON Schemas (draft 2020-12) of the artifacts. All are generated: the schema of scenarios from their reader, the
//! others from the types that the harness writes.

#[cfg(feature = "schema")]
mod copybook;
#[cfg(feature = "schema")]
pub mod generate;

/// Schema of `result.json`.
pub const RESULT: &str = include_str!("../../schemas/result.schema.json");
/// Schema of `verdict.json`.
pub const VERDICT: &str = include_str!("../../schemas/verdict.schema.json");
/// Schema of `bench_metrics.json`: the rules that Bencher publishes for its metric format.
pub const BMF: &str = include_str!("../../schemas/bench_metrics.schema.json");
/// Schema of `bench_metrics.flat.json`.
pub const FLAT: &str = include_str!("../../schemas/bench_metrics.flat.schema.json");
/// Schema of the output of `harness compare --format json`.
pub const COMPARE: &str = include_str!("../../schemas/compare.schema.json");
/// Schema of `results/baselines/<scenario>/<name>.json`.
pub const BASELINE: &str = include_str!("../../schemas/baseline.schema.json");
/// Schema of the output of `harness baseline show --trend METRIC --format json`.
pub const TREND: &str = include_str!("../../schemas/trend.schema.json");
/// Schema of `perf.json` of this harness and of copybook.
pub const RECEIPT: &str = include_str!("../../schemas/perf.schema.json");
pub const AETHER: &str = include_str!("../../schemas/aether.schema.json");
pub const SCENARIO: &str = include_str!("../../schemas/scenario.schema.json");
/// Schema of `gab-smaller.json` and `gab-bigger.json`.
pub const GAB: &str = include_str!("../../schemas/gab.schema.json");
/// Schema of `badges/*.json`.
pub const BADGE: &str = include_str!("../../schemas/badge.schema.json");
/// Schema of the output of `harness doctor --format json`.
pub const DOCTOR: &str = include_str!("../../schemas/doctor.schema.json");
/// Schema of the file that `harness calibrate` writes.
pub const CALIBRATION: &str = include_str!("../../schemas/calibration.schema.json");

/// Schema of a line of `nodes.jsonl`.
pub const NODES: &str = include_str!("../../schemas/nodes.schema.json");

/// Every schema, with the name of its file without `.schema.json`.
pub const ALL: [(&str, &str); 15] = [
    ("aether", AETHER),
    ("badge", BADGE),
    ("baseline", BASELINE),
    ("bench_metrics", BMF),
    ("bench_metrics.flat", FLAT),
    ("calibration", CALIBRATION),
    ("compare", COMPARE),
    ("doctor", DOCTOR),
    ("gab", GAB),
    ("nodes", NODES),
    ("perf", RECEIPT),
    ("result", RESULT),
    ("scenario", SCENARIO),
    ("trend", TREND),
    ("verdict", VERDICT),
];
