//! Renders `bench_metrics.flat.json`: the array of REQ-OBS-001 section 8.1, in the units of that document. Facts that
//! are not numbers are strings and booleans in it.

use serde::{Serialize, Serializer};

use super::{Error, ReportFormat, Summary};
use crate::measure::metric::{self, FactValue};
use crate::measure::record::{Record, StageStatus};

pub(super) struct Flat;

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Entry {
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-z]+/.+$")))]
    name: String,
    value: Value,
    #[cfg_attr(feature = "schema", schemars(extend("enum" = labels())))]
    unit: &'static str,
}

/// A number or a fact.
enum Value {
    Number(f64),
    Fact(FactValue),
}

impl ReportFormat for Flat {
    fn name(&self) -> &'static str {
        "flat"
    }

    fn file_name(&self) -> &'static str {
        "bench_metrics.flat.json"
    }

    fn render(&self, summary: &Summary<'_>) -> Result<Vec<u8>, Error> {
        let entries = summary.valid().map(|(metric, estimate)| Entry {
            name: metric.id.clone(),
            value: Value::Number(estimate.point),
            unit: metric.unit.label(),
        });
        super::pretty(self.name(), &entries.chain(facts(summary.record)).collect::<Vec<_>>())
    }
}

/// Returns the known facts of the valid stages.
fn facts(record: &Record) -> impl Iterator<Item = Entry> {
    let valid = record.stages.iter().filter(|stage| stage.status == StageStatus::Valid);
    valid.flat_map(|stage| {
        let of_stage = metric::facts().filter(|fact| fact.stage == stage.kind());
        of_stage.filter_map(|fact| {
            let value = Value::Fact((fact.of)(stage).ok()?);
            Some(Entry { name: fact.id_for(stage), value, unit: fact.kind.label() })
        })
    })
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Value {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Value".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let about = "A number, except for facts such as the base image.";
        schemars::json_schema!({ "type": ["number", "string", "boolean"], "description": about })
    }
}

/// The labels of all units and kinds of facts.
#[cfg(feature = "schema")]
fn labels() -> Vec<&'static str> {
    let of_facts = [metric::FactKind::Text, metric::FactKind::Flag].map(metric::FactKind::label);
    metric::Unit::ALL.into_iter().map(metric::Unit::label).chain(of_facts).collect()
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Fact(fact) => fact.serialize(serializer),
        }
    }
}
