//! Reads answers of HTTP/1.1, as far as this stage needs them.

/// The longest head and the longest body that are read.
const LONGEST_HEAD: usize = 64 << 10;
const LONGEST_BODY: usize = 1 << 20;

/// The head of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    /// The header `Mcp-Session-Id`.
    pub(super) session: Option<String>,
    /// Whether the body is an event stream.
    pub(super) is_stream: bool,
    /// Whether the connection can be used after the body.
    pub(super) stays_open: bool,
    pub(super) framing: Framing,
}

/// How long the body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

/// Bytes that are not HTTP/1.1, or a head or body that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer is not HTTP/1.1, or longer than 1 MiB")]
pub(super) struct NotHttp;

/// The decoded part of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) data: Vec<u8>,
    /// Bytes of the whole body on the connection, once it is complete.
    pub(super) end: Option<usize>,
}

/// Parses a head and returns it with its length; `None` while it is incomplete.
///
/// # Errors
/// Returns [`NotHttp`] if it is none.
pub(super) fn head(bytes: &[u8]) -> Result<Option<(Head, usize)>, NotHttp> {
    let Some(length) = find(bytes, b"\r\n\r\n") else {
        return if bytes.len() > LONGEST_HEAD { Err(NotHttp) } else { Ok(None) };
    };
    let text = std::str::from_utf8(&bytes[..length]).map_err(|_| NotHttp)?;
    let mut lines = text.split("\r\n");
    let first = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).ok_or(NotHttp)?;
    let status = first.get(..3).and_then(|status| status.parse().ok()).ok_or(NotHttp)?;
    let framing = if matches!(status, 204 | 304) { Framing::Length(0) } else { Framing::UntilClose };
    let mut head = Head { status, session: None, is_stream: false, stays_open: true, framing };
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(NotHttp)?;
        head.read(name, value.trim())?;
    }
    head.stays_open &= head.framing != Framing::UntilClose;
    Ok(Some((head, length + 4)))
}

impl Head {
    fn read(&mut self, name: &str, value: &str) -> Result<(), NotHttp> {
        let has = |word: &str| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word));
        if name.eq_ignore_ascii_case("content-length") && self.framing != Framing::Chunked {
            self.framing = Framing::Length(value.parse().map_err(|_| NotHttp)?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") && has("chunked") {
            self.framing = Framing::Chunked;
        } else if name.eq_ignore_ascii_case("connection") && has("close") {
            self.stays_open = false;
        } else if name.eq_ignore_ascii_case("mcp-session-id") {
            self.session = Some(value.to_owned());
        } else if name.eq_ignore_ascii_case("content-type") {
            let kind = value.split(';').next().unwrap_or_default().trim();
            self.is_stream = kind.eq_ignore_ascii_case("text/event-stream");
        }
        Ok(())
    }
}

/// Decodes what has arrived of a body.
///
/// # Errors
/// Returns [`NotHttp`] if a chunk is malformed, or the body is too long.
pub(super) fn decode(framing: Framing, bytes: &[u8]) -> Result<Decoded, NotHttp> {
    if bytes.len() > 2 * LONGEST_BODY {
        return Err(NotHttp);
    }
    match framing {
        Framing::Length(length) if length > LONGEST_BODY => Err(NotHttp),
        Framing::Length(length) => Ok(match bytes.get(..length) {
            Some(whole) => Decoded { data: whole.to_vec(), end: Some(length) },
            None => Decoded { data: Vec::new(), end: None },
        }),
        Framing::UntilClose => Ok(Decoded { data: bytes.to_vec(), end: None }),
        Framing::Chunked => chunks(bytes),
    }
}

