//! The head of an HTTP/1.1 answer (RFC 9112): its status, its fields, and how its end is found.

use std::mem::MaybeUninit;

use httparse::{Header, ParserConfig, Response, Status};

/// The longest head that is read, in bytes.
pub(super) const LONGEST: usize = 64 << 10;

/// The largest number of fields of a head.
const MOST_FIELDS: usize = 100;

/// A head that was received as a whole.
#[derive(Debug)]
pub(super) struct Head<'f> {
    pub(super) status: u16,
    fields: &'f [Header<'f>],
    pub(super) framing: Framing,
    /// Whether the next request can use the same connection.
    pub(super) keep_alive: bool,
    /// Its length in bytes.
    pub(super) length: usize,
}

impl Head<'_> {
    /// Returns the value of the first field of that name.
    pub(super) fn first(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// Returns whether it has a field of that name and value.
    pub(super) fn has(&self, name: &str, value: &[u8]) -> bool {
        self.fields.iter().any(|field| field.name.eq_ignore_ascii_case(name) && field.value == value)
    }
}

/// How the end of a body is found (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    /// The peer closes the connection.
    Close,
}

/// The reason why bytes are not the head of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeadError {
    #[error("the answer is not HTTP/1: {0}")]
    Syntax(httparse::Error),
    #[error("the head of the answer is longer than {LONGEST} bytes")]
    Long,
    #[error("the content-length of the answer is not one number")]
    ContentLength,
    #[error("the answer has a transfer-encoding, which HTTP/1.0 does not have")]
    TransferEncoding,
}

/// Reads a head from the beginning of `bytes`, and gives it to `then`. Returns `None` if its end has not arrived.
///
/// # Errors
/// Returns an error when the bytes are not a head, or when it does not say where its body ends.
pub(super) fn read<T>(
    bytes: &[u8],
    to_head_request: bool,
    then: impl FnOnce(&Head<'_>) -> T,
) -> Result<Option<T>, HeadError> {
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut response = Response::new(&mut []);
    let parsed = ParserConfig::default().parse_response_with_uninit_headers(&mut response, bytes, &mut fields);
    let length = match parsed.map_err(HeadError::Syntax)? {
        Status::Complete(length) => length,
        Status::Partial if bytes.len() > LONGEST => return Err(HeadError::Long),
        Status::Partial => return Ok(None),
    };
    let (status, fields) = (response.code.unwrap_or_default(), &*response.headers);
    let is_1_1 = response.version == Some(1);
    let said = Said::by(fields);
    let framing = said.framing(status, is_1_1, to_head_request)?;
    let keep_alive = if is_1_1 { !said.close } else { said.keep_alive };
    Ok(Some(then(&Head { status, fields, framing, keep_alive, length })))
}

/// Returns whether `bytes` contain the empty line that ends a head, at or after `from`.
pub(super) fn has_end(bytes: &[u8], from: usize) -> bool {
    let line_ends = bytes.iter().enumerate().skip(from).filter(|(_, byte)| **byte == b'\n');
    line_ends.into_iter().any(|(at, _)| matches!(bytes.get(at + 1..), Some([b'\n', ..] | [b'\r', b'\n', ..])))
}

/// The fields of a head about the connection and the end of the body. They are read once.
#[derive(Default)]
struct Said<'f> {
    /// The last `transfer-encoding`.
    codings: Option<&'f [u8]>,
    length: Option<Result<u64, HeadError>>,
    close: bool,
    keep_alive: bool,
}

impl<'f> Said<'f> {
    fn by(fields: &'f [Header<'f>]) -> Self {
        let mut said = Self::default();
        for field in fields {
            // Most fields differ from these in the length of their names.
            match field.name.len() {
                10 if is_named(field, "connection") => {
                    said.close |= has_token(field.value, b"close");
                    said.keep_alive |= has_token(field.value, b"keep-alive");
                }
                14 if is_named(field, "content-length") => said.add_lengths(field.value),
                17 if is_named(field, "transfer-encoding") => said.codings = Some(field.value),
                _ => {}
            }
        }
        said
    }

    /// Adds a `content-length`. A length that is repeated must be the same each time (RFC 9110, section 8.6).
    fn add_lengths(&mut self, value: &[u8]) {
        if self.length.is_none()
            && let Some(length) = number(value)
        {
            self.length = Some(Ok(length));
            return;
        }
        for length in value.split(|byte| *byte == b',') {
            let length = number(length).ok_or(HeadError::ContentLength);
            let is_first = self.length.is_none();
            self.length =
                Some(if is_first || self.length == Some(length) { length } else { Err(HeadError::ContentLength) });
        }
    }

    fn framing(&self, status: u16, is_1_1: bool, to_head_request: bool) -> Result<Framing, HeadError> {
        if to_head_request || matches!(status, 100..=199 | 204 | 304) {
            return Ok(Framing::Length(0));
        }
        match (self.codings, is_1_1) {
            (Some(_), false) => Err(HeadError::TransferEncoding),
            (Some(codings), true) => {
                let last = codings.rsplit(|byte| *byte == b',').next().unwrap_or_default();
                let chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
                Ok(if chunked { Framing::Chunked } else { Framing::Close })
            }
            (None, _) => self.length.map_or(Ok(Framing::Close), |length| length.map(Framing::Length)),
        }
    }
}

