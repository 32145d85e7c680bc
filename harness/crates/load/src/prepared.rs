//! A request that is prepared once and sent many times.
//!
//! Texts are leaked once per child on purpose: copies of a header value or path of static bytes need no reference count, which all
//! workers would share.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HOST, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Uri};

use super::child_error::{ChildError, RequestError};
use super::frames::ArmAddress;
use super::header::{header, leaked};
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
    body: PreparedBody,
}

enum PreparedBody {
    Fixed(Bytes),
    Template(Template),
}

impl Prepared {
    /// Prepares `request` for `arm`.
    pub(super) fn new(request: &spec::Request, arm: &ArmAddress) -> Result<Self, ChildError> {
        Self::prepare(request, arm).map_err(|reason| ChildError::Request { request: request.name.clone(), reason })
    }

    fn prepare(request: &spec::Request, arm: &ArmAddress) -> Result<Self, RequestError> {
        let path = format!("{}{}", arm.base_path.trim_end_matches('/'), request.path);
        let mut headers = Vec::with_capacity(request.headers.len() + 1);
        if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            headers.push(header("host", &arm.host).ok_or_else(|| RequestError::Host(arm.host.clone()))?);
        }
        for (name, value) in &request.headers {
            headers.push(header(name, value).ok_or_else(|| RequestError::Header(name.clone()))?);
        }
        // HTTP asks for the host first (RFC 9110, section 7.2).
        headers.sort_by_key(|(name, _)| name != HOST);
        Ok(Self {
            name: request.name.clone(),
            expected: Expected::new(&request.expect)?,
            timeout: request.timeout,
            method: Method::from_bytes(request.method.as_bytes())
                .map_err(|_| RequestError::Method(request.method.clone()))?,
            uri: Uri::from_maybe_shared(leaked(&path)).map_err(|_| RequestError::Path(path))?,
            headers,
            body: PreparedBody::new(&request.body)?,
        })
    }

    /// Returns the body of the user's next request.
    pub(super) fn body(&self, fields: &mut Fields) -> Bytes {
        match &self.body {
            PreparedBody::Fixed(bytes) => bytes.clone(),
            PreparedBody::Template(template) => template.fill(fields),
        }
    }

    /// Builds the request. Reuses the memory of `spare`, a header map that is no longer needed.
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

impl PreparedBody {
    fn new(body: &Body) -> Result<Self, RequestError> {
        Ok(match body {
            Body::Empty => Self::Fixed(Bytes::new()),
            Body::Fixed(text) => Self::Fixed(leaked(text)),
            Body::Template(text) => Self::Template(Template::parse(text)?),
        })
    }
}
