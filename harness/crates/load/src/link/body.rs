//! Finds the content and the end of a body while it is received (RFC 9112, sections 6 and 7).

use super::head::Framing;

/// The longest chunk extensions and trailers of a body, in bytes.
const LONGEST_EXTRA: usize = 16 << 10;

/// A body that is being received.
#[derive(Debug)]
pub(super) enum Body {
    Length { left: u64 },
    Chunked(Chunks),
    Close,
}

/// The state of a chunked body.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    state: State,
    /// The rest of the chunk in bytes; its size while its digits are read.
    left: u64,
    /// The number of bytes in extensions so far.
    extensions: usize,
    trailers: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// Before the first digit of a size.
    #[default]
    Size,
    Digits,
    /// Blanks after the size.
    Blank,
    Extension,
    SizeEnd,
    Data,
    DataCr,
    DataLf,
    /// After the chunk of size 0.
    Trailers,
    Done,
}

/// The reason why a body does not follow its framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the size of a chunk is not a hexadecimal number")]
    Size,
    #[error("a chunk does not end where its size says")]
    End,
    #[error("chunk extensions or trailers take more than {LONGEST_EXTRA} bytes")]
    Extra,
    #[error("the trailers are not fields")]
    Trailers,
}

impl Body {
    pub(super) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Length(left) => Self::Length { left },
            Framing::Chunked => Self::Chunked(Chunks::default()),
            Framing::Close => Self::Close,
        }
    }

    /// Returns whether the end has been received. Only the end of the connection ends a body of [`Framing::Close`].
    pub(super) fn is_complete(&self) -> bool {
        match self {
            Self::Length { left } => *left == 0,
            Self::Chunked(chunks) => chunks.state == State::Done,
            Self::Close => false,
        }
    }

    /// Takes the next part of the content from `bytes`, and removes what it has read from them. Returns an empty part when `bytes` hold no
    /// more of it.
    ///
    /// # Errors
    /// Returns an error when the bytes do not follow the framing.
    pub(super) fn take<'b>(&mut self, bytes: &mut &'b [u8]) -> Result<&'b [u8], BodyError> {
        match self {
            Self::Length { left } => Ok(take_at_most(bytes, left)),
            Self::Chunked(chunks) => chunks.take(bytes),
            Self::Close => Ok(std::mem::take(bytes)),
        }
    }
}

fn take_at_most<'b>(bytes: &mut &'b [u8], left: &mut u64) -> &'b [u8] {
    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
    let (part, rest) = bytes.split_at(length);
    *left -= length as u64;
    *bytes = rest;
    part
}

