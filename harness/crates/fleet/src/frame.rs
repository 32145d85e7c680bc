//! Messages between hub and node: each is sent in one or more frames. A frame is its length in four bytes, the highest first, a mark that
//! says whether more frames of the message follow, and a part of the message.

use std::io::{self, ErrorKind};

use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use harness_base::units::Nanos;

/// The longest frame that is read: mark and part, in bytes.
pub const LARGEST_FRAME: u32 = 1 << 20;

/// The longest message of a peer that is known.
pub const LARGEST_MESSAGE: usize = 64 << 20;

/// The longest part that is written. Short parts show a peer at a slow line that this side is alive.
const PART: usize = 1 << 16;

const MORE: u8 = 0;
const LAST: u8 = 1;

/// The reason why no message could be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("a frame of {bytes} bytes was announced, but a frame has from 1 to {LARGEST_FRAME}")]
    Length { bytes: u32 },
    #[error("a frame has the mark {0}, which is not known")]
    Mark(u8),
    #[error("a message has more than {limit} bytes")]
    TooLong { limit: usize },
    #[error("a message cannot be parsed")]
    Malformed(#[from] serde_json::Error),
    #[error("nothing was received for {0}")]
    Silent(Nanos),
    #[error("the connection was closed")]
    Closed,
    #[error("the connection failed")]
    Io(#[source] io::Error),
}

/// Reads messages from a stream.
#[derive(Debug)]
pub struct FrameReader<R> {
    stream: R,
    /// The parts of the next message that were read.
    message: Vec<u8>,
    /// The longest message.
    limit: usize,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub const fn new(stream: R, limit: usize) -> Self {
        Self { stream, message: Vec::new(), limit }
    }

    /// Reads the next message. The future must not be dropped before it is ready, unless the reader is dropped too.
    ///
    /// # Errors
    /// Returns an error when the connection has ended or failed, or the peer sends what is no message.
    pub async fn next(&mut self) -> Result<Vec<u8>, FrameError> {
        while self.part().await? {}
        Ok(std::mem::take(&mut self.message))
    }

    /// Reads the next message like [`FrameReader::next`], but fails when no frame arrives for `silence`.
    ///
    /// # Errors
    /// Returns the errors of [`FrameReader::next`], and [`FrameError::Silent`].
    pub async fn next_within(&mut self, silence: Nanos) -> Result<Vec<u8>, FrameError> {
        loop {
            match timeout(silence.duration(), self.part()).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => return Ok(std::mem::take(&mut self.message)),
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(FrameError::Silent(silence)),
            }
        }
    }

    /// Reads one frame. Returns whether more frames of the message follow. Memory is taken only after the length was checked.
    async fn part(&mut self) -> Result<bool, FrameError> {
        let bytes = self.stream.read_u32().await.map_err(ended)?;
        if bytes == 0 || bytes > LARGEST_FRAME {
            return Err(FrameError::Length { bytes });
        }
        let mark = self.stream.read_u8().await.map_err(ended)?;
        if mark != MORE && mark != LAST {
            return Err(FrameError::Mark(mark));
        }
        let (begin, length) = (self.message.len(), bytes as usize - 1);
        if length > self.limit.saturating_sub(begin) {
            return Err(FrameError::TooLong { limit: self.limit });
        }
        self.message.resize(begin + length, 0);
        self.stream.read_exact(&mut self.message[begin..]).await.map_err(ended)?;
        Ok(mark == MORE)
    }
}

/// Writes a message and flushes the stream.
///
/// # Errors
/// Returns an error when the stream fails.
pub async fn write<W: AsyncWrite + Unpin>(stream: &mut W, message: &[u8]) -> io::Result<()> {
    let mut parts = message.chunks(PART).peekable();
    while let Some(part) = parts.next() {
        let mark = if parts.peek().is_some() { MORE } else { LAST };
        // A part is far shorter than the largest frame.
        let length = part.len() as u32 + 1;
        let mut frame = Vec::with_capacity(part.len() + 5);
        frame.extend_from_slice(&length.to_be_bytes());
        frame.push(mark);
        frame.extend_from_slice(part);
        stream.write_all(&frame).await?;
    }
    stream.flush().await
}

/// Returns plain data as JSON. Writing them into memory cannot fail.
pub fn text(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// Distinguishes the end of a stream from its failure. A process that is killed ends its connection without a word of TLS.
fn ended(error: io::Error) -> FrameError {
    if error.kind() == ErrorKind::UnexpectedEof { FrameError::Closed } else { FrameError::Io(error) }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    async fn read_of(bytes: &[u8], limit: usize) -> (Result<Vec<u8>, FrameError>, usize) {
        let (mut far, near) = duplex(1 << 22);
        far.write_all(bytes).await.unwrap();
        drop(far);
        let mut reader = FrameReader::new(near, limit);
        let read = reader.next().await;
        (read, reader.message.capacity())
    }

    #[tokio::test]
    async fn a_message_is_read_as_it_was_written_however_long() {
        for length in [1, PART - 1, PART, PART + 1, 3 * PART, 2_500_000] {
            let message: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut written = Vec::new();
            write(&mut written, &message).await.unwrap();
            let (read, _) = read_of(&written, LARGEST_MESSAGE).await;
            assert_eq!(read.unwrap(), message, "{length} bytes");
        }
    }

    #[tokio::test]
    async fn a_frame_of_a_wrong_length_is_refused_before_memory_is_taken_for_it() {
        for length in [0_u32, LARGEST_FRAME + 1, u32::MAX] {
            let (read, taken) = read_of(&[&length.to_be_bytes()[..], &[LAST; 64]].concat(), LARGEST_MESSAGE).await;
            assert!(matches!(read, Err(FrameError::Length { bytes }) if bytes == length), "{read:?}");
            assert_eq!(taken, 0);
        }
        let (read, taken) = read_of(&[&1000_u32.to_be_bytes()[..], &[LAST; 1000]].concat(), 100).await;
        assert!(matches!(read, Err(FrameError::TooLong { limit: 100 })), "{read:?}");
        assert_eq!(taken, 0);
    }

    #[tokio::test]
    async fn a_message_of_many_frames_has_a_limit_too() {
        let mut written = Vec::new();
        write(&mut written, &vec![7; 10 * PART]).await.unwrap();
        let (read, _) = read_of(&written, 9 * PART).await;
        assert!(matches!(read, Err(FrameError::TooLong { .. })), "{read:?}");
    }

    #[tokio::test]
    async fn an_unknown_mark_an_end_and_silence_are_distinguished() {
        let (read, _) = read_of(&[0, 0, 0, 2, 9, 1], 100).await;
        assert!(matches!(read, Err(FrameError::Mark(9))), "{read:?}");
        let (read, _) = read_of(&[0, 0, 0, 9, LAST, 1], 100).await;
        assert!(matches!(read, Err(FrameError::Closed)), "{read:?}");
        let (_far, near) = duplex(64);
        let read = FrameReader::new(near, 100).next_within(Nanos::from_millis(20)).await;
        assert!(matches!(read, Err(FrameError::Silent(_))), "{read:?}");
    }
}
