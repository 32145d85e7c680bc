//! Generates the JSON Schema of a scenario from the keys that its modules read.

use serde_json::{Map, Value as Json, json};

use super::Described;

/// Nests the described keys by their paths; `*` stands for a name that the author chooses.
pub(super) fn build(title: &str, described: &[Described]) -> Json {
    let mut root = object();
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!(title);
    for entry in described {
        let mut place = &mut root;
        let names: Vec<&str> = entry.path.split('.').collect();
        let Some((last, parents)) = names.split_last() else {
            continue;
        };
        for name in parents {
            place = child(place, name);
        }
        if entry.required
            && let Some(required) = list(place, "required")
            && !required.contains(&json!(last))
        {
            required.push(json!(last));
        }
        let place = child(place, last);
        merge(place, &entry.schema);
        place["description"] = json!(entry.about);
    }
    root
}

fn object() -> Json {
    json!({ "type": "object", "additionalProperties": false, "properties": {} })
}

fn child<'a>(place: &'a mut Json, name: &str) -> &'a mut Json {
    if name == "*" {
        if !place["additionalProperties"].is_object() {
            place["additionalProperties"] = object();
        }
        return &mut place["additionalProperties"];
    }
    let is_new = place["properties"].get(name).is_none();
    if is_new {
        place["properties"][name] = object();
    }
    &mut place["properties"][name]
}

fn list<'a>(place: &'a mut Json, key: &str) -> Option<&'a mut Vec<Json>> {
    if place[key].is_null() {
        place[key] = json!([]);
    }
    place[key].as_array_mut()
}

/// Merges a schema: a leaf replaces the object created for it; a table keeps its nested keys. A key that is a leaf in one kind of stage and a
/// table in another can be both.
fn merge(place: &mut Json, schema: &Json) {
    let leaf = |schema: &Json| schema["type"].as_str().filter(|word| *word != "object").map(str::to_owned);
    let nested = place["properties"].as_object().is_some_and(|nested| !nested.is_empty());
    if schema == &json!({ "type": "object" }) {
        if let Some(leaf) = leaf(place) {
            let mut both = object();
            both["type"] = json!([leaf, "object"]);
            add(&mut both, place);
            *place = both;
        }
        return;
    }
    let mut both = Json::Object(schema.as_object().cloned().unwrap_or_else(Map::new));
    if let Some(leaf) = leaf(schema).filter(|_| nested) {
        both["type"] = json!([leaf, "object"]);
        add(&mut both, place);
    }
    *place = both;
}

/// Adds the keywords that `to` does not have. Each concerns values of one type alone.
fn add(to: &mut Json, keywords: &Json) {
    for (keyword, value) in keywords.as_object().into_iter().flatten() {
        if to[keyword.as_str()].is_null() {
            to[keyword.as_str()] = value.clone();
        }
    }
}
