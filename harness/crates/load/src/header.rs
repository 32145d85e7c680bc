//! Header fields.

use http::header::{HeaderName, HeaderValue};

/// Creates a header field; `None` when HTTP does not allow the name or the value.
pub(super) fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
}
