//! Reads the lines of a pipe.

use std::collections::VecDeque;
use std::io::ErrorKind;

use harness_base::clock::Mono;
use harness_base::lines;
use tokio::net::unix::pipe;

/// The bytes that one call reads.
const CHUNK: usize = 64 << 10;

/// The lines of a pipe, each with its line end.
pub(super) struct Lines {
    pipe: pipe::Receiver,
    chunk: Box<[u8]>,
    /// When the last read returned, and the lines that it completed.
    at: Mono,
    complete: VecDeque<Vec<u8>>,
    rest: lines::Lines,
}

impl Lines {
    pub(super) fn new(pipe: pipe::Receiver) -> Self {
        let (chunk, at) = (vec![0; CHUNK].into(), Mono::default());
        Self { pipe, chunk, at, complete: VecDeque::new(), rest: lines::Lines::default() }
    }

    /// Returns the next line and when it was read; `None` at the end of the pipe. A line without an end is dropped there.
    pub(super) async fn next(&mut self) -> Option<(Mono, Vec<u8>)> {
        loop {
            if let Some(line) = self.complete.pop_front() {
                return Some((self.at, line));
            }
            self.pipe.readable().await.ok()?;
            match self.pipe.try_read(&mut self.chunk) {
                Ok(0) => return None,
                Ok(length) => {
                    self.at = Mono::now();
                    let complete = &mut self.complete;
                    self.rest.split(&self.chunk[..length], |line| complete.push_back(line.to_vec()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
        }
    }
}
