//! A scenario's request made ready to be sent again and again without being put together each time.
//!
//! Texts are leaked once per child, on purpose: a header value or path of static bytes is copied without touching a reference
//! count that all workers share.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HOST, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Uri};

use super::frames::ArmAddress;
use super::judge::Expected;
use super::spec::{self, Body};
use super::template::{Fields, Template};
use harness_base::units::Nanos;

/// One kind of request, for one arm.
pub(super) struct Prepared {
    pub(super) name: String,
    pub(super) expected: Expected,
    pub(super) timeout: Nanos,
    method: Method,
    uri: Uri,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Filling,
}

enum Filling {
    Fixed(Bytes),
    Template(Template),
}

impl Prepared {
    /// Makes `request` ready for `arm`.
    pub(super) fn new(request: &spec::Request, arm: &ArmAddress) -> Result<Self, String> {
        let refused = |what: &str, value: &str| format!("request {}: {value:?} is no {what}", request.name);
        let path = format!("{}{}", arm.base_path.trim_end_matches('/'), request.path);
        let mut headers = Vec::with_capacity(request.headers.len() + 1);
        if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            headers.push(header("host", &arm.host).ok_or_else(|| refused("host", &arm.host))?);
        }
        for (name, value) in &request.headers {
            headers.push(header(name, value).ok_or_else(|| refused("header", name))?);
        }
        // HTTP asks for the host first (RFC 9110, section 7.2).
        headers.sort_by_key(|(name, _)| name != HOST);
        Ok(Self {
            name: request.name.clone(),
            expected: Expected::new(&request.expect)
                .map_err(|message| format!("request {}: {message}", request.name))?,
            timeout: request.timeout,
            method: Method::from_bytes(request.method.as_bytes()).map_err(|_| refused("method", &request.method))?,
            uri: Uri::from_maybe_shared(leaked(&path)).map_err(|_| refused("path", &path))?,
            headers,
            body: Filling::new(&request.body).map_err(|message| format!("request {}: {message}", request.name))?,
        })
    }

    /// The body of the user's next request.
    pub(super) fn body(&self, fields: &mut Fields) -> Bytes {
        match &self.body {
            Filling::Fixed(bytes) => bytes.clone(),
            Filling::Template(template) => template.fill(fields),
        }
    }

    /// The request, in the memory of `spare`, a header map that is no longer needed.
    pub(super) fn request(&self, body: Bytes, mut spare: HeaderMap) -> Request<Full<Bytes>> {
        spare.clear();
        for (name, value) in &self.headers {
            spare.append(name.clone(), value.clone());
        }
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = spare;
        request
    }
}

impl Filling {
    fn new(body: &Body) -> Result<Self, String> {
        Ok(match body {
            Body::Empty => Self::Fixed(Bytes::new()),
            Body::Fixed(text) => Self::Fixed(leaked(text)),
            Body::Template(text) => Self::Template(Template::parse(text)?),
        })
    }
}

/// A header field; `None` when name or value is not allowed in HTTP.
pub(super) fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let value = HeaderValue::from_maybe_shared(leaked(value)).ok()?;
    Some((name, value))
}

fn leaked(text: &str) -> Bytes {
    Bytes::from_static(Box::leak(text.to_owned().into_boxed_str()).as_bytes())
}
