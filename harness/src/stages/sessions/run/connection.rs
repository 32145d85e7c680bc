//! One connection to the target.

use std::io::{self, ErrorKind};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::http::{self, Decoded, Framing, Head, NotHttp};
use harness_base::address::Address;

/// Why there is no complete answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("the connection broke: {0}")]
    Io(io::Error),
    #[error("the connection was closed before the answer was complete")]
    Closed,
    #[error(transparent)]
    NotHttp(#[from] NotHttp),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// An open connection. Requests on it follow each other.
pub(super) struct Connection {
    stream: Stream,
    /// What has arrived and belongs to no answer yet.
    arrived: Vec<u8>,
    /// Whether a request can follow: the last answer was read to its end.
    usable: bool,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Returns the error of the kernel.
    pub(super) async fn open(address: &Address) -> io::Result<Self> {
        let stream = match address {
            Address::Inet(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
            Address::Unix(path) => Stream::Unix(UnixStream::connect(path).await?),
        };
        Ok(Self { stream, arrived: Vec::new(), usable: true })
    }

    /// Sends a request and reads the head of its answer.
    ///
    /// # Errors
    /// Returns [`Broken`] if no head arrives.
    pub(super) async fn begin(&mut self, request: &[u8]) -> Result<Head, Broken> {
        self.send(request).await?;
        loop {
            if let Some((head, length)) = http::head(&self.arrived)? {
                self.arrived.drain(..length);
                return Ok(head);
            }
            self.read().await?;
        }
    }

    /// Sends a part of a request.
    ///
    /// # Errors
    /// Returns [`Broken`] if the connection does not take it.
    pub(super) async fn send(&mut self, part: &[u8]) -> Result<(), Broken> {
        self.usable = false;
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(part).await?,
            Stream::Unix(stream) => stream.write_all(part).await?,
        }
        Ok(())
    }

    /// Reads the body that follows a head to its end.
    ///
    /// # Errors
    /// Returns [`Broken`] if it does not arrive completely.
    pub(super) async fn body(&mut self, head: &Head) -> Result<Vec<u8>, Broken> {
        loop {
            let Decoded { data, end } = http::decode(head.framing, &self.arrived)?;
            if let Some(end) = end {
                self.arrived.drain(..end);
                self.usable = head.stays_open;
                return Ok(data);
            }
            match self.read().await {
                Err(Broken::Closed) if head.framing == Framing::UntilClose => return Ok(data),
                read => read?,
            }
        }
    }

    /// Reads a body until its first event is complete, and returns the event's data.
    ///
    /// # Errors
    /// Returns [`Broken`] if the stream ends before.
    pub(super) async fn first_event(&mut self, head: &Head) -> Result<String, Broken> {
        loop {
            let Decoded { data, end } = http::decode(head.framing, &self.arrived)?;
            if let Some(first) = http::events(&data).into_iter().next() {
                // What follows is not looked at any more.
                self.arrived = Vec::new();
                return Ok(first);
            }
            if end.is_some() {
                return Err(Broken::Closed);
            }
            self.read().await?;
        }
    }

    /// Frees what the last answer needed, for a connection that is kept.
    pub(super) fn rest(&mut self) {
        self.arrived.shrink_to_fit();
    }

    /// Returns whether a request can be sent on it.
    pub(super) fn is_usable(&self) -> bool {
        self.usable && !self.has_ended()
    }

    /// Returns whether the target has closed it. What has arrived meanwhile is dropped, for example the comments of a stream.
    pub(super) fn has_ended(&self) -> bool {
        let mut buffer = [0; 4096];
        loop {
            let read = match &self.stream {
                Stream::Tcp(stream) => stream.try_read(&mut buffer),
                Stream::Unix(stream) => stream.try_read(&mut buffer),
            };
            match read {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() != ErrorKind::WouldBlock,
            }
        }
    }

    async fn read(&mut self) -> Result<(), Broken> {
        let mut buffer = [0; 4096];
        let length = match &mut self.stream {
            Stream::Tcp(stream) => stream.read(&mut buffer).await?,
            Stream::Unix(stream) => stream.read(&mut buffer).await?,
        };
        if length == 0 {
            return Err(Broken::Closed);
        }
        self.arrived.extend_from_slice(&buffer[..length]);
        Ok(())
    }
}
