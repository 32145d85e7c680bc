//! A request as bytes, prepared once and sent many times.

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method};

use super::child_error::{ChildError, RequestError};
use super::frames::ArmAddress;
use super::header::header;
use super::http2::{self, Head};
use super::judge::Expected;
use super::lane::Message;
use super::link::{self, Streamed};
use super::spec::{self, Body, Framing, StreamedBody};
use super::template::{Fields, Template};
use harness_base::units::Nanos;

/// One kind of request, for one arm.
pub(super) struct Prepared {
    pub(super) name: String,
    pub(super) expected: Expected,
    pub(super) timeout: Nanos,
    is_head: bool,
    form: Form,
}

/// A request in the form of its version of HTTP.
enum Form {
    Http1(Text),
    Http2 { head: Box<Head>, body: Content },
}

enum Text {
    /// Head and body.
    Fixed(Vec<u8>),
    /// The head up to the length of the body.
    Template {
        head: Vec<u8>,
        template: Template,
    },
    Streamed {
        head: Vec<u8>,
        body: Box<Streamed>,
    },
}

enum Content {
    Fixed(Bytes),
    Template(Template),
    /// With its length, if the head says it.
    Streamed(Box<Streamed>, Option<u64>),
}

/// The memory in which a user builds requests with fields.
#[derive(Default)]
pub(super) struct Scratch {
    text: Vec<u8>,
    /// How many digits the length of the last body had, over HTTP/1.1.
    digits: usize,
    /// The body over HTTP/2.
    body: Vec<u8>,
    content: Bytes,
}

impl Scratch {
    /// Appends the length of the next body, the empty line and the body to the head of a request. The body is written in its place, behind as
    /// many digits as the length before had, and is moved if its own has more or fewer.
    fn append_body(&mut self, template: &Template, fields: &mut Fields) {
        let text = &mut self.text;
        let place = text.len()..text.len() + self.digits;
        text.resize(place.end, b'0');
        text.extend_from_slice(b"\r\n\r\n");
        let body = text.len();
        template.fill(fields, text);
        let mut buffer = itoa::Buffer::new();
        let length = buffer.format(text.len() - body).as_bytes();
        if length.len() == self.digits {
            text[place].copy_from_slice(length);
        } else {
            self.digits = length.len();
            text.splice(place, length.iter().copied());
        }
    }
}

impl Prepared {
    /// Prepares `request` for `arm`.
    pub(super) fn new(request: &spec::Request, arm: &ArmAddress) -> Result<Self, ChildError> {
        let prepare = || -> Result<Self, RequestError> {
            Ok(Self {
                name: request.name.clone(),
                expected: Expected::new(&request.expect)?,
                timeout: request.timeout,
                is_head: request.method == "HEAD",
                form: Form::new(request, arm)?,
            })
        };
        prepare().map_err(|reason| ChildError::Request { request: request.name.clone(), reason })
    }

    /// Returns the user's next request. One with fields is built in `scratch`.
    pub(super) fn message<'m>(&'m self, fields: &mut Fields, scratch: &'m mut Scratch) -> Message<'m> {
        let expected = &self.expected;
        match &self.form {
            Form::Http1(text) => {
                let body = text.streamed();
                let text = text.build(fields, scratch);
                Message::Http1(link::Message { text, body, is_head: self.is_head, expected })
            }
            Form::Http2 { head, body } => {
                let body = body.build(fields, scratch);
                Message::Http2(http2::Message { head, body, expected })
            }
        }
    }
}

impl Form {
    fn new(request: &spec::Request, arm: &ArmAddress) -> Result<Self, RequestError> {
        if arm.http2.is_none() {
            return Ok(Self::Http1(Text::new(request, &arm.host, &arm.base_path)?));
        }
        let (method, path) = target(request, &arm.base_path)?;
        let fields = headers(request, &arm.host)?;
        let has_body = request.body != Body::Empty;
        let head = Head::new(method, arm.tls.is_some(), path, fields, has_body).map(Box::new);
        let body = match &request.body {
            Body::Empty => Content::Fixed(Bytes::new()),
            Body::Fixed(body) => Content::Fixed(Bytes::copy_from_slice(body.as_bytes())),
            Body::Template(body) => Content::Template(Template::parse(body)?),
            Body::Streamed(body) if body.awaits_continue => return Err(RequestError::ContinueOverHttp2),
            Body::Streamed(body) => {
                let length = (body.framing == Framing::Length).then_some(body.size.0);
                // Frames of HTTP/2 separate its parts.
                let plain = StreamedBody { framing: Framing::Length, ..*body };
                Content::Streamed(Box::new(Streamed::new(&plain)), length)
            }
            Body::Mcp(_) => return Err(RequestError::McpAmongOthers),
            Body::Echo(_) => return Err(RequestError::EchoAmongOthers),
        };
        Ok(Self::Http2 { head: head.ok_or_else(|| RequestError::Host(arm.host.clone()))?, body })
    }
}

