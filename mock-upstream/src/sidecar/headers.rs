//! Requests and responses as they are passed on: without the headers that belong to one connection, in the version of the other side.

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE};
use hyper::http::uri::{Authority, PathAndQuery};
use hyper::{Request, Response, Uri, Version};

use super::target::{Target, UpstreamHttp};

const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("proxy-authenticate"),
    HeaderName::from_static("proxy-authorization"),
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Turns a client's request into one to the upstream.
pub(crate) fn outbound<B>(mut request: Request<B>, upstream: &Target, http: UpstreamHttp) -> Request<B> {
    strip_hop_by_hop(request.headers_mut());
    match http {
        UpstreamHttp::Http1 => relative(&mut request),
        UpstreamHttp::Http2 => absolute(&mut request, upstream),
    }
    request
}

/// Turns the upstream's response into one to the client, whose version the server sets.
pub(crate) fn inbound(mut response: Response<Incoming>) -> Response<Incoming> {
    strip_hop_by_hop(response.headers_mut());
    *response.version_mut() = Version::HTTP_11;
    response
}

/// Names the host in a header, as HTTP/1.1 does.
fn relative<B>(request: &mut Request<B>) {
    *request.version_mut() = Version::HTTP_11;
    let Some(authority) = request.uri().authority() else { return };
    let host = HeaderValue::from_str(authority.as_str());
    let path = request.uri().path_and_query();
    *request.uri_mut() = path.map_or_else(Uri::default, |path: &PathAndQuery| path.clone().into());
    if let Ok(host) = host {
        request.headers_mut().entry(HOST).or_insert(host);
    }
}

/// Names the host in the URI, whose parts become the pseudo-headers of HTTP/2.
fn absolute<B>(request: &mut Request<B>, upstream: &Target) {
    *request.version_mut() = Version::HTTP_2;
    let host = request.headers_mut().remove(HOST);
    let named = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.authority = named.or(parts.authority).or_else(|| upstream.authority.parse().ok());
    parts.scheme = Some(upstream.scheme());
    parts.path_and_query.get_or_insert_with(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
}

fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hop_by_hop_headers_are_removed() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "keep-alive, X-Hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("content-type", "text/plain"),
            ("host", "a"),
        ] {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        strip_hop_by_hop(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-type", "host"]);
    }

    fn sent(uri: &str, host: Option<&str>, http: UpstreamHttp) -> (String, Option<String>) {
        let mut request = Request::get(uri);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let target = "https://upstream.test:9".parse().unwrap();
        let request = outbound(request.body(()).unwrap(), &target, http);
        let host = request.headers().get(HOST).map(|host| host.to_str().unwrap().to_owned());
        (request.uri().to_string(), host)
    }

    #[test]
    fn the_host_is_named_where_the_version_of_the_upstream_has_it() {
        let one = |uri, host| sent(uri, host, UpstreamHttp::Http1);
        assert_eq!(one("/a?b", Some("client.test")), ("/a?b".into(), Some("client.test".into())));
        assert_eq!(one("https://client.test/a?b", None), ("/a?b".into(), Some("client.test".into())), "from HTTP/2");
        assert_eq!(one("http://client.test", None), ("/".into(), Some("client.test".into())));
        let two = |uri, host| sent(uri, host, UpstreamHttp::Http2);
        assert_eq!(two("/a?b", Some("client.test:1")), ("https://client.test:1/a?b".into(), None));
        assert_eq!(two("http://client.test/a", None), ("https://client.test/a".into(), None));
        assert_eq!(two("/a", None), ("https://upstream.test:9/a".into(), None));
    }
}
