//! The head of a request, prepared once and sent many times.

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Uri, Version};

/// Fields that belong to a connection of HTTP/1.1 (RFC 9113, section 8.2.2).
const OF_CONNECTIONS: [HeaderName; 5] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

#[derive(Debug)]
pub(crate) struct Head {
    request: Request<()>,
    /// Whether the length of the body is a field, also if it is 0.
    says_length: bool,
}

impl Head {
    /// Builds it from header fields that contain the host. Returns `None` if the host is not an authority.
    pub(crate) fn new(
        method: Method,
        is_tls: bool,
        path: PathAndQuery,
        mut fields: HeaderMap,
        has_body: bool,
    ) -> Option<Self> {
        let host = fields.remove(HOST)?;
        for name in &OF_CONNECTIONS {
            fields.remove(name);
        }
        if fields.get(TE).is_some_and(|value| value != "trailers") {
            fields.remove(TE);
        }
        let scheme = if is_tls { Scheme::HTTPS } else { Scheme::HTTP };
        let uri = Uri::builder().scheme(scheme).authority(host.as_bytes()).path_and_query(path).build().ok()?;
        let says_length = has_body || matches!(method, Method::POST | Method::PUT | Method::PATCH);
        let mut request = Request::new(());
        (*request.method_mut(), *request.uri_mut(), *request.version_mut()) = (method, uri, Version::HTTP_2);
        *request.headers_mut() = fields;
        Some(Self { request, says_length })
    }

    /// Returns the head of a request with a body of `length` bytes; absent if the head does not say it.
    pub(crate) fn request(&self, length: Option<u64>) -> Request<()> {
        let mut request = self.request.clone();
        if let Some(length) = length.filter(|_| self.says_length) {
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_connections_are_left_out_and_the_host_becomes_the_authority() {
        let mut fields = HeaderMap::new();
        for (name, value) in [
            ("host", "a:1"),
            ("connection", "x"),
            ("keep-alive", "5"),
            ("proxy-connection", "x"),
            ("upgrade", "h2c"),
            ("te", "gzip"),
            ("x-y", "z"),
        ] {
            fields.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let head = Head::new(Method::GET, true, PathAndQuery::from_static("/a?b"), fields, false).unwrap();
        let request = head.request(Some(0));
        assert_eq!(request.uri().to_string(), "https://a:1/a?b");
        assert_eq!(request.headers().iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["x-y"]);
        let head = |method, has_body| {
            let fields = HeaderMap::from_iter([(HOST, HeaderValue::from_static("a"))]);
            Head::new(method, false, PathAndQuery::from_static("/"), fields, has_body).unwrap()
        };
        assert_eq!(head(Method::POST, false).request(Some(0)).headers()[CONTENT_LENGTH], "0");
        assert_eq!(head(Method::GET, true).request(Some(12)).headers()[CONTENT_LENGTH], "12");
        assert!(!head(Method::GET, false).request(Some(0)).headers().contains_key(CONTENT_LENGTH));
    }
}
