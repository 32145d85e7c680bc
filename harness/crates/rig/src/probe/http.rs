//! A kept-alive HTTP/1.1 connection that repeats a GET request (RFC 9112).

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use httparse::Status;

use crate::target::HttpUrl;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The timeout of an answer. If a target accepts a connection but does not answer, the request is repeated on a new connection.
const TIMEOUT: Nanos = Nanos::from_secs(1);
/// The timeout of one read, after which the stop flag is checked.
const SLICE: Nanos = Nanos::from_millis(20);
/// Longest head, and longest line of a chunked body, in bytes.
const HEAD: usize = 64 * 1024;
/// Header lines of one answer.
const HEADERS: usize = 128;
/// The longest body that is read to its end. After a longer one, the connection is closed.
const BODY: usize = 1024 * 1024;
/// The bytes of a body that are kept for messages.
const EXCERPT: usize = 200;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The instant at which the status line had arrived.
    pub(super) at: Mono,
    pub(super) status: u16,
    /// The beginning of the body.
    pub(super) excerpt: String,
    /// Whether the connection can carry another request.
    pub(super) reusable: bool,
}

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Miss {
    #[error("the connection was closed before an answer")]
    Closed,
    #[error("the connection was accepted, but no answer came within {TIMEOUT}")]
    Silent,
    #[error("what came was not HTTP/1: {0:?}")]
    Garbage(String),
    #[error("the head of an answer is malformed ({cause}): {start:?}")]
    Malformed { start: String, cause: httparse::Error },
    #[error("stopped")]
    Stopped,
    #[error(transparent)]
    Io(#[from] io::Error),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    UntilClosed,
}

/// The status line of a final answer.
#[derive(Debug, Clone, Copy)]
struct StatusLine {
    /// When it had arrived.
    at: Mono,
    status: u16,
}

#[derive(Debug)]
struct Head {
    line: StatusLine,
    framing: Framing,
    /// Whether the connection stays open after the answer.
    keep: bool,
}

impl Head {
    fn of(response: &httparse::Response<'_, '_>, line: StatusLine) -> Result<Self, Miss> {
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

/// A connection to one endpoint.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    /// Received bytes that were not used yet.
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects within `timeout`.
    pub(super) fn open(url: &HttpUrl, timeout: Nanos) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&url.addr, timeout.duration())?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SLICE.duration()))?;
        stream.set_write_timeout(Some(TIMEOUT.duration()))?;
        let (path, host) = (&url.path, url.authority());
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: harness-probe\r\nAccept: */*\r\n\r\n");
        Ok(Self { stream, request: request.into_bytes(), buffer: Vec::new() })
    }

    /// Sends one request and reads its answer to the end of the body. A 2xx counts from its status line on, whatever follows.
    pub(super) fn get(&mut self, stopped: &impl Fn() -> bool) -> Result<Answer, Miss> {
        self.stream.write_all(&self.request)?;
        let mut input = Input { connection: self, end: Mono::now().after(TIMEOUT), stopped };
        let mut line = None;
        let rest = input.head(&mut line).and_then(|head| {
            let body = input.body(head.framing, head.line.status)?;
            Ok((head, body))
        });
        let clean = self.buffer.is_empty();
        match rest {
            Ok((Head { line: StatusLine { at, status }, keep, .. }, (ended, body))) => {
                let excerpt = String::from_utf8_lossy(body.get(..EXCERPT).unwrap_or(&body)).into_owned();
                Ok(Answer { at, status, excerpt, reusable: keep && ended && clean })
            }
            Err(miss) => match line {
                Some(StatusLine { at, status }) if (200..300).contains(&status) => {
                    Ok(Answer { at, status, excerpt: String::new(), reusable: false })
                }
                _ => Err(miss),
            },
        }
    }
}

struct Input<'a, F> {
    connection: &'a mut Connection,
    end: Mono,
    stopped: &'a F,
}

impl<F: Fn() -> bool> Input<'_, F> {
    /// Receives more bytes; 0 when the peer has closed its side.
    fn fill(&mut self) -> Result<usize, Miss> {
        let mut chunk = [0_u8; 8192];
        loop {
            // By Nagle's algorithm, a target that writes its answer in pieces waits for our acknowledgement of the first piece,
            // which the kernel would delay by 40 ms. The kernel resets the option, so it is set before every read.
            let _unsupported = rustix::net::sockopt::set_tcp_quickack(&self.connection.stream, true);
            match self.connection.stream.read(&mut chunk) {
                Ok(count) => {
                    self.connection.buffer.extend_from_slice(chunk.get(..count).unwrap_or_default());
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if (self.stopped)() {
                        return Err(Miss::Stopped);
                    }
                    if Mono::now() >= self.end {
                        return Err(Miss::Silent);
                    }
                }
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Err(Miss::Closed),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads the next line, without its end.
    fn line(&mut self) -> Result<String, Miss> {
        loop {
            if let Some(end) = self.connection.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.connection.buffer.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned());
            }
            if self.connection.buffer.len() > HEAD {
                return Err(self.garbage());
            }
            if self.fill()? == 0 {
                return Err(if self.connection.buffer.is_empty() { Miss::Closed } else { self.garbage() });
            }
        }
    }

    fn garbage(&self) -> Miss {
        Miss::Garbage(self.start())
    }

    /// Returns the first line of the unused bytes, truncated if it is long.
    fn start(&self) -> String {
        let line = self.connection.buffer.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
        String::from_utf8_lossy(line.get(..80).unwrap_or(line)).into_owned()
    }

    /// Reads the head of the final answer and skips interim ones (1xx but 101). `line` is set as soon as the status line of the
    /// final answer has arrived.
    fn head(&mut self, line: &mut Option<StatusLine>) -> Result<Head, Miss> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; HEADERS];
            let mut response = httparse::Response::new(&mut headers);
            let parsed = response.parse(&self.connection.buffer);
            // The parser knows the code before the line is complete.
            let code = response.code.unwrap_or_default();
            let status = response.reason.and(response.code).filter(|status| *status >= 200 || *status == 101);
            if let (Some(status), None) = (status, &line) {
                *line = Some(StatusLine { at: Mono::now(), status });
            }
            match (parsed, *line) {
                (Ok(Status::Complete(_)), _) if !(100..600).contains(&code) => return Err(self.garbage()),
                (Ok(Status::Complete(length)), found) => {
                    let head = found.map(|found| Head::of(&response, found)).transpose()?;
                    self.connection.buffer.drain(..length);
                    if let Some(head) = head {
                        return Ok(head);
                    }
                }
                (Ok(Status::Partial), _) if self.connection.buffer.len() <= HEAD => {
                    if self.fill()? == 0 {
                        return Err(if self.connection.buffer.is_empty() { Miss::Closed } else { self.garbage() });
                    }
                }
                (Err(cause), Some(_)) => return Err(Miss::Malformed { start: self.start(), cause }),
                _ => return Err(self.garbage()),
            }
        }
    }

    /// Reads the body, and whether it was read to its end.
    fn body(&mut self, framing: Framing, status: u16) -> Result<(bool, Vec<u8>), Miss> {
        let mut body = Vec::new();
        match framing {
            _ if matches!(status, 204 | 304) => return Ok((true, body)),
            Framing::Length(length) if length > BODY => return Ok((false, body)),
            Framing::Length(length) => self.take(length, &mut body)?,
            Framing::Chunked => return self.chunks(),
            Framing::UntilClosed => {
                while self.connection.buffer.len() <= BODY && self.fill()? > 0 {}
                body.append(&mut self.connection.buffer);
                return Ok((false, body));
            }
        }
        Ok((true, body))
    }

    fn chunks(&mut self) -> Result<(bool, Vec<u8>), Miss> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let digits = line.split(';').next().unwrap_or_default().trim();
            let length = usize::from_str_radix(digits, 16).map_err(|_| Miss::Garbage(line.clone()))?;
            if length == 0 {
                while !self.line()?.is_empty() {}
                return Ok((true, body));
            }
            if length > BODY || body.len() > BODY {
                return Ok((false, body));
            }
            self.take(length, &mut body)?;
            self.line()?;
        }
    }

    /// Moves exactly `count` bytes.
    fn take(&mut self, count: usize, to: &mut Vec<u8>) -> Result<(), Miss> {
        while self.connection.buffer.len() < count {
            if self.fill()? == 0 {
                return Err(Miss::Closed);
            }
        }
        to.extend(self.connection.buffer.drain(..count));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Serves one connection: per request one list of packets, written apart.
    fn answers(script: &[&[&str]]) -> Vec<Result<Answer, String>> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let port = listener.local_addr().expect("bound").port();
        let url = HttpUrl::parse(&format!("http://127.0.0.1:{port}/ready")).expect("valid");
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let (mut stream, _) = listener.accept().expect("accepted");
                stream.set_nodelay(true).expect("set");
                for packets in script {
                    let mut request = [0; 4096];
                    let count = stream.read(&mut request).expect("a request");
                    assert!(request[..count].starts_with(b"GET /ready HTTP/1.1\r\nHost: 127.0.0.1:"));
                    assert!(request[..count].ends_with(b"\r\n\r\n"));
                    for packet in *packets {
                        stream.write_all(packet.as_bytes()).expect("written");
                        std::thread::sleep(Nanos::from_millis(2).duration());
                    }
                }
            });
            let mut connection = Connection::open(&url, TIMEOUT).expect("connected");
            script.iter().map(|_| connection.get(&|| false).map_err(|miss| miss.to_string())).collect()
        })
    }

    fn brief(answers: &[Result<Answer, String>]) -> Vec<(u16, &str, bool)> {
        let ok = answers.iter().map(|answer| answer.as_ref().expect("answered"));
        ok.map(|answer| (answer.status, answer.excerpt.as_str(), answer.reusable)).collect()
    }

    #[test]
    fn one_connection_carries_answers_of_every_framing_and_split() {
        let answers = answers(&[
            &["HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5\r\n\r\nwait!"],
            &["HTT", "P/1.1 50", "3 no\r\ncontent-LENGTH:5\r", "\n\r\nab", "cde"],
            &[
                "HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nab",
                "c\r\n2\r\nde\r\n0\r\n",
                "Trailer: 1\r\n\r\n",
            ],
            &["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"],
            &["HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"],
        ]);
        let expected =
            [(503, "wait!", true), (503, "abcde", true), (500, "abcde", true), (204, "", true), (200, "ok", false)];
        assert_eq!(brief(&answers), expected);
    }

    #[test]
    fn a_body_without_length_ends_with_its_connection() {
        assert_eq!(brief(&answers(&[&["HTTP/1.0 404 Not Found\r\n\r\nno", " such"]])), [(404, "no such", false)]);
        assert_eq!(brief(&answers(&[&["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut"]])), [(200, "", false)]);
    }

    #[test]
    fn what_is_no_answer_is_told_apart() {
        let message = |script: &[&str]| answers(&[script])[0].as_ref().map(|_| ()).expect_err("missed").clone();
        assert!(message(&[]).contains("closed before"));
        assert!(message(&["SSH-2.0-x\r\n"]).contains("not HTTP/1: \"SSH-2.0-x\""));
        assert!(
            message(&["HTTP/1.1 503 x\r\nno colon\r\n\r\n"])
                .contains("malformed (invalid header name): \"HTTP/1.1 503 x\"")
        );
        assert!(message(&["HTTP/1.1 503 x\r\nContent-Length: many\r\n\r\n"]).contains("\"Content-Length: many\""));
        assert!(message(&["HTTP/1.1 503 x\r\nContent-Length: 9\r\n\r\ncut"]).contains("closed before"));
    }
}
