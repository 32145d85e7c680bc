//! Reads the head of an answer.

use super::miss::Miss;
use harness_base::clock::Mono;

/// How the end of a body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(usize),
    Chunked,
    UntilClosed,
}

/// The status line of a final answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct StatusLine {
    /// When it had arrived.
    pub(super) at: Mono,
    pub(super) status: u16,
}

#[derive(Debug)]
pub(super) struct Head {
    pub(super) line: StatusLine,
    pub(super) framing: Framing,
    /// Whether the connection stays open after the answer.
    pub(super) keep: bool,
}

impl Head {
    /// Reads the fields of a parsed head that say where the body ends and whether the connection stays open.
    pub(super) fn of(response: &httparse::Response<'_, '_>, line: StatusLine) -> Result<Self, Miss> {
        let mut head = Self { line, framing: Framing::UntilClosed, keep: response.version != Some(0) };
        for header in &*response.headers {
            let value = String::from_utf8_lossy(header.value).trim().to_ascii_lowercase();
            match header.name.to_ascii_lowercase().as_str() {
                "transfer-encoding" if value.ends_with("chunked") => head.framing = Framing::Chunked,
                // A length together with chunks is ignored (RFC 9112, 6.3).
                "content-length" if head.framing != Framing::Chunked => {
                    let garbage = |_| Miss::Garbage(format!("{}: {value}", header.name));
                    head.framing = Framing::Length(value.parse().map_err(garbage)?);
                }
                "connection" if value.contains("close") => head.keep = false,
                "connection" if value.contains("keep-alive") => head.keep = true,
                _ => {}
            }
        }
        Ok(head)
    }
}
