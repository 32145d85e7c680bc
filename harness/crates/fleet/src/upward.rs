//! The hub's answers to control: one JSON object per line.

use std::io;

use serde::Serialize;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::frame::text;

/// The stream to control.
#[derive(Debug)]
pub(crate) struct Upward<A>(A);

impl<A: AsyncWrite + Unpin> Upward<A> {
    pub(crate) const fn new(stream: A) -> Self {
        Self(stream)
    }

    /// Writes one line.
    pub(crate) async fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = text(value);
        line.push(b'\n');
        self.0.write_all(&line).await?;
        self.0.flush().await
    }
}
