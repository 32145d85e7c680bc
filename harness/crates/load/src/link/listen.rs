//! An answer whose body is a stream that the server keeps open, read part by part.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::body::{Body, BodyError};
use super::head::{self, HeadError};
use crate::wire::{Opening, Route, Wire};

/// The bytes that are read at once.
const PART: usize = 4096;

/// A stream that is being read. The connection closes when it is dropped.
pub(crate) struct Listening {
    wire: Wire,
    body: Body,
    /// What has arrived and was not looked at.
    arrived: Vec<u8>,
    pub(crate) status: u16,
    pub(crate) content_type: Vec<u8>,
}

/// Why there is no stream, or no more of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    #[error("the connection broke: {0}")]
    Io(io::Error),
    #[error("closed before the head of the answer was complete")]
    Closed,
    #[error("closed within the body of the answer")]
    ClosedInBody,
    #[error(transparent)]
    Head(#[from] HeadError),
    #[error(transparent)]
    Body(#[from] BodyError),
}

impl ListenError {
    /// Returns whether the request was sent.
    pub(crate) const fn was_sent(&self) -> bool {
        !matches!(self, Self::Connect(_))
    }
}

impl Listening {
    /// Opens a connection, sends a request and reads the head of its answer.
    ///
    /// # Errors
    /// Returns an error if there is no head.
    pub(crate) async fn open(route: &Route, text: &[u8]) -> Result<Self, ListenError> {
        let mut wire = Wire::open(route, &mut Opening::default()).await.map_err(ListenError::Connect)?;
        wire.write_all(text).await.map_err(ListenError::Io)?;
        wire.flush().await.map_err(ListenError::Io)?;
        let mut arrived = Vec::with_capacity(PART);
        loop {
            if wire.read_buf(&mut arrived).await.map_err(ListenError::Io)? == 0 {
                return Err(ListenError::Closed);
            }
            while let Some((status, framing, length, content_type)) = head::read(&arrived, false, |head| {
                let content_type = head.first("content-type").unwrap_or_default().to_vec();
                (head.status, head.framing, head.length, content_type)
            })? {
                arrived.drain(..length);
                // Others follow an interim answer.
                if !(100..200).contains(&status) {
                    return Ok(Self { wire, body: Body::new(framing), arrived, status, content_type });
                }
            }
        }
    }

    /// Appends the next part of the body to `content`. Returns false at its end.
    ///
    /// # Errors
    /// Returns an error if the stream breaks off.
    pub(crate) async fn read(&mut self, content: &mut Vec<u8>) -> Result<bool, ListenError> {
        loop {
            let mut bytes = self.arrived.as_slice();
            let before = content.len();
            while !bytes.is_empty() && !self.body.is_complete() {
                content.extend_from_slice(self.body.take(&mut bytes)?);
            }
            self.arrived.clear();
            if self.body.is_complete() {
                return Ok(false);
            }
            if content.len() > before {
                return Ok(true);
            }
            if self.wire.read_buf(&mut self.arrived).await.map_err(ListenError::Io)? == 0 {
                return if matches!(self.body, Body::Close) { Ok(false) } else { Err(ListenError::ClosedInBody) };
            }
        }
    }
}