impl Chunks {
    fn take<'b>(&mut self, bytes: &mut &'b [u8]) -> Result<&'b [u8], BodyError> {
        while self.state != State::Done {
            if self.state == State::Data {
                let part = take_at_most(bytes, &mut self.left);
                if self.left == 0 {
                    self.state = State::DataCr;
                }
                if !part.is_empty() {
                    return Ok(part);
                }
            }
            let Some((&byte, rest)) = bytes.split_first() else { break };
            *bytes = rest;
            self.state = self.step(byte)?;
        }
        Ok(&[])
    }

    /// Reads one byte that is not content.
    fn step(&mut self, byte: u8) -> Result<State, BodyError> {
        Ok(match (self.state, byte) {
            (State::Size | State::Digits, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = u64::from((byte as char).to_digit(16).unwrap_or_default());
                let shifted = self.left.checked_mul(16).ok_or(BodyError::Size)?;
                self.left = shifted + digit;
                State::Digits
            }
            (State::Digits | State::Blank, b' ' | b'\t') => State::Blank,
            (State::Digits | State::Blank, b';') => State::Extension,
            (State::Digits | State::Blank | State::Extension, b'\r') => State::SizeEnd,
            (State::Extension, b'\n') => return Err(BodyError::End),
            (State::Extension, _) => {
                self.extensions += 1;
                if self.extensions > LONGEST_EXTRA {
                    return Err(BodyError::Extra);
                }
                State::Extension
            }
            (State::SizeEnd, b'\n') if self.left == 0 => State::Trailers,
            (State::SizeEnd, b'\n') => State::Data,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size,
            (State::Trailers, _) => self.trailer(byte)?,
            (State::Size | State::Digits | State::Blank, _) => return Err(BodyError::Size),
            _ => return Err(BodyError::End),
        })
    }

    /// Reads one byte of the trailers, up to the empty line that ends them.
    fn trailer(&mut self, byte: u8) -> Result<State, BodyError> {
        self.trailers.push(byte);
        if self.trailers.len() > LONGEST_EXTRA {
            return Err(BodyError::Extra);
        }
        if self.trailers == b"\r\n" {
            return Ok(State::Done);
        }
        if !self.trailers.ends_with(b"\r\n\r\n") {
            return Ok(State::Trailers);
        }
        let mut fields = [httparse::EMPTY_HEADER; 100];
        match httparse::parse_headers(&self.trailers, &mut fields) {
            Ok(httparse::Status::Complete(_)) => Ok(State::Done),
            _ => Err(BodyError::Trailers),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `text` in parts of `size` bytes. Returns the content, whether it is complete, and the number of bytes left over.
    fn read(framing: Framing, text: &[u8], size: usize) -> Result<(Vec<u8>, bool, usize), BodyError> {
        let (mut body, mut content, mut over) = (Body::new(framing), Vec::new(), 0);
        for mut part in text.chunks(size) {
            while !part.is_empty() && !body.is_complete() {
                content.extend_from_slice(body.take(&mut part)?);
            }
            over += part.len();
        }
        Ok((content, body.is_complete(), over))
    }

    fn chunked(text: &str) -> Result<(String, bool, usize), BodyError> {
        let whole = read(Framing::Chunked, text.as_bytes(), usize::MAX);
        for size in 1..text.len().max(2) {
            assert_eq!(read(Framing::Chunked, text.as_bytes(), size), whole, "in parts of {size}: {text:?}");
        }
        whole.map(|(content, complete, over)| (String::from_utf8(content).unwrap(), complete, over))
    }

    #[test]
    fn chunks_are_joined_however_they_arrive() {
        let ok = |content: &str, over| Ok((content.to_owned(), true, over));
        assert_eq!(chunked("3\r\nabc\r\n2 ;x=\"y\"\r\nde\r\n0\r\n\r\n"), ok("abcde", 0));
        assert_eq!(chunked("a\r\n0123456789\r\n00\r\nt: 1\r\nu: 2\r\n\r\nHT"), ok("0123456789", 2));
        assert_eq!(chunked("3\r\nabc\r\n"), Ok(("abc".to_owned(), false, 0)));
    }

    #[test]
    fn bytes_that_do_not_follow_the_framing_are_refused() {
        for (text, error) in [
            ("\r\n", BodyError::Size),
            ("g\r\n", BodyError::Size),
            ("-1\r\n", BodyError::Size),
            ("3\nabc", BodyError::Size),
            ("10000000000000000\r\n", BodyError::Size),
            ("3\r\nabcd", BodyError::End),
            ("3\rabc", BodyError::End),
            ("3;a\nabc", BodyError::End),
            ("0\r\nno field\r\n\r\n", BodyError::Trailers),
        ] {
            assert_eq!(chunked(text), Err(error), "{text:?}");
        }
        let many = format!("1;{}", "x".repeat(LONGEST_EXTRA + 1));
        assert_eq!(read(Framing::Chunked, many.as_bytes(), 100), Err(BodyError::Extra));
        let many = format!("0\r\na: {}", "x".repeat(LONGEST_EXTRA));
        assert_eq!(read(Framing::Chunked, many.as_bytes(), 100), Err(BodyError::Extra));
    }

    #[test]
    fn a_length_and_a_close_delimit_too() {
        assert_eq!(read(Framing::Length(3), b"abcde", 2), Ok((b"abc".to_vec(), true, 2)));
        assert_eq!(read(Framing::Length(u64::MAX), b"abc", 2), Ok((b"abc".to_vec(), false, 0)));
        assert_eq!(read(Framing::Close, b"abc", 2), Ok((b"abc".to_vec(), false, 0)));
    }
}
