//! Reads typed fields of an object; an error names the field and its actual value.

use serde_json::{Map, Value};

/// An object and its path.
pub(super) struct Fields<'a> {
    map: &'a Map<String, Value>,
    place: String,
}

impl<'a> Fields<'a> {
    /// Reads the fields of `value`; errors prefix keys with `place`, which is empty for the whole file.
    pub(super) fn of(value: &'a Value, place: &str) -> Result<Self, String> {
        let whole = if place.is_empty() { "the file" } else { place };
        let map = value.as_object().ok_or_else(|| format!("{whole} is {}, expected an object", named(value)))?;
        Ok(Self { map, place: place.to_owned() })
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &'a String> {
        self.map.keys()
    }

    pub(super) fn only(&self, keys: &[&str]) -> Result<(), String> {
        match self.map.keys().find(|key| !keys.contains(&key.as_str())) {
            Some(key) => Err(format!("{} is unknown, expected one of {}", self.name(key), keys.join(", "))),
            None => Ok(()),
        }
    }

    /// Returns a required field.
    pub(super) fn value(&self, key: &str) -> Result<&'a Value, String> {
        self.map.get(key).ok_or_else(|| format!("{} is missing", self.name(key)))
    }

    pub(super) fn number(&self, key: &str) -> Result<f64, String> {
        let value = self.value(key)?;
        let number = value.as_f64().filter(|number| number.is_finite());
        number.ok_or_else(|| self.wrong(key, value, "a number"))
    }

    /// Returns a finite number if the key exists; null is an error.
    pub(super) fn optional_number(&self, key: &str) -> Result<Option<f64>, String> {
        if self.map.contains_key(key) { self.number(key).map(Some) } else { Ok(None) }
    }

    /// Returns a whole number of at least 1.
    pub(super) fn count(&self, key: &str) -> Result<u64, String> {
        let value = self.value(key)?;
        value.as_u64().filter(|count| *count > 0).ok_or_else(|| self.wrong(key, value, "a whole number from 1"))
    }

    /// Returns a text that is not empty.
    pub(super) fn text(&self, key: &str) -> Result<&'a str, String> {
        let value = self.value(key)?;
        let text = value.as_str().filter(|text| !text.trim().is_empty());
        text.ok_or_else(|| self.wrong(key, value, "a text"))
    }

    fn wrong(&self, key: &str, value: &Value, needed: &str) -> String {
        format!("{} is {}, expected {needed}", self.name(key), named(value))
    }

    fn name(&self, key: &str) -> String {
        if self.place.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place) }
    }
}

/// Describes a value: `the text "190"`, `null`, `1.5`.
pub(super) fn named(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("the text {text:?}"),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
