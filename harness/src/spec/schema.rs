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

/// Merges a schema: a leaf replaces the object created for it; a table keeps its nested keys.
fn merge(place: &mut Json, schema: &Json) {
    let is_table = schema == &json!({ "type": "object" });
    if !is_table {
        *place = Json::Object(schema.as_object().cloned().unwrap_or_else(Map::new));
    }
}
