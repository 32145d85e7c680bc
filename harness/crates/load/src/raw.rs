//! A request as bytes, for clients that misbehave on purpose.

use super::frames::ArmAddress;
use super::spec::{Body, Request};
use super::template::{Fields, Template, TemplateError};

/// Returns the HTTP/1.1 text of `request` for `arm`, with its body. Template fields have the values of the first user's first
/// request.
///
/// # Errors
/// Returns an error when a field of the body is unknown.
pub fn raw(request: &Request, arm: &ArmAddress) -> Result<Vec<u8>, TemplateError> {
    let has = |wanted: &str| request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
    let body = match &request.body {
        Body::Empty => Vec::new(),
        Body::Fixed(text) => text.as_bytes().to_vec(),
        Body::Template(text) => Template::parse(text)?.fill(&mut Fields::new(0, 0, 1)).to_vec(),
    };
    let mut text = format!("{} {}{} HTTP/1.1\r\n", request.method, arm.base_path.trim_end_matches('/'), request.path);
    if !has("host") {
        text.push_str(&format!("host: {}\r\n", arm.host));
    }
    for (name, value) in &request.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() && !has("content-length") {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    Ok([text.into_bytes(), body].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Arm;
    use crate::spec::Expect;
    use harness_base::units::Nanos;

    fn text(headers: &[(&str, &str)], body: Body) -> String {
        let request = Request {
            name: "request".to_owned(),
            weight: 1,
            method: "POST".to_owned(),
            path: "/mcp?a=1".to_owned(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body,
            expect: Expect::default(),
            timeout: Nanos::from_secs(1),
        };
        let arm = ArmAddress {
            arm: Arm::Proxied,
            address: "127.0.0.1:1".parse().unwrap(),
            host: "localhost:1".to_owned(),
            base_path: "/base/".to_owned(),
        };
        String::from_utf8(raw(&request, &arm).unwrap()).unwrap()
    }

    #[test]
    fn a_request_has_host_and_length() {
        let fixed = text(&[("accept", "*/*")], Body::Fixed("{}".to_owned()));
        assert_eq!(
            fixed,
            "POST /base/mcp?a=1 HTTP/1.1\r\nhost: localhost:1\r\naccept: */*\r\ncontent-length: 2\r\n\r\n{}"
        );
        let own = text(&[("Host", "a")], Body::Template("{{seq}}".to_owned()));
        assert_eq!(own, "POST /base/mcp?a=1 HTTP/1.1\r\nHost: a\r\ncontent-length: 1\r\n\r\n0");
        assert!(text(&[], Body::Empty).ends_with("host: localhost:1\r\n\r\n"));
    }
}
