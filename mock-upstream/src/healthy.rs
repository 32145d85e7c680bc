//! A health check for containers without a shell: one GET request, whose result is the exit code.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

/// The argument that selects the health check, before the address: `healthy 127.0.0.1:8080/health`.
pub const WORD: &str = "healthy";

/// The timeout of each step.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Checks the address after [`WORD`], if the process was started with it; a 2xx status is a success.
pub fn check_if_requested() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    arguments.next().filter(|word| word == WORD)?;
    match arguments.next().map(|address| status(&address)) {
        Some(Ok(200..=299)) => Some(ExitCode::SUCCESS),
        answer => {
            let _ = writeln!(std::io::stderr(), "not healthy: {answer:?}; write {WORD} HOST:PORT/PATH");
            Some(ExitCode::FAILURE)
        }
    }
}

/// Requests `HOST:PORT/PATH` and returns the status of the answer.
///
/// # Errors
/// Returns an error when the address does not answer HTTP.
pub fn status(address: &str) -> std::io::Result<u16> {
    let (host, path) = address.split_once('/').unwrap_or((address, ""));
    let socket = host.to_socket_addrs()?.next().ok_or_else(|| std::io::Error::other("no such host"))?;
    let mut stream = TcpStream::connect_timeout(&socket, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    let digits = std::str::from_utf8(&head).ok().and_then(|head| head.strip_prefix("HTTP/1.1 "));
    let status = digits.and_then(|digits| digits.parse().ok());
    status.ok_or_else(|| std::io::Error::other("no HTTP answer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_read_from_the_answer() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            for answer in
                ["HTTP/1.1 503 Service Unavailable\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n", "garbage here\r\n"]
            {
                let (mut stream, _) = listener.accept().unwrap();
                // Read to the end: closing a socket with unread data would reset the connection.
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    request.extend(byte);
                }
                assert!(request.starts_with(b"GET /health HTTP/1.1\r\n"));
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        let ask = || status(&format!("{address}/health"));
        assert_eq!(ask().unwrap(), 503);
        assert_eq!(ask().unwrap(), 204);
        assert!(ask().is_err());
        server.join().unwrap();
        assert!(ask().is_err(), "the listener is closed");
    }
}
