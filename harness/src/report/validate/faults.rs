//! Describes where a value breaks a schema: the field, what is expected there, and what was found.

use boon::{Compiler, ErrorKind, SchemaIndex, Schemas, ValidationError};
use serde_json::Value;

use super::Fault;

/// Name of the schema inside the validator.
const NAME: &str = "harness:schema";

/// A schema that several values are checked against.
pub(super) struct Compiled {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Compiled {
    /// Compiles a schema.
    ///
    /// # Errors
    /// Returns the fault of a schema that is broken.
    pub(super) fn new(schema: &str) -> Result<Self, Fault> {
        let mut schemas = Schemas::new();
        let compiled = serde_json::from_str(schema).map_err(|error| error.to_string()).and_then(|schema: Value| {
            let mut compiler = Compiler::new();
            compiler.enable_format_assertions();
            compiler.add_resource(NAME, schema).map_err(|error| format!("{error:#}"))?;
            compiler.compile(NAME, &mut schemas).map_err(|error| format!("{error:#}"))
        });
        let broken =
            |error| Fault::whole(format!("the schema is broken: {error}; report this as a bug of the harness"));
        compiled.map(|index| Self { schemas, index }).map_err(broken)
    }

    /// Lists every place where `value` breaks the schema; empty for a valid value.
    pub(super) fn faults(&self, value: &Value) -> Vec<Fault> {
        let found = self.schemas.validate(value, self.index).err();
        found.map(|error| faults(&error, value)).unwrap_or_default()
    }
}

/// Lists every place where `value` breaks `schema`; empty for a valid value.
pub fn against(schema: &str, value: &Value) -> Vec<Fault> {
    match Compiled::new(schema) {
        Ok(compiled) => compiled.faults(value),
        Err(fault) => vec![fault],
    }
}

/// Describes an error, or those of the nearest alternative, because "none of the alternatives" names no field.
fn faults(error: &ValidationError<'_, '_>, value: &Value) -> Vec<Fault> {
    match &error.kind {
        ErrorKind::Group | ErrorKind::Schema { .. } | ErrorKind::Reference { .. } | ErrorKind::AllOf => {
            return error.causes.iter().flat_map(|cause| faults(cause, value)).collect();
        }
        ErrorKind::AnyOf | ErrorKind::OneOf(None) => {
            let here = error.instance_location.tokens.len();
            let meant: Vec<_> = error.causes.iter().filter(|choice| !is_of_another_sort(choice, here)).collect();
            if let [meant] = meant.as_slice() {
                return faults(meant, value);
            }
            let deeper = error.causes.iter().filter(|choice| depth(choice) > here);
            if let Some(nearest) = deeper.max_by_key(|choice| depth(choice)) {
                return faults(nearest, value);
            }
        }
        _ => {}
    }
    let pointer = error.instance_location.to_string();
    let found = value.pointer(&pointer);
    messages(error, found).into_iter().map(|message| Fault { pointer: pointer.clone(), message }).collect()
}

/// Whether an alternative is for values of another type, or for another word in the value or in its tag.
fn is_of_another_sort(error: &ValidationError<'_, '_>, here: usize) -> bool {
    let depth = error.instance_location.tokens.len();
    match &error.kind {
        ErrorKind::Type { .. } => depth == here,
        ErrorKind::Const { .. } => depth <= here + 1,
        _ => error.causes.iter().any(|cause| is_of_another_sort(cause, here)),
    }
}

/// Returns how deep in the value an error, or one of its causes, is.
fn depth(error: &ValidationError<'_, '_>) -> usize {
    error.causes.iter().map(depth).max().unwrap_or(0).max(error.instance_location.tokens.len())
}

fn messages(error: &ValidationError<'_, '_>, found: Option<&Value>) -> Vec<String> {
    let rule = match &error.kind {
        ErrorKind::Required { want } => return want.iter().map(|name| format!("{name:?} is missing")).collect(),
        ErrorKind::Dependency { prop, missing } | ErrorKind::DependentRequired { prop, missing } => {
            return missing.iter().map(|name| format!("{name:?} is missing: {prop:?} needs it")).collect();
        }
        ErrorKind::AdditionalProperties { got } => return vec![format!("unknown keys: {}", got.join(", "))],
        ErrorKind::PropertyName { prop } => {
            let reasons: Vec<String> = error.causes.iter().map(|cause| cause.kind.to_string()).collect();
            return vec![format!("the key {prop:?} is not allowed here: {}", reasons.join(", "))];
        }
        ErrorKind::Type { want, .. } => {
            let types: Vec<String> = want.iter().map(|kind| format!("\"{kind}\"")).collect();
            format!("it must be of type {}", types.join(" or "))
        }
        ErrorKind::Enum { want } => format!("it must be one of {}", shown_all(want)),
        ErrorKind::Const { want } => format!("it must be {}", shown(want)),
        ErrorKind::Format { want, .. } => format!("it must be a {want}"),
        ErrorKind::Pattern { want, .. } => format!("it must match {want}"),
        ErrorKind::Minimum { want, .. } => format!("it must be at least {want}"),
        ErrorKind::Maximum { want, .. } => format!("it must be at most {want}"),
        ErrorKind::ExclusiveMinimum { want, .. } => format!("it must be greater than {want}"),
        ErrorKind::ExclusiveMaximum { want, .. } => format!("it must be less than {want}"),
        ErrorKind::MinLength { want, .. } => format!("it must have at least {want} characters"),
        ErrorKind::MaxLength { want, .. } => format!("it must have at most {want} characters"),
        ErrorKind::MinItems { want, .. } => format!("it must have at least {want} items"),
        ErrorKind::MaxItems { want, .. } => format!("it must have at most {want} items"),
        ErrorKind::MinProperties { want, .. } => format!("it must have at least {want} keys"),
        ErrorKind::MaxProperties { want, .. } => format!("it must have at most {want} keys"),
        ErrorKind::AnyOf | ErrorKind::OneOf(None) => "it fits none of the alternatives of the schema".to_owned(),
        ErrorKind::OneOf(Some(_)) => "it fits more than one alternative of the schema".to_owned(),
        ErrorKind::FalseSchema => "it must not be here".to_owned(),
        other => other.to_string(),
    };
    vec![found.map_or_else(|| rule.clone(), |found| format!("{rule}; it is {}", shown(found)))]
}

fn shown_all(values: &[Value]) -> String {
    let values: Vec<String> = values.iter().map(Value::to_string).collect();
    values.join(", ")
}

/// Describes a value, and cuts it if it is long.
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(schema: &Value, value: &Value) -> Vec<String> {
        let mut lines: Vec<String> = against(&schema.to_string(), value)
            .into_iter()
            .map(|fault| format!("{}: {}", fault.pointer, fault.message))
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn every_fault_names_its_field_what_is_expected_and_what_was_found() {
        let schema = json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": {
                "a/b": { "type": ["string", "null"] },
                "at": { "type": "string", "format": "date-time" },
                "list": { "type": "array", "items": { "$ref": "#/definitions/positive" }, "minItems": 3 },
                "state": { "enum": ["good", "bad"] },
                "version": { "const": 1 }
            },
            "required": ["name", "list"],
            "additionalProperties": false,
            "definitions": { "positive": { "type": "number", "minimum": 0 } }
        });
        let value = json!({"a/b": 5, "at": "noon", "list": [1, -2], "state": "odd", "version": 2, "x": 0, "y": 0});
        let expected = [
            "/at: it must be a date-time; it is \"noon\"",
            "/a~1b: it must be of type \"null\" or \"string\"; it is 5",
            "/list/1: it must be at least 0; it is -2",
            "/list: it must have at least 3 items; it is an array of 2",
            "/state: it must be one of \"good\", \"bad\"; it is \"odd\"",
            "/version: it must be 1; it is 2",
            ": \"name\" is missing",
            ": unknown keys: x, y",
        ];
        assert_eq!(found(&schema, &value), expected);
        let valid = json!({"name": "n", "at": "2026-11-20T18:30:05Z", "list": [0, 1, 2.5], "version": 1});
        assert_eq!(found(&schema, &json!({"a/b": null, "list": [1, 2, 3]})), [": \"name\" is missing"]);
        assert_eq!(found(&schema, &valid), [": unknown keys: name"]);
    }

    #[test]
    fn of_several_alternatives_the_nearest_one_is_described() {
        let schema = json!({ "anyOf": [
            { "type": "string" },
            { "type": "object", "properties": { "p": { "type": "object", "properties": { "q": { "maximum": 9 } } } } }
        ] });
        assert_eq!(found(&schema, &json!({"p": {"q": 10}})), ["/p/q: it must be at most 9; it is 10"]);
        assert_eq!(found(&schema, &json!(1)), [": it fits none of the alternatives of the schema; it is 1"]);
        let or_null = json!({ "anyOf": [{ "type": "object", "required": ["sha"] }, { "type": "null" }] });
        assert_eq!(found(&or_null, &json!({})), [": \"sha\" is missing"]);
        let of_kind = |kind: &str| json!({ "properties": { "kind": { "const": kind }, "n": { "maximum": 9 } } });
        let tagged = json!({ "oneOf": [of_kind("a"), of_kind("b")] });
        assert_eq!(found(&tagged, &json!({"kind": "a", "n": 10})), ["/n: it must be at most 9; it is 10"]);
    }
}
