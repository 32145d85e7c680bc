//! The JSON Schemas (draft 2020-12) of what a run leaves behind. All are generated: that of scenarios from their reader, the others from
//! the types that are written.

#[cfg(feature = "schema")]
mod copybook;
#[cfg(feature = "schema")]
pub mod generate;

/// Of `result.json`.
pub const RESULT: &str = include_str!("../../schemas/result.schema.json");
/// Of `verdict.json`.
pub const VERDICT: &str = include_str!("../../schemas/verdict.schema.json");
/// Of `bench_metrics.json`: the rules that Bencher publishes for its metric format.
pub const BMF: &str = include_str!("../../schemas/bench_metrics.schema.json");
/// Of `bench_metrics.flat.json`.
pub const FLAT: &str = include_str!("../../schemas/bench_metrics.flat.schema.json");
/// Of what `harness compare --format json` prints.
pub const COMPARE: &str = include_str!("../../schemas/compare.schema.json");
/// Of `results/baselines/<scenario>/<name>.json`.
pub const BASELINE: &str = include_str!("../../schemas/baseline.schema.json");
/// Of what `harness baseline show --trend METRIC --format json` prints.
pub const TREND: &str = include_str!("../../schemas/trend.schema.json");
/// Of `perf.json`, ours and copybook's.
pub const RECEIPT: &str = include_str!("../../schemas/perf.schema.json");
pub const AETHER: &str = include_str!("../../schemas/aether.schema.json");
pub const SCENARIO: &str = include_str!("../../schemas/scenario.schema.json");
/// Of `gab-smaller.json` and `gab-bigger.json`.
pub const GAB: &str = include_str!("../../schemas/gab.schema.json");
/// Of `badges/*.json`.
pub const BADGE: &str = include_str!("../../schemas/badge.schema.json");
/// Of what `harness doctor --format json` prints.
pub const DOCTOR: &str = include_str!("../../schemas/doctor.schema.json");
/// Of what `harness calibrate` writes.
pub const CALIBRATION: &str = include_str!("../../schemas/calibration.schema.json");
