//! Writes the name of a tool as JSON and as a header value.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The begin and the end of a header value that is encoded because it is not plain ASCII.
const ENCODED: (&str, &str) = ("=?base64?", "?=");

/// A tool that can be called, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tool {
    name: String,
    /// As a text of JSON, with its quotes.
    json: String,
    /// As the value of `Mcp-Name`.
    header: String,
    /// Calls that were sent and not yet counted elsewhere.
    calls: u64,
}

impl Tool {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), json: quoted(name), header: header_value(name), calls: 0 }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn json(&self) -> &str {
        &self.json
    }

    pub(super) fn header(&self) -> &str {
        &self.header
    }

    /// Counts calls.
    pub(super) fn called(&mut self, calls: u64) {
        self.calls += calls;
    }

    /// Returns the number of calls since the last time this was asked.
    pub(super) fn take_calls(&mut self) -> u64 {
        std::mem::take(&mut self.calls)
    }
}

/// Returns a text as JSON, with its quotes.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Returns a name as a header value. One that is not plain ASCII, has blanks at its ends, or looks encoded is encoded.
fn header_value(name: &str) -> String {
    let is_plain = name.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) && name.trim_ascii() == name;
    let looks_encoded = name.starts_with(ENCODED.0) && name.ends_with(ENCODED.1);
    if is_plain && !looks_encoded && !name.is_empty() {
        name.to_owned()
    } else {
        format!("{}{}{}", ENCODED.0, STANDARD.encode(name), ENCODED.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_are_not_plain_are_encoded() {
        assert_eq!(header_value("get weather-1"), "get weather-1");
        assert_eq!(header_value(" padded "), "=?base64?IHBhZGRlZCA=?=");
        assert_eq!(header_value("=?base64?literal?="), "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=");
        assert_eq!(header_value("a\nb"), "=?base64?YQpi?=");
    }
}
