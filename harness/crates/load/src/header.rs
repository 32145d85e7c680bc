//! Header fields of static bytes.

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};

/// Creates a header field; `None` when HTTP does not allow the name or the value.
pub(super) fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let value = HeaderValue::from_maybe_shared(leaked(value)).ok()?;
    Some((name, value))
}

/// Leaks a text, so that copies of it need no reference count.
pub(super) fn leaked(text: &str) -> Bytes {
    Bytes::from_static(Box::leak(text.to_owned().into_boxed_str()).as_bytes())
}
