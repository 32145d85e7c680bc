//! One request and its whole answer, within bounds.

use super::http::{Connection, Miss};
use crate::target::HttpUrl;
use harness_base::units::Nanos;

/// The timeout of a connect.
const CONNECT: Nanos = Nanos::from_millis(500);

/// The bytes of a body that are kept.
const EXCERPT: usize = 200;

/// A request of HTTP/1.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub method: String,
    /// Names and values, without `Host`, `Connection` and `Content-Length`.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    pub status: u16,
    /// Length of the body in bytes; absent if it is longer than the limit of a probe.
    pub length: Option<u64>,
    /// The beginning of the body.
    pub excerpt: String,
}

/// Sends one request over a connection of its own, and reads the answer. Takes about a second at most, and blocks; ends early when
/// `stopped` returns true.
///
/// # Errors
/// Returns why there was no complete answer.
pub fn exchange(url: &HttpUrl, call: &Call, stopped: &impl Fn() -> bool) -> Result<Exchange, Miss> {
    let mut connection = Connection::open_for(url, CONNECT, written(url, call))?;
    let (status, body, ended) = connection.whole(stopped)?;
    let excerpt = String::from_utf8_lossy(body.get(..EXCERPT).unwrap_or(&body)).into_owned();
    Ok(Exchange { status, length: ended.then_some(body.len() as u64), excerpt })
}

/// Reads the whole body of a GET request that is answered with 200, over a connection of its own. Takes about a second at most, and blocks;
/// ends early when `stopped` returns true.
///
/// # Errors
/// Returns why there is no such body of at most `most` bytes.
pub fn fetch(url: &HttpUrl, most: usize, stopped: &impl Fn() -> bool) -> Result<Vec<u8>, Unfetched> {
    let call = Call { method: "GET".to_owned(), headers: Vec::new(), body: String::new() };
    let opened = Connection::open_for(url, CONNECT, written(url, &call)).map_err(Miss::Io)?;
    let (status, body, ended) = opened.reads_up_to(most).whole(stopped)?;
    match (status, ended && body.len() <= most) {
        (200, true) => Ok(body),
        (200, false) => Err(Unfetched::Long(most)),
        (status, _) => Err(Unfetched::Status(status)),
    }
}

/// The reason why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Unfetched {
    #[error(transparent)]
    Miss(#[from] Miss),
    #[error("it answered with status {0}")]
    Status(u16),
    #[error("its answer is longer than {0} bytes")]
    Long(usize),
}

fn written(url: &HttpUrl, call: &Call) -> Vec<u8> {
    let Call { method, headers, body } = call;
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let (path, host) = (&url.path, url.authority());
    format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}{length}\r\n{body}").into_bytes()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// Serves one connection with `answer`, and returns what was asked and what the client made of the answer.
    fn served(call: &Call, answer: &'static [u8]) -> (String, Result<Exchange, String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = HttpUrl::parse(&format!("http://{}/x?y", listener.local_addr().unwrap())).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 1024];
            let count = stream.read(&mut asked).unwrap();
            stream.write_all(answer).unwrap();
            String::from_utf8_lossy(&asked[..count]).into_owned()
        });
        let found = exchange(&url, call, &|| false).map_err(|miss| miss.to_string());
        (server.join().unwrap(), found)
    }

    fn get() -> Call {
        Call { method: "GET".to_owned(), headers: Vec::new(), body: String::new() }
    }

    #[test]
    fn an_answer_is_read_to_its_end() {
        let (asked, found) =
            served(&get(), b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        assert!(asked.starts_with("GET /x?y HTTP/1.1\r\nHost: 127.0.0.1:"), "{asked}");
        assert_eq!(found, Ok(Exchange { status: 200, length: Some(5), excerpt: "hello".to_owned() }));
        let chunked = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        assert_eq!(served(&get(), chunked).1, Ok(Exchange { status: 201, length: Some(3), excerpt: "abc".to_owned() }));
        let closed = b"HTTP/1.0 404 Not Found\r\n\r\nnothing here";
        assert_eq!(served(&get(), closed).1.map(|found| (found.status, found.length)), Ok((404, Some(12))));
    }

    /// Serves one connection with `answer` again and again until the client is gone, and returns what was read of it.
    fn fetched(head: &'static [u8], again: &'static [u8], times: usize) -> Result<Vec<u8>, String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = HttpUrl::parse(&format!("http://{}/metrics", listener.local_addr().unwrap())).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _request = stream.read(&mut [0; 1024]).unwrap();
            stream.write_all(head).unwrap();
            for _ in 0..times {
                if stream.write_all(again).is_err() {
                    break;
                }
            }
        });
        let found = fetch(&url, 1000, &|| false).map_err(|error| error.to_string());
        server.join().unwrap();
        found
    }

    #[test]
    fn a_body_is_read_up_to_its_limit_and_one_without_end_is_left() {
        const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let long = Err("its answer is longer than 1000 bytes".to_owned());
        assert_eq!(fetched(b"HTTP/1.1 200 OK\r\n\r\n", b"0123456789", 100), Ok(b"0123456789".repeat(100)));
        assert_eq!(fetched(b"HTTP/1.1 200 OK\r\n\r\n", b"0123456789", usize::MAX), long);
        assert_eq!(fetched(CHUNKED, b"a\r\n0123456789\r\n", usize::MAX), long);
        assert_eq!(fetched(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", b"", 0), long);
        let found = fetched(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", b"", 0);
        assert_eq!(found, Err("it answered with status 404".to_owned()));
    }

    #[test]
    fn a_body_is_sent_with_its_length_and_one_that_is_cut_is_an_error() {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let call = Call { method: "POST".to_owned(), headers, body: "{}".to_owned() };
        let (asked, found) = served(&call, b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort");
        assert!(asked.ends_with("content-type: application/json\r\nContent-Length: 2\r\n\r\n{}"), "{asked}");
        assert!(found.is_err(), "{found:?}");
        assert!(served(&get(), b"SSH-2.0-OpenSSH\r\n").1.is_err());
    }
}