impl Content {
    /// Returns the user's next body. One with fields is built in `scratch`.
    fn build<'m>(&'m self, fields: &mut Fields, scratch: &'m mut Scratch) -> http2::Content<'m> {
        match self {
            Self::Fixed(body) => http2::Content::Whole(body),
            Self::Streamed(body, length) => http2::Content::Streamed(body, *length),
            Self::Template(template) => {
                scratch.body.clear();
                template.fill(fields, &mut scratch.body);
                scratch.content = Bytes::copy_from_slice(&scratch.body);
                http2::Content::Whole(&scratch.content)
            }
        }
    }
}

impl Text {
    /// Returns the body that follows the text.
    fn streamed(&self) -> Option<&Streamed> {
        match self {
            Self::Streamed { body, .. } => Some(body),
            Self::Fixed(_) | Self::Template { .. } => None,
        }
    }

    /// Returns the user's next request, without a body that is streamed. One with fields is built in `scratch`.
    fn build<'m>(&'m self, fields: &mut Fields, scratch: &'m mut Scratch) -> &'m [u8] {
        match self {
            Self::Fixed(text) | Self::Streamed { head: text, .. } => text,
            Self::Template { head, template } => {
                scratch.text.clear();
                scratch.text.extend_from_slice(head);
                scratch.append_body(template, fields);
                &scratch.text
            }
        }
    }

    fn new(request: &spec::Request, host: &str, base_path: &str) -> Result<Self, RequestError> {
        let mut text = head(request, host, base_path)?;
        Ok(match &request.body {
            Body::Empty => {
                // A request whose method expects a body says that it has none (RFC 9110, section 8.6).
                if matches!(request.method.as_str(), "POST" | "PUT" | "PATCH") {
                    text.extend_from_slice(b"content-length: 0\r\n");
                }
                text.extend_from_slice(b"\r\n");
                Self::Fixed(text)
            }
            Body::Fixed(body) => {
                text.extend_from_slice(b"content-length: ");
                end_head(&mut text, body.len() as u64);
                text.extend_from_slice(body.as_bytes());
                Self::Fixed(text)
            }
            Body::Template(body) => {
                text.extend_from_slice(b"content-length: ");
                Self::Template { head: text, template: Template::parse(body)? }
            }
            Body::Streamed(body) => {
                if body.awaits_continue {
                    text.extend_from_slice(b"expect: 100-continue\r\n");
                }
                match body.framing {
                    Framing::Chunked => text.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n"),
                    Framing::Length => {
                        text.extend_from_slice(b"content-length: ");
                        end_head(&mut text, body.size.0);
                    }
                }
                Self::Streamed { head: text, body: Box::new(Streamed::new(body)) }
            }
            Body::Mcp(_) => return Err(RequestError::McpAmongOthers),
            Body::Echo(_) => return Err(RequestError::EchoAmongOthers),
        })
    }
}

/// Returns the HTTP/1.1 text of `request` to `host` below `base_path`, with its body, for clients that misbehave on purpose. Fields of the body
/// have the values of the first user's first request.
///
/// # Errors
/// Returns an error when the request cannot be sent over HTTP/1.1, or a field of the body is unknown.
pub fn raw(request: &spec::Request, host: &str, base_path: &str) -> Result<Vec<u8>, RequestError> {
    Ok(match Text::new(request, host, base_path)? {
        Text::Fixed(text) => text,
        Text::Template { head: mut text, template } => {
            let mut body = Vec::new();
            template.fill(&mut Fields::new(0, 0, 1), &mut body);
            end_head(&mut text, body.len() as u64);
            [text, body].concat()
        }
        Text::Streamed { .. } => return Err(RequestError::StreamedRaw),
    })
}

/// Appends the length of the body and the empty line.
fn end_head(text: &mut Vec<u8>, length: u64) {
    text.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
    text.extend_from_slice(b"\r\n\r\n");
}

/// Returns the method, and the path below `base_path`.
pub(super) fn target(request: &spec::Request, base_path: &str) -> Result<(Method, PathAndQuery), RequestError> {
    let method =
        Method::from_bytes(request.method.as_bytes()).map_err(|_| RequestError::Method(request.method.clone()))?;
    let path = format!("{}{}", base_path.trim_end_matches('/'), request.path);
    let path = PathAndQuery::try_from(path.as_str()).map_err(|_| RequestError::Path(path))?;
    Ok((method, path))
}

