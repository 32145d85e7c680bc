//! Adapts a generated schema: it permits only what the harness writes, in forms for which `harness validate` has clear messages.

use schemars::Schema;
use schemars::transform::{Transform, transform_subschemas};
use serde_json::{Map, Value, json};

const DEFINITIONS: &str = "#/$defs/";

pub(super) fn tidy(mut schema: Schema) -> Value {
    Each(one).transform(&mut schema);
    let definitions = schema.get("$defs").and_then(Value::as_object).cloned().unwrap_or_default();
    Each(|schema: &mut Map<String, Value>| nullable_words(schema, &definitions)).transform(&mut schema);
    let mut schema = schema.to_value();
    remove_unused(&mut schema);
    schema
}

/// Changes every schema within a schema, the inner ones first.
struct Each<F>(F);

impl<F: Fn(&mut Map<String, Value>)> Transform for Each<F> {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        if let Some(schema) = schema.as_object_mut() {
            (self.0)(schema);
        }
    }
}

/// Applies the changes that need no other schema.
fn one(schema: &mut Map<String, Value>) {
    // JSON Schema has no formats for the widths of numbers, and a written value has no default.
    let is_number = matches!(schema.get("format").and_then(Value::as_str), Some(format) if format != "date-time");
    if is_number {
        schema.remove("format");
    }
    schema.remove("default");
    if schema.contains_key("const") || schema.contains_key("enum") {
        schema.retain(|key, _| key != "minimum" && key != "maximum");
    }
    describe(schema);
    words(schema);
    close(schema);
    optional(schema);
}

/// Removes the links of a doc comment, and descriptions that consist of a link only.
fn describe(schema: &mut Map<String, Value>) {
    let Some(Value::String(text)) = schema.remove("description") else { return };
    if text.starts_with("See [") {
        return;
    }
    let text = text.replace("[`", "`").replace("`]", "`");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    schema.insert("description".to_owned(), text.into());
}

/// Joins alternatives that are single words into one list.
fn words(schema: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = schema.remove("oneOf") else { return };
    let (mut words, mut others) = (Vec::new(), Vec::new());
    for choice in choices {
        match (choice.get("const"), choice.get("enum").and_then(Value::as_array)) {
            (Some(word), _) => words.push(word.clone()),
            (_, Some(several)) if choice["type"] == "string" => words.extend(several.iter().cloned()),
            _ => others.push(choice),
        }
    }
    if others.is_empty() {
        schema.insert("type".to_owned(), json!("string"));
        schema.insert("enum".to_owned(), words.into());
        return;
    }
    if !words.is_empty() {
        others.insert(0, json!({ "type": "string", "enum": words }));
    }
    schema.insert("oneOf".to_owned(), others.into());
}

/// Forbids other properties in an object with listed ones.
fn close(schema: &mut Map<String, Value>) {
    let is_object = schema.get("type").is_some_and(|kind| kind == "object");
    if is_object && schema.contains_key("properties") && !schema.contains_key("additionalProperties") {
        schema.insert("additionalProperties".to_owned(), json!(false));
    }
}

/// Forbids null and empty lists for properties that are omitted if they have no value.
fn optional(schema: &mut Map<String, Value>) {
    let required: Vec<Value> = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (_, property) in properties.iter_mut().filter(|(name, _)| !required.contains(&json!(name))) {
        let Some(property) = property.as_object_mut() else { continue };
        if !without_null(property) && property.get("type").is_some_and(|kind| kind == "array") {
            property.entry("minItems").or_insert(json!(1));
        }
    }
}

/// Removes null from the types of a schema. Returns whether it was there.
fn without_null(schema: &mut Map<String, Value>) -> bool {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        let before = types.len();
        types.retain(|kind| kind != "null");
        let had = types.len() < before;
        if let [single] = types.as_slice() {
            let single = single.clone();
            schema.insert("type".to_owned(), single);
        }
        return had;
    }
    let Some(present) = present(schema) else { return false };
    schema.remove("anyOf");
    for (key, value) in present {
        schema.entry(key).or_insert(value);
    }
    true
}

/// Returns the alternative to null if the schema has the form "this or null".
fn present(schema: &Map<String, Value>) -> Option<Map<String, Value>> {
    let [present, null] = schema.get("anyOf")?.as_array()?.as_slice() else { return None };
    (null["type"] == "null").then(|| present.as_object().cloned()).flatten()
}

/// Joins "one of several words" and null into one list, which a message can name.
fn nullable_words(schema: &mut Map<String, Value>, definitions: &Map<String, Value>) {
    let Some(present) = present(schema) else { return };
    let name = present.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix(DEFINITIONS));
    let Some(Value::Array(words)) = name.and_then(|name| definitions.get(name)?.get("enum")) else { return };
    let words: Vec<Value> = words.iter().cloned().chain([Value::Null]).collect();
    schema.remove("anyOf");
    schema.insert("enum".to_owned(), words.into());
}

/// Removes definitions without references.
fn remove_unused(schema: &mut Value) {
    loop {
        let mut used = Vec::new();
        references(schema, &mut used);
        let Some(definitions) = schema["$defs"].as_object_mut() else { break };
        let before = definitions.len();
        definitions.retain(|name, _| used.contains(name));
        if definitions.is_empty() || definitions.len() == before {
            break;
        }
    }
    let is_empty = schema["$defs"].as_object().is_none_or(Map::is_empty);
    if let Some(schema) = schema.as_object_mut().filter(|_| is_empty) {
        schema.remove("$defs");
    }
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            let name = entries.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix(DEFINITIONS));
            found.extend(name.map(str::to_owned));
            entries.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}
