//! Generates the JSON Schema of scenarios, for editors.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::compose;
use crate::spec::Document;

/// Address at which the schema is published.
const ID: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/raw/main/harness/schemas/scenario.schema.json");

/// Generates the JSON Schema (draft 2020-12) of a scenario, with the same calls that read one.
pub fn schema() -> Json {
    let document = Document::describing();
    compose(&document.root(), Path::new("/"));
    let mut schema = document.schema("A scenario of harness");
    schema["$id"] = json!(ID);
    one_or_named(&mut schema["properties"]["request"]);
    short_or_named(&mut schema["properties"]["egress"]);
    each_stage(&mut schema["properties"]["stage"]);
    lists(&mut schema["properties"]["matrix"]);
    exactly_one(&mut schema["properties"]["upstream"], &["builtin", "process", "url"]);
    exactly_one(&mut schema["properties"]["target"], &["process", "container", "external", "command", "stdio", "pod"]);
    exactly_one(&mut schema["properties"]["target"]["properties"]["container"], &["image", "binary"]);
    exactly_one(&mut schema["properties"]["target"]["properties"]["external"], &["pid", "port"]);
    exactly_one(&mut schema["properties"]["target"]["properties"]["pod"], &["limits", "manifest"]);
    schema["required"] = json!(["name", "target", "stage"]);
    schema
}

/// Allows `[request]` to be one request, or several named tables.
fn one_or_named(place: &mut Json) {
    let mut single = place.clone();
    single["additionalProperties"] = json!(false);
    let named = json!({ "type": "object", "minProperties": 1, "additionalProperties": place["additionalProperties"] });
    *place = json!({ "description": place["description"], "anyOf": [single, named] });
}

/// Allows `egress` to be the word of the bundled host, or named tables.
fn short_or_named(place: &mut Json) {
    exactly_one(&mut place["additionalProperties"], &["builtin", "routes"]);
    let short = json!({ "const": super::egress::SHORT });
    *place = json!({ "description": place["description"], "anyOf": [short, place.clone()] });
}

/// Allows keys with lists of values, and tables whose names continue a dotted key.
fn lists(place: &mut Json) {
    let list = json!({ "type": "array", "minItems": 1 });
    place["additionalProperties"] = json!({ "anyOf": [list, { "type": "object" }] });
}

fn each_stage(stages: &mut Json) {
    stages["minProperties"] = json!(1);
    if let Some(kinds) = stages["properties"].as_object_mut() {
        kinds.values_mut().for_each(stage);
    }
    let other = &mut stages["additionalProperties"];
    stage(other);
    forget_defaults(other);
    other["required"] = json!(["kind"]);
}

/// Allows the request of a stage to be a list of names or a table; missing keys of `upstream`, `audit` and `workload` are taken
/// from the scenario.
fn stage(place: &mut Json) {
    let properties = &mut place["properties"];
    if properties["request"].is_object() {
        let names = json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 });
        let request = properties["request"].take();
        properties["request"] = json!({ "description": request["description"], "anyOf": [names, request] });
    }
    for key in ["upstream", "audit", "workload"] {
        if properties[key].is_object() {
            forget_defaults(&mut properties[key]);
        }
    }
    if let Some(properties) = properties.as_object_mut() {
        properties.retain(|_, value| !value.is_null());
    }
}

fn forget_defaults(place: &mut Json) {
    match place {
        Json::Object(entries) => {
            // A key named `default` holds a value, never a schema with a type of its own.
            entries.retain(|key, _| key != "default");
            entries.values_mut().for_each(forget_defaults);
        }
        Json::Array(items) => items.iter_mut().for_each(forget_defaults),
        _ => {}
    }
}

fn exactly_one(place: &mut Json, keys: &[&str]) {
    let choices: Vec<Json> = keys.iter().map(|key| json!({ "required": [key] })).collect();
    place["oneOf"] = json!(choices);
}