/// Returns the request line and the header fields, without those that frame the body.
pub(super) fn head(request: &spec::Request, host: &str, base_path: &str) -> Result<Vec<u8>, RequestError> {
    let (method, path) = target(request, base_path)?;
    let mut text = format!("{method} {path} HTTP/1.1\r\n").into_bytes();
    for (name, value) in &headers(request, host)? {
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    Ok(text)
}

/// Returns the header fields. HTTP asks for the host first (RFC 9110, section 7.2).
pub(super) fn headers(request: &spec::Request, host: &str) -> Result<HeaderMap, RequestError> {
    let mut headers = HeaderMap::with_capacity(request.headers.len() + 1);
    let own = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(HOST.as_str()));
    let host = own.map_or(host, |(_, value)| value);
    headers.insert(HOST, HeaderValue::from_str(host).map_err(|_| RequestError::Host(host.to_owned()))?);
    for (name, value) in request.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(HOST.as_str())) {
        let (name, value) = header(name, value).ok_or_else(|| RequestError::Header(name.clone()))?;
        match name {
            http::header::TRANSFER_ENCODING => return Err(RequestError::Framing(name)),
            http::header::CONTENT_LENGTH if !says_length(&value, &request.body) => {
                return Err(RequestError::Framing(name));
            }
            http::header::CONTENT_LENGTH => {}
            name => drop(headers.append(name, value)),
        }
    }
    Ok(headers)
}

fn says_length(value: &HeaderValue, body: &Body) -> bool {
    match body {
        Body::Empty => value == "0",
        Body::Fixed(body) => value.as_bytes() == body.len().to_string().as_bytes(),
        Body::Template(_) | Body::Streamed(_) | Body::Mcp(_) | Body::Echo(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Arm;
    use crate::spec::Expect;

    fn request(method: &str, headers: &[(&str, &str)], body: Body) -> spec::Request {
        spec::Request {
            name: "request".to_owned(),
            weight: 1,
            method: method.to_owned(),
            path: "/mcp?a=1".to_owned(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body,
            expect: Expect::default(),
            timeout: Nanos::from_secs(1),
        }
    }

    fn arm() -> ArmAddress {
        ArmAddress {
            arm: Arm::Proxied,
            address: "127.0.0.1:1".parse().unwrap(),
            host: "localhost:1".to_owned(),
            base_path: "/base/".to_owned(),
            tls: None,
            http2: None,
            stdio: false,
        }
    }

    fn text(method: &str, headers: &[(&str, &str)], body: Body) -> Result<String, String> {
        let text = raw(&request(method, headers, body), "localhost:1", "/base/").map_err(|error| error.to_string())?;
        Ok(String::from_utf8(text).unwrap())
    }

    #[test]
    fn a_request_has_host_and_length() {
        let fixed = text("POST", &[("accept", "*/*")], Body::Fixed("{}".to_owned())).unwrap();
        assert_eq!(
            fixed,
            "POST /base/mcp?a=1 HTTP/1.1\r\nhost: localhost:1\r\naccept: */*\r\ncontent-length: 2\r\n\r\n{}"
        );
        let own = text("POST", &[("a", "b"), ("Host", "c")], Body::Template("{{seq}}".to_owned())).unwrap();
        assert_eq!(own, "POST /base/mcp?a=1 HTTP/1.1\r\nhost: c\r\na: b\r\ncontent-length: 1\r\n\r\n0");
        assert!(text("GET", &[], Body::Empty).unwrap().ends_with("host: localhost:1\r\n\r\n"));
        assert!(text("PUT", &[], Body::Empty).unwrap().ends_with("content-length: 0\r\n\r\n"));
        let said = text("POST", &[("content-length", "2")], Body::Fixed("{}".to_owned())).unwrap();
        assert_eq!(said.matches("content-length").count(), 1);
    }

    #[test]
    fn a_request_whose_end_could_not_be_found_is_refused() {
        for headers in [[("Content-Length", "3")], [("transfer-encoding", "chunked")]] {
            let message = text("POST", &headers, Body::Fixed("{}".to_owned())).unwrap_err();
            assert!(message.contains(&headers[0].0.to_lowercase()), "{message}");
        }
        assert!(text("P ST", &[], Body::Empty).unwrap_err().contains("method"));
        assert!(text("GET", &[("a", "b\r\nc: d")], Body::Empty).unwrap_err().contains("header"));
    }

    #[test]
    fn a_user_builds_each_request_in_the_same_memory() {
        let prepared = Prepared::new(&request("POST", &[], Body::Template("{{seq}}".to_owned())), &arm()).unwrap();
        let (mut fields, mut scratch) = (Fields::new(1, 9, 1), Scratch::default());
        for (length, body) in [(1, "9"), (2, "10")] {
            let message = prepared.message(&mut fields, &mut scratch);
            let Message::Http1(link::Message { text, .. }) = message else { panic!("not HTTP/1.1") };
            let text = std::str::from_utf8(text).unwrap();
            assert!(text.ends_with(&format!("content-length: {length}\r\n\r\n{body}")), "{text}");
        }
    }
}
