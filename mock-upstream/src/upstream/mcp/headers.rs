//! Headers of requests to the MCP endpoint.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName, ORIGIN};

pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(super) const METHOD: HeaderName = HeaderName::from_static("mcp-method");
pub(super) const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// The beginning and the end of a header value in Base64. A value that is not plain ASCII text is written so.
const ENCODED: (&str, &str) = ("=?base64?", "?=");

/// Returns the text of a header; `None` if it is absent or no visible ASCII text.
pub(super) fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Returns the text that a header stands for, which may be written in Base64.
pub(super) fn decoded<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<Cow<'h, str>> {
    let text = text(headers, name)?;
    match text.strip_prefix(ENCODED.0).and_then(|rest| rest.strip_suffix(ENCODED.1)) {
        Some(encoded) => Some(Cow::Owned(String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?)),
        None => Some(Cow::Borrowed(text)),
    }
}

/// Returns whether the client accepts an answer of this type.
pub(super) fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    let major = kind.split('/').next().unwrap_or_default();
    let listed = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    listed.flat_map(|value| value.split(',')).any(|entry| {
        let range = entry.split(';').next().unwrap_or_default().trim();
        range.eq_ignore_ascii_case(kind)
            || range == "*/*"
            || range.strip_suffix("/*").is_some_and(|range| range.eq_ignore_ascii_case(major))
    })
}

/// Returns whether the body is declared as JSON.
pub(super) fn has_json(headers: &HeaderMap) -> bool {
    let kind = text(headers, &CONTENT_TYPE).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// Returns whether the request comes from no web page, or from one of this host: a page of another host could reach a local server by
/// rebinding its name.
pub(super) fn is_local(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Some((_, host)) = origin.to_str().ok().and_then(|origin| origin.split_once("://")) else { return false };
    let host = match host.strip_prefix('[') {
        Some(address) => address.split(']').next(),
        None => host.split(':').next(),
    };
    matches!(host, Some("localhost" | "127.0.0.1" | "::1"))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn with(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_name_may_be_written_in_base64() {
        let name = |value| decoded(&with(NAME, value), &NAME).map(Cow::into_owned);
        assert_eq!(name("echo").as_deref(), Some("echo"));
        assert_eq!(name("=?base64?SGVsbG8sIOS4lueVjA==?=").as_deref(), Some("Hello, 世界"));
        assert_eq!(name("=?base64?%?="), None);
        assert_eq!(decoded(&HeaderMap::new(), &NAME), None);
    }

    #[test]
    fn ranges_of_types_are_accepted() {
        for value in ["application/json, text/event-stream", "text/*;q=0.5", "*/*", "TEXT/Event-Stream"] {
            assert!(accepts(&with(ACCEPT, value), "text/event-stream"), "{value}");
        }
        for value in ["application/json", "application/*", "text/plain", ""] {
            assert!(!accepts(&with(ACCEPT, value), "text/event-stream"), "{value}");
        }
        assert!(!accepts(&HeaderMap::new(), "text/event-stream"));
    }

    #[test]
    fn only_pages_of_this_host_may_ask() {
        for origin in ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:80"] {
            assert!(is_local(&with(ORIGIN, origin)), "{origin}");
        }
        for origin in ["http://example.com", "null", "http://localhost.example.com", ""] {
            assert!(!is_local(&with(ORIGIN, origin)), "{origin}");
        }
        assert!(is_local(&HeaderMap::new()));
    }

    #[test]
    fn the_type_of_the_body_may_have_parameters() {
        assert!(has_json(&with(CONTENT_TYPE, "application/json; charset=utf-8")));
        assert!(!has_json(&with(CONTENT_TYPE, "text/plain")));
    }
}