fn chunks(bytes: &[u8]) -> Result<Decoded, NotHttp> {
    let (mut data, mut at) = (Vec::new(), 0);
    while let Some(length) = find(&bytes[at..], b"\r\n") {
        let line = std::str::from_utf8(&bytes[at..at + length]).map_err(|_| NotHttp)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| NotHttp)?;
        if size > LONGEST_BODY {
            return Err(NotHttp);
        }
        let from = at + length + 2;
        if size == 0 {
            // Trailers end with an empty line, which follows at once if there are none.
            let end = if bytes[from..].starts_with(b"\r\n") {
                Some(from + 2)
            } else {
                find(&bytes[from..], b"\r\n\r\n").map(|length| from + length + 4)
            };
            return Ok(Decoded { data, end });
        }
        data.extend_from_slice(&bytes[from..bytes.len().min(from + size)]);
        at = from + size + 2;
        if at > bytes.len() {
            break;
        }
    }
    Ok(Decoded { data, end: None })
}

/// Returns the data of each complete event of a stream, without comments.
pub(super) fn events(data: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(data).replace("\r\n", "\n");
    let complete = text.rsplit_once("\n\n").map_or("", |(complete, _)| complete);
    let data_of = |event: &str| {
        let lines = event.lines().filter_map(|line| line.strip_prefix("data:"));
        let lines: Vec<&str> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    };
    complete.split("\n\n").filter_map(data_of).collect()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_complete() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nmcp-session-id: a-7\r\n\
            Transfer-Encoding: chunked\r\n\r\nrest";
        let (found, length) = head(text).unwrap().unwrap();
        assert_eq!(&text[length..], b"rest");
        let expected = Head {
            status: 200,
            session: Some("a-7".to_owned()),
            is_stream: true,
            stays_open: true,
            framing: Framing::Chunked,
        };
        assert_eq!(found, expected);
        for end in 0..length {
            assert_eq!(head(&text[..end]), Ok(None), "{end}");
        }
        let (found, _) = head(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap().unwrap();
        assert_eq!((found.framing, found.stays_open), (Framing::Length(0), false));
        let (found, _) = head(b"HTTP/1.1 200 OK\r\n\r\n").unwrap().unwrap();
        assert_eq!((found.framing, found.stays_open), (Framing::UntilClose, false));
    }

    #[test]
    fn other_bytes_are_not_http() {
        for bytes in
            [&b"SSH-2.0\r\n\r\n"[..], b"HTTP/1.1 x\r\n\r\n", b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", b"\xff\r\n\r\n"]
        {
            assert_eq!(head(bytes), Err(NotHttp));
        }
        assert_eq!(head(&vec![b'x'; LONGEST_HEAD + 1]), Err(NotHttp));
        assert_eq!(decode(Framing::Chunked, b"x\r\n"), Err(NotHttp));
        assert_eq!(decode(Framing::Length(LONGEST_BODY + 1), b""), Err(NotHttp));
    }

    #[test]
    fn a_chunked_body_is_decoded_in_every_part_that_has_arrived() {
        let text = b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\nnext";
        let whole = b"abc0123456789";
        let whole_at = text.len() - 4;
        for length in 0..=text.len() {
            let found = decode(Framing::Chunked, &text[..length]).unwrap();
            assert!(whole.starts_with(&found.data), "{length}: {found:?}");
            assert_eq!(found.end, (length >= whole_at).then_some(whole_at), "{length}");
        }
        assert_eq!(decode(Framing::Chunked, text).unwrap().data, whole);
        let trailers = b"0\r\nA: b\r\n\r\n";
        assert_eq!(decode(Framing::Chunked, trailers).unwrap().end, Some(trailers.len()));
    }

    #[test]
    fn a_body_of_known_length_ends_there() {
        let found = decode(Framing::Length(3), b"abcd").unwrap();
        assert_eq!((found.data, found.end), (b"abc".to_vec(), Some(3)));
        assert_eq!(decode(Framing::Length(3), b"ab").unwrap().end, None);
        assert_eq!(decode(Framing::UntilClose, b"ab").unwrap(), Decoded { data: b"ab".to_vec(), end: None });
    }

    #[test]
    fn events_have_data_and_comments_have_none() {
        let text = b": hello\n\nevent: message\ndata: {\"a\":1}\n\ndata:x\r\ndata: y\r\n\r\ndata: incomplete";
        assert_eq!(events(text), ["{\"a\":1}", "x\ny"]);
        assert_eq!(events(b":\n\n"), [""; 0]);
    }
}
