//! Where a value breaks a schema, in words: the field, what is expected there, and what was found.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Broken;
use serde_json::Value;

use super::Fault;

/// Every place where `value` breaks `schema`; empty where it keeps it.
pub(super) fn against(schema: &str, value: &Value) -> Vec<Fault> {
    let validator = serde_json::from_str(schema)
        .map_err(|error| error.to_string())
        .and_then(|schema: Value| jsonschema::draft7::new(&schema).map_err(|error| error.to_string()));
    match validator {
        Ok(validator) => validator.iter_errors(value).flat_map(|error| faults(&error)).collect(),
        Err(error) => vec![Fault::whole(format!("the schema is broken: {error}; report this as a bug of the harness"))],
    }
}

/// An error, or those of the choice that comes nearest, since "none of the choices" names no field.
fn faults(error: &ValidationError<'_>) -> Vec<Fault> {
    if let Broken::AnyOf { context } | Broken::OneOfNotValid { context } = error.kind() {
        let depth = |choice: &Vec<ValidationError<'_>>| {
            choice.iter().map(|inner| inner.instance_path().as_str().len()).max().unwrap_or_default()
        };
        let deeper = |choice: &&Vec<ValidationError<'_>>| depth(choice) > error.instance_path().as_str().len();
        if let Some(nearest) = context.iter().filter(deeper).max_by_key(|choice| depth(choice)) {
            return nearest.iter().flat_map(faults).collect();
        }
    }
    let message = match error.kind() {
        Broken::Required { property } => format!("{property} is missing"),
        Broken::AdditionalProperties { unexpected } => format!("not known here: {}", unexpected.join(", ")),
        _ => {
            let rule = error.masked_with("it").to_string();
            format!("{rule}; it is {}", shown(error.instance()))
        }
    };
    vec![Fault { pointer: error.instance_path().to_string(), message }]
}

/// A value in words, cut where it is long.
fn shown(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = match value {
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(entries) => {
            let keys: Vec<&str> = entries.keys().take(5).map(String::as_str).collect();
            format!("an object with the keys {}", keys.join(", "))
        }
        scalar => scalar.to_string(),
    };
    if text.chars().count() <= LONGEST { text } else { text.chars().take(LONGEST).chain(['…']).collect() }
}