/// Returns whether a field has a name, which is given in small letters, as most servers write it.
fn is_named(field: &Header<'_>, name: &str) -> bool {
    field.name == name || field.name.eq_ignore_ascii_case(name)
}

/// Parses digits alone: a sign is not allowed.
fn number(text: &[u8]) -> Option<u64> {
    let add = |sum: u64, digit: &u8| match digit {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    };
    let digits = text.trim_ascii();
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}

fn has_token(value: &[u8], token: &[u8]) -> bool {
    value.split(|byte| *byte == b',').any(|found| found.trim_ascii().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Result<Option<(u16, Framing, bool)>, HeadError> {
        read(text.as_bytes(), false, |head| (head.status, head.framing, head.keep_alive))
    }

    fn framing_of(fields: &str) -> Result<Framing, HeadError> {
        found(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n")).map(|head| head.unwrap().1)
    }

    #[test]
    fn the_end_of_a_body_is_found_as_rfc_9112_says() {
        assert_eq!(framing_of("Content-Length: 5\r\n"), Ok(Framing::Length(5)));
        assert_eq!(framing_of("content-length: 5, 5\r\ncontent-length: 5\r\n"), Ok(Framing::Length(5)));
        assert_eq!(framing_of(""), Ok(Framing::Close));
        assert_eq!(framing_of("transfer-encoding: gzip, Chunked\r\ncontent-length: 1\r\n"), Ok(Framing::Chunked));
        assert_eq!(framing_of("transfer-encoding: chunked\r\ntransfer-encoding: gzip\r\n"), Ok(Framing::Close));
        for wrong in ["5, 6", "+5", "-1", "", "5 6", "0x5", "18446744073709551616"] {
            assert_eq!(framing_of(&format!("content-length: {wrong}\r\n")), Err(HeadError::ContentLength), "{wrong}");
        }
        assert_eq!(found("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"), Err(HeadError::TransferEncoding));
    }

    #[test]
    fn answers_that_cannot_have_a_body_have_none() {
        for status in [100, 103, 199, 204, 304] {
            let text = format!("HTTP/1.1 {status} X\r\ncontent-length: 9\r\n\r\n");
            assert_eq!(found(&text), Ok(Some((status, Framing::Length(0), true))));
        }
        let to_head = read(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", true, |head| head.framing);
        assert_eq!(to_head, Ok(Some(Framing::Length(0))));
    }

    #[test]
    fn a_connection_is_kept_unless_the_version_or_a_field_ends_it() {
        let kept = |text: &str| found(&format!("{text}\r\n\r\n")).unwrap().unwrap().2;
        assert!(kept("HTTP/1.1 200 OK") && kept("HTTP/1.0 200 OK\r\nConnection: Keep-Alive"));
        assert!(!kept("HTTP/1.0 200 OK") && !kept("HTTP/1.1 200 OK\r\nconnection: x, Close"));
    }

    #[test]
    fn heads_that_are_incomplete_or_too_long_are_told_apart() {
        let whole = "HTTP/1.1 200 OK\r\na: b\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(found(&whole[..end]), Ok(None));
            assert!(!has_end(&whole.as_bytes()[..end], 0));
        }
        assert!(has_end(whole.as_bytes(), 18) && has_end(b"a\n\n", 0) && !has_end(whole.as_bytes(), 24));
        let long = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(LONGEST));
        assert_eq!(found(&long), Err(HeadError::Long));
        assert!(matches!(found("garbage\r\n\r\n"), Err(HeadError::Syntax(_))));
        assert!(matches!(
            found(&format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(101))),
            Err(HeadError::Syntax(_))
        ));
    }
}
