//! Carries the calls to the engine over its socket, with bounds on the time and the size of every answer, whatever the engine sends.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bollard::BollardRequest;
use bollard::errors::Error;
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue};
use hyper::{Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::time::Sleep;

use harness_base::units::{Bytes, Nanos};

/// The time for a complete answer.
pub(super) const ANSWER: Nanos = Nanos::from_secs(30);
/// The time to load an image into the engine or to save it.
const IMAGE: Nanos = Nanos::from_secs(600);
/// The largest answer. Objects in memory are up to a hundred times larger than the shortest text that describes them.
const SIZE: Bytes = Bytes(512 << 10);
/// The largest list of the engines or tasks of a Swarm: a thousand of up to 4 KiB, twice.
const LIST: Bytes = Bytes::from_mebi(8);

/// Bounds of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// The time until the answer is complete.
    pub(super) within: Option<Nanos>,
    pub(super) size: Option<Bytes>,
}

impl Bounds {
    /// Returns the bounds of the answer to a request for this path. The output of a container lasts as long as the container.
    fn of(path: &str) -> Self {
        let words: Vec<&str> = path.split('/').skip_while(|word| word.is_empty() || word.starts_with("v1.")).collect();
        match words.as_slice() {
            ["containers", _, "logs"] => Self { within: None, size: None },
            ["containers", _, "wait"] => Self { within: None, size: Some(SIZE) },
            ["images", "load"] => Self { within: Some(IMAGE), size: Some(SIZE) },
            ["nodes" | "tasks"] => Self { within: Some(ANSWER), size: Some(LIST) },
            ["images", .., "get"] => Self { within: Some(IMAGE), size: None },
            _ => Self { within: Some(ANSWER), size: Some(SIZE) },
        }
    }
}

/// An answer that exceeds its bounds.
#[derive(Debug)]
pub(super) enum Excess {
    Late(Nanos),
    Large(Bytes),
}

impl fmt::Display for Excess {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late(within) => write!(out, "its answer was not complete within {within}"),
            Self::Large(size) => write!(out, "its answer is larger than {size}"),
        }
    }
}

impl std::error::Error for Excess {}

/// Sends a request on a connection of its own.
pub(super) async fn send(socket: PathBuf, request: BollardRequest) -> Result<Response<Incoming>, Error> {
    let bounds = Bounds::of(request.uri().path());
    exchange(&socket, bounds, request).await
}

async fn exchange(socket: &Path, bounds: Bounds, mut request: BollardRequest) -> Result<Response<Incoming>, Error> {
    let stream = UnixStream::connect(socket).await?;
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    *request.uri_mut() = path.parse::<Uri>().map_err(io::Error::other)?;
    request.headers_mut().insert(HOST, HeaderValue::from_static("localhost"));
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(Guarded::new(stream, bounds))).await?;
    // Ends with the answer. Its error is also that of the request or of the body.
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}

/// A connection that fails when an answer exceeds its bounds.
struct Guarded {
    stream: UnixStream,
    bounds: Bounds,
    end: Option<Pin<Box<Sleep>>>,
    read: u64,
}

impl Guarded {
    fn new(stream: UnixStream, bounds: Bounds) -> Self {
        let end = bounds.within.map(|within| Box::pin(tokio::time::sleep(Duration::from_nanos(within.0))));
        Self { stream, bounds, end, read: 0 }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Bounds { within, size } = self.bounds;
        if let (Some(within), Some(end)) = (within, &mut self.end)
            && end.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, Excess::Late(within))));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.read += (buffer.filled().len() - before) as u64;
        match size {
            Some(size) if self.read > size.0 => Poll::Ready(Err(io::Error::other(Excess::Large(size)))),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_but_the_output_of_a_container_has_bounds() {
        for path in
            ["/version", "/containers/json", "/v1.48/containers/json", "/images/logs/json", "/containers/a/start", "/"]
        {
            assert_eq!(Bounds::of(path), Bounds { within: Some(ANSWER), size: Some(SIZE) }, "{path}");
        }
        assert_eq!(Bounds::of("/v1.48/containers/a/logs").within, None);
        assert_eq!(Bounds::of("/containers/a/wait").size, Some(SIZE));
        assert_eq!(Bounds::of("/images/registry/name:1/get"), Bounds { within: Some(IMAGE), size: None });
        assert_eq!(Bounds::of("/images/load").within, Some(IMAGE));
        assert_eq!(Bounds::of("/v1.41/tasks"), Bounds { within: Some(ANSWER), size: Some(LIST) });
        assert_eq!(Bounds::of("/v1.41/nodes/a").size, Some(SIZE));
    }
}
