//! The two directions of the protocol between control and a load child, or a hub.

use std::fmt;
use std::os::fd::OwnedFd;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, Lines};
use tokio::net::unix::pipe;
use tokio::time::timeout;

use crate::error::Error;
use crate::frames::FromChild;

/// The two directions of the protocol, over any streams of bytes.
pub struct Streams {
    pub commands: Box<dyn AsyncWrite + Send + Unpin>,
    pub answers: Lines<BufReader<Box<dyn AsyncRead + Send + Unpin>>>,
}

impl Streams {
    pub fn new(
        commands: impl AsyncWrite + Send + Unpin + 'static,
        answers: impl AsyncRead + Send + Unpin + 'static,
    ) -> Self {
        let answers: Box<dyn AsyncRead + Send + Unpin> = Box::new(answers);
        Self { commands: Box::new(commands), answers: BufReader::new(answers).lines() }
    }

    /// Takes our ends of the pipes of a process.
    ///
    /// # Errors
    /// Returns an error when they are not pipes.
    pub fn of(stdin: OwnedFd, stdout: OwnedFd) -> Result<Self, Error> {
        Ok(Self::new(pipe::Sender::from_owned_fd(stdin)?, pipe::Receiver::from_owned_fd(stdout)?))
    }

    /// Sends a line that is no command of a job, and returns the first answer to it, which comes from beside the generators. All other
    /// frames are skipped: they belong to a job that was stopped. Must not be called while a job is open.
    ///
    /// # Errors
    /// Returns an error when the hub has exited, does not answer within the time, or sends what is no frame.
    pub async fn ask(&mut self, line: &impl Serialize, within: Duration) -> Result<Value, Error> {
        let doing = "asking about a pod";
        self.send(doing, line).await?;
        let answered = timeout(within, self.beside(doing, within)).await;
        answered.unwrap_or(Err(Error::Silent { doing, seconds: within.as_secs() }))
    }

    /// Skips frames until one comes from beside the generators.
    async fn beside(&mut self, doing: &'static str, within: Duration) -> Result<Value, Error> {
        loop {
            if let FromChild::Beside(value) = self.frame(doing, within).await? {
                return Ok(value);
            }
        }
    }

    /// Sends a line.
    pub(super) async fn send(&mut self, doing: &'static str, line: &impl Serialize) -> Result<(), Error> {
        let mut line = serde_json::to_vec(line).map_err(std::io::Error::other)?;
        line.push(b'\n');
        self.commands.write_all(&line).await.map_err(|_| Error::Died { doing })?;
        self.commands.flush().await.map_err(|_| Error::Died { doing })
    }

    /// Receives the next frame, whatever it is.
    pub(super) async fn frame(&mut self, doing: &'static str, within: Duration) -> Result<FromChild, Error> {
        let next = timeout(within, self.answers.next_line()).await;
        let line = next.map_err(|_| Error::Silent { doing, seconds: within.as_secs() })??;
        let line = line.ok_or(Error::Died { doing })?;
        serde_json::from_str(&line).map_err(|source| Error::Malformed { doing, line: beginning(&line), source })
    }
}

impl fmt::Debug for Streams {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Streams").finish_non_exhaustive()
    }
}

/// Returns the beginning of a line, for messages.
pub(super) fn beginning(line: &str) -> String {
    line.chars().take(200).collect()
}
