//! A kept-alive HTTP/1.1 connection that repeats a GET request (RFC 9112).

mod head;
mod miss;
mod stream;

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

use httparse::Status;

use crate::target::HttpUrl;
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use head::{Framing, Head, StatusLine};
pub use miss::Miss;
use miss::{HEAD, INTERIM, TIMEOUT};
use stream::Stream;

/// The timeout of the body of an answer, counted from its head. After a later one, the connection is closed.
const BODY_TIMEOUT: Nanos = Nanos::from_millis(20);
/// Header lines of one answer.
const HEADERS: usize = 128;
/// The longest body that is read to its end. After a longer one, the connection is closed.
const BODY: usize = 64 * 1024;
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

/// The beginning of a final answer.
#[derive(Debug)]
enum Began {
    /// The status line of a 2xx.
    Success(StatusLine),
    /// The head of another answer.
    Other(Head),
}

/// A connection to one endpoint.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    request: Vec<u8>,
    /// Received bytes that were not used yet.
    buffer: Vec<u8>,
    /// The longest body that is read to its end, in bytes.
    most: usize,
}

impl Connection {
    /// Connects within `timeout`.
    pub(super) fn open(url: &HttpUrl, timeout: Nanos) -> io::Result<Self> {
        let (path, host) = (&url.path, url.authority());
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: harness-probe\r\nAccept: */*\r\n\r\n");
        Self::open_for(url, timeout, request.into_bytes())
    }

    /// Connects within `timeout`, for a request that is complete.
    pub(super) fn open_for(url: &HttpUrl, timeout: Nanos, request: Vec<u8>) -> io::Result<Self> {
        Ok(Self { stream: Stream::open(url, timeout, TIMEOUT)?, request, buffer: Vec::new(), most: BODY })
    }

    /// Sets the longest body that is read to its end, in bytes.
    pub(super) fn reads_up_to(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    /// Sends the request and reads the answer to its end, within the timeout of an answer. Returns the status and the body, and whether the
    /// body is complete.
    pub(super) fn whole(&mut self, stopped: &impl Fn() -> bool) -> Result<(u16, Vec<u8>, bool), Miss> {
        let mut input = Input { connection: self, end: Mono::now().after(TIMEOUT), stopped };
        input.send()?;
        let Began::Other(Head { line: StatusLine { status, .. }, framing, .. }) = input.head(false)? else {
            return Err(input.garbage());
        };
        let mut body = Vec::new();
        let ended = input.body(framing, status, &mut body)?;
        body.append(&mut self.buffer);
        let is_whole = ended || (framing == Framing::UntilClosed && body.len() <= self.most);
        Ok((status, body, is_whole))
    }

    /// Uses a connection that is open, for a request without a path.
    pub(super) const fn over(socket: UnixStream) -> Self {
        Self { stream: Stream::Unix(socket), request: Vec::new(), buffer: Vec::new(), most: BODY }
    }

    /// Sends one request and reads the status line of a 2xx, of which nothing more is waited for. Another answer is read to the end of
    /// its body, if that arrives soon, so that the connection can carry the next request.
    pub(super) fn get(&mut self, stopped: &impl Fn() -> bool) -> Result<Answer, Miss> {
        let mut input = Input { connection: self, end: Mono::now().after(TIMEOUT), stopped };
        input.send()?;
        let Head { line: StatusLine { at, status }, framing, keep } = match input.head(true)? {
            Began::Success(StatusLine { at, status }) => {
                return Ok(Answer { at, status, excerpt: String::new(), reusable: false });
            }
            Began::Other(head) => head,
        };
        input.end = input.end.min(Mono::now().after(BODY_TIMEOUT));
        let mut body = Vec::new();
        let ended = match input.body(framing, status, &mut body) {
            Ok(ended) => ended,
            // A body that is late says nothing against the status.
            Err(Miss::Silent) => false,
            Err(miss) => return Err(miss),
        };
        let clean = self.buffer.is_empty();
        body.append(&mut self.buffer);
        let excerpt = String::from_utf8_lossy(body.get(..EXCERPT).unwrap_or(&body)).into_owned();
        Ok(Answer { at, status, excerpt, reusable: keep && ended && clean })
    }
}

struct Input<'a, F> {
    connection: &'a mut Connection,
    end: Mono,
    stopped: &'a F,
}

impl<F: Fn() -> bool> Input<'_, F> {
    /// Completes the handshake of TLS, if there is one, and sends the request.
    fn send(&mut self) -> Result<(), Miss> {
        while !self.connection.stream.is_secure()? {
            self.check()?;
        }
        let Connection { stream, request, .. } = &mut *self.connection;
        stream.write_all(request)?;
        Ok(stream.flush()?)
    }

    /// Checks whether the time is over.
    fn check(&self) -> Result<(), Miss> {
        match () {
            () if (self.stopped)() => Err(Miss::Stopped),
            () if Mono::now() >= self.end => Err(Miss::Silent),
            () => Ok(()),
        }
    }

    /// Receives more bytes; 0 when the peer has closed its side. Checks before every read whether the time is over.
    fn fill(&mut self) -> Result<usize, Miss> {
        let mut chunk = [0_u8; 8192];
        loop {
            self.check()?;
            // By Nagle's algorithm, a target that writes its answer in pieces waits for our acknowledgement of the first piece,
            // which the kernel would delay by 40 ms. The kernel resets the option, so it is set before every read.
            if let Some(tcp) = self.connection.stream.tcp() {
                let _unsupported = rustix::net::sockopt::set_tcp_quickack(tcp, true);
            }
            match self.connection.stream.read(&mut chunk) {
                Ok(count) => {
                    self.connection.buffer.extend_from_slice(chunk.get(..count).unwrap_or_default());
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
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

    /// Reads the head of the final answer and skips interim ones (1xx but 101). Of a 2xx, only the status line is read if `early`.
    fn head(&mut self, early: bool) -> Result<Began, Miss> {
        let (mut line, mut interim) = (None, 0);
        loop {
            let mut headers = [httparse::EMPTY_HEADER; HEADERS];
            let mut response = httparse::Response::new(&mut headers);
            let parsed = response.parse(&self.connection.buffer);
            // The parser knows the code before the line is complete.
            let code = response.code.unwrap_or_default();
            let status = response.reason.and(response.code).filter(|status| *status >= 200 || *status == 101);
            if let (Some(status), None) = (status, line) {
                line = Some(StatusLine { at: Mono::now(), status });
            }
            if let Some(success) = line.filter(|found| early && (200..300).contains(&found.status)) {
                return Ok(Began::Success(success));
            }
            match (parsed, line) {
                (Ok(Status::Complete(_)), _) if !(100..600).contains(&code) => return Err(self.garbage()),
                (Ok(Status::Complete(length)), found) => {
                    let head = found.map(|found| Head::of(&response, found)).transpose()?;
                    self.connection.buffer.drain(..length);
                    if let Some(head) = head {
                        return Ok(Began::Other(head));
                    }
                    interim += 1;
                    if interim == INTERIM {
                        return Err(Miss::Interim(code));
                    }
                }
                (Ok(Status::Partial), _) if self.connection.buffer.len() > HEAD => {
                    return Err(Miss::Long(self.start()));
                }
                (Ok(Status::Partial), _) => match self.fill() {
                    Ok(0) if self.connection.buffer.is_empty() => return Err(Miss::Closed),
                    Ok(0) => return Err(self.garbage()),
                    Ok(_) => {}
                    Err(Miss::Silent) if !self.connection.buffer.is_empty() => return Err(Miss::Slow(self.start())),
                    Err(miss) => return Err(miss),
                },
                (Err(cause), Some(_)) => return Err(Miss::Malformed { start: self.start(), cause }),
                _ => return Err(self.garbage()),
            }
        }
    }

    /// Reads the body. Returns whether it was read to its end.
    fn body(&mut self, framing: Framing, status: u16, body: &mut Vec<u8>) -> Result<bool, Miss> {
        let most = self.connection.most;
        match framing {
            _ if matches!(status, 204 | 304) => Ok(true),
            Framing::Length(length) if length > most => Ok(false),
            Framing::Length(length) => self.take(length, body).map(|()| true),
            Framing::Chunked => self.chunks(body),
            Framing::UntilClosed => {
                while self.connection.buffer.len() <= most && self.fill()? > 0 {}
                Ok(false)
            }
        }
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> Result<bool, Miss> {
        loop {
            let line = self.line()?;
            let digits = line.split(';').next().unwrap_or_default().trim();
            let length = usize::from_str_radix(digits, 16).map_err(|_| Miss::Garbage(line.clone()))?;
            if length == 0 {
                while !self.line()?.is_empty() {}
                return Ok(true);
            }
            if length > self.connection.most || body.len() > self.connection.most {
                return Ok(false);
            }
            self.take(length, body)?;
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
mod tests;
