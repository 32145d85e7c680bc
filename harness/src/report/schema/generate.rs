//! Generates the schemas from the types that the harness writes. Properties that are always written are required, and others are
//! forbidden.

mod tidy;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::copybook;
use crate::baseline::Baseline;
use crate::measure::calibration::Calibration;
use crate::measure::node_line::NodeLine;
use crate::report::{aether, badges, bmf, compare, flat, gab, receipt, trend, verdict};
use crate::verdict::Stored;

/// Returns the schemas of what runs write, of baselines and of calibrations, by the names of their files in `harness/schemas/`.
pub fn all() -> Vec<(&'static str, Value)> {
    let result = format!("result.json of harness, layout {}", crate::measure::record::SCHEMA_VERSION);
    let calibration = format!("What harness calibrate writes, layout {}", crate::measure::calibration::SCHEMA_VERSION);
    let baseline =
        format!("results/baselines/<scenario>/<name>.json of harness, layout {}", crate::baseline::SCHEMA_VERSION);
    vec![
        of::<aether::Bench<'_>>("aether", "Aether bench JSON: one benchmark"),
        of::<badges::Endpoint<'_>>("badge", "badges/*.json: an endpoint of shields.io"),
        of::<Baseline>("baseline", &baseline),
        of::<bmf::InOrder<'_>>("bench_metrics", "Bencher Metric Format, as bench_metrics.json uses it"),
        of::<Vec<flat::Entry>>("bench_metrics.flat", "bench_metrics.flat.json: the array of REQ-OBS-001 section 8.1"),
        of::<Calibration>("calibration", &calibration),
        of::<compare::Document<'_>>("compare", "harness compare --format json, layout 1"),
        of::<Vec<gab::Entry<'_>>>(
            "gab",
            "gab-smaller.json and gab-bigger.json: what github-action-benchmark reads, one file for each direction",
        ),
        of::<NodeLine>("nodes", "nodes.jsonl of harness, one line"),
        receipts(),
        of::<Stored>("result", &result),
        of::<trend::Trend>("trend", "harness baseline show --trend METRIC --format json, layout 1"),
        of::<verdict::Document<'_>>("verdict", "verdict.json of harness, layout 1"),
    ]
}

/// Generates the schema of a `T` as it is written.
pub fn of<T: JsonSchema>(name: &'static str, title: &str) -> (&'static str, Value) {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let schema = generator.root_schema_for::<T>();
    (name, whole(name, title, schema))
}

/// Generates the schema of receipts of harness and of copybook, which have one reader.
fn receipts() -> (&'static str, Value) {
    let (name, title) = ("perf", "perf.json: a receipt, of copybook or of harness");
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let ours = generator.subschema_for::<receipt::Sealed<'_>>();
    let mut schema = Schema::try_from(json!({
        "description": "A receipt with a generator is from harness. It omits the figures of copybook's decoders: \
                        display_mibps, comp3_mibps, bytes_processed and mean_mibps.",
        "type": "object",
        "if": { "required": ["generator"] },
        "then": ours,
        "else": { "$ref": "#/$defs/Copybook" },
    }))
    .unwrap_or_default();
    schema.insert("$defs".to_owned(), generator.take_definitions(true).into());
    let mut schema = whole(name, title, schema);
    schema["$defs"]["Copybook"] = copybook::receipt();
    (name, schema)
}

fn whole(name: &str, title: &str, schema: Schema) -> Value {
    let mut schema = tidy::tidy(schema);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["$id"] = json!(format!("{}/raw/main/harness/schemas/{name}.schema.json", env!("CARGO_PKG_REPOSITORY")));
    schema["title"] = json!(title);
    schema
}
