//! Compares values in a JSON body with the expected ones. The body is kept until its end, which costs more than the check for pointers.

use regex::Regex;
use serde_json::Value;

use super::child_error::RequestError;
use super::spec::Expect;

/// The largest body that is kept, in bytes; a longer one is not as expected.
const LARGEST: usize = 8 << 20;

/// The values that a body must have.
pub(super) struct Values {
    equals: Vec<(String, Value)>,
    matches: Vec<(String, Regex)>,
}

impl Values {
    /// Prepares the comparison; `None` if no value is compared.
    pub(super) fn new(expect: &Expect) -> Result<Option<Self>, RequestError> {
        let compiled = |(pointer, pattern): &(String, String)| -> Result<(String, Regex), RequestError> {
            let refused = |cause| RequestError::Pattern { pattern: pattern.clone(), cause };
            Ok((pointer.clone(), compile(pattern).map_err(refused)?))
        };
        let matches = expect.matches.iter().map(compiled).collect::<Result<Vec<_>, _>>()?;
        Ok(expect.compares_values().then(|| Self { equals: expect.equals.clone(), matches }))
    }

    /// Returns what is not as expected in a whole body.
    pub(super) fn wrong(&self, body: &[u8]) -> Option<String> {
        if is_too_long(body) {
            return Some(format!("longer than the {LARGEST} bytes whose values can be compared"));
        }
        let Ok(document) = serde_json::from_slice::<Value>(body) else { return Some("not a JSON document".to_owned()) };
        let found = |pointer: &str| document.pointer(pointer).map_or_else(|| "nothing".to_owned(), Value::to_string);
        let unequal = self.equals.iter().find(|(pointer, value)| !is_equal(document.pointer(pointer), value));
        if let Some((pointer, value)) = unequal {
            return Some(format!("{} at {pointer} instead of {value}", found(pointer)));
        }
        let unmatched = self.matches.iter().find(|(pointer, regex)| !is_match(document.pointer(pointer), regex));
        unmatched.map(|(pointer, regex)| {
            format!("{} at {pointer}, which does not match {:?}", found(pointer), regex.as_str())
        })
    }
}

/// Keeps the next part of a body.
pub(super) fn keep(body: &mut Vec<u8>, chunk: &[u8]) {
    if !is_too_long(body) {
        body.extend_from_slice(chunk);
    }
}

/// Returns whether a body that was kept is longer than what is read.
pub(super) const fn is_too_long(body: &[u8]) -> bool {
    body.len() > LARGEST
}

/// Checks a regular expression of `expect`.
///
/// # Errors
/// Returns its mistake as a sentence.
pub fn check_pattern(pattern: &str) -> Result<(), String> {
    compile(pattern).map(drop)
}

fn compile(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| match error {
        // The syntax error has several lines; the last one names the mistake.
        regex::Error::Syntax(text) => text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
        other => other.to_string(),
    })
}

/// Compares two values; 1 and 1.0 are equal.
fn is_equal(found: Option<&Value>, expected: &Value) -> bool {
    match (found, expected) {
        (Some(Value::Number(found)), Value::Number(expected)) => {
            found == expected || found.as_f64() == expected.as_f64()
        }
        (found, expected) => found == Some(expected),
    }
}

fn is_match(found: Option<&Value>, regex: &Regex) -> bool {
    match found {
        None => false,
        Some(Value::String(text)) => regex.is_match(text),
        Some(other) => regex.is_match(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(equals: &[(&str, Value)], matches: &[(&str, &str)]) -> Values {
        let expect = Expect {
            equals: equals.iter().map(|(pointer, value)| ((*pointer).to_owned(), value.clone())).collect(),
            matches: matches.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect(),
            ..Expect::default()
        };
        Values::new(&expect).unwrap().unwrap()
    }

    #[test]
    fn values_are_compared_by_type_and_content() {
        let body = br#"{"result":{"n":1,"ok":true,"text":"fine, thanks","list":[1,2]}}"#;
        let none = |values: &Values| values.wrong(body).is_none();
        assert!(none(&values(&[("/result/n", 1.0.into()), ("/result/ok", true.into())], &[("/result/text", "^fine")])));
        assert!(none(&values(&[], &[("/result/list", r"^\[1,"), ("/result/n", "^1$")])));
        let wrong = |equals: &[(&str, Value)], matches: &[(&str, &str)]| values(equals, matches).wrong(body).unwrap();
        assert_eq!(wrong(&[("/result/n", "1".into())], &[]), "1 at /result/n instead of \"1\"");
        assert_eq!(wrong(&[("/result/no", 1.into())], &[]), "nothing at /result/no instead of 1");
        assert!(wrong(&[], &[("/result/text", "^thanks")]).contains("does not match \"^thanks\""));
        assert_eq!(values(&[("/a", 1.into())], &[]).wrong(b"{"), Some("not a JSON document".to_owned()));
    }

    #[test]
    fn a_wrong_pattern_and_a_long_body_are_reported() {
        let expect = Expect { matches: vec![("/a".to_owned(), "(".to_owned())], ..Expect::default() };
        assert!(matches!(Values::new(&expect), Err(RequestError::Pattern { .. })));
        assert!(Values::new(&Expect::default()).unwrap().is_none());
        let values = values(&[("/a", 1.into())], &[]);
        let mut kept = vec![b' '; LARGEST + 1];
        keep(&mut kept, b"{}");
        assert_eq!(kept.len(), LARGEST + 1);
        assert!(values.wrong(&kept).unwrap().starts_with("longer than"));
    }
}
