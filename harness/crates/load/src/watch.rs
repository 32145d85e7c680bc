//! Finds the value of an answer that is watched.

use std::hash::{DefaultHasher, Hasher};

use http::header::HeaderName;
use serde_json::Value;

use super::child_error::RequestError;
use super::spec::Watch;
use super::values;

/// The place of the value.
#[derive(Debug)]
pub(super) enum Watched {
    Field(HeaderName),
    /// A JSON pointer of the body.
    Pointer(String),
}

impl Watched {
    pub(super) fn new(watch: &Watch) -> Result<Self, RequestError> {
        match watch {
            Watch::Pointer(pointer) => Ok(Self::Pointer(pointer.clone())),
            Watch::Header(name) => {
                let refused = |_| RequestError::ExpectedHeader { name: name.clone(), value: String::new() };
                HeaderName::from_bytes(name.as_bytes()).map(Self::Field).map_err(refused)
            }
        }
    }

    pub(super) const fn is_in_body(&self) -> bool {
        matches!(self, Self::Pointer(_))
    }

    pub(super) const fn field(&self) -> Option<&HeaderName> {
        match self {
            Self::Field(name) => Some(name),
            Self::Pointer(_) => None,
        }
    }

    /// Returns a number that stands for the value in a whole body; `None` without one.
    pub(super) fn in_body(&self, body: &[u8]) -> Option<u64> {
        let Self::Pointer(pointer) = self else { return None };
        if values::is_too_long(body) {
            return None;
        }
        let document: Value = serde_json::from_slice(body).ok()?;
        document.pointer(pointer).map(|value| number(value.to_string().as_bytes()))
    }
}

/// Returns a number that stands for a value: different values have different numbers, except with a chance of 2⁻⁵³. Every reader of JSON keeps them.
pub(super) fn number(value: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(value);
    hasher.finish() >> 11
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_in_the_body_or_named_as_a_field() {
        let body = br#"{"version":2,"nested":{"a":[1,"x"]}}"#;
        let at = |pointer: &str| Watched::new(&Watch::Pointer(pointer.to_owned())).unwrap().in_body(body);
        assert_eq!(at("/version"), Some(number(b"2")));
        assert_eq!(at("/nested/a/1"), Some(number(b"\"x\"")));
        assert_eq!((at("/none"), at("/nested/a/7")), (None, None));
        assert_ne!(number(b"1"), number(b"2"));
        let field = Watched::new(&Watch::Header("X-Version".to_owned())).unwrap();
        assert_eq!(field.field().map(HeaderName::as_str), Some("x-version"));
        assert!(field.in_body(body).is_none() && Watched::new(&Watch::Header("a b".to_owned())).is_err());
    }
}
