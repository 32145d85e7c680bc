//! The MCP server on stdin and stdout: one message per line.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::thread;

use harness_base::clock::Mono;
use harness_base::heartbeat::Heartbeat;
use harness_base::lines::Lines;
use harness_base::units::Nanos;

use super::mcp::{McpFlags, Server, Session};

/// The bytes that one call reads.
const CHUNK: usize = 64 << 10;

/// The time between two beats of the thread that notices stalls. A beat takes some 20 µs of CPU time.
const BEAT: Nanos = Nanos::from_millis(20);

/// Begins to write the stalls of this process into a new file.
///
/// # Errors
/// Returns an error when the file cannot be created, or the thread cannot be started.
pub(super) fn watch(path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    let watch = move || {
        let heartbeat = Heartbeat::every(BEAT);
        loop {
            thread::sleep(BEAT.duration());
            if let Some(stall) = heartbeat.beat(Mono::now()) {
                // Without the file, the server answers nevertheless.
                let _ = writeln!(file, "{} {} {}", stall.from.0, stall.until.0, stall.stolen.0);
            }
        }
    };
    thread::Builder::new().name("stalls".to_owned()).spawn(watch).map(drop)
}

/// Answers the messages on stdin on stdout, until one of them is closed. A message that has no end at the end of stdin is not answered.
///
/// # Errors
/// Returns an error when stdin cannot be read.
pub(super) fn serve(flags: McpFlags, body: usize) -> io::Result<()> {
    let server = Server::new(flags, vec![b'x'; body].into());
    answer_all(&server, &mut io::stdin().lock(), &mut io::stdout().lock())
}

/// Answers what one call reads with one write, so that a burst costs no more calls than its client made.
fn answer_all(server: &Server, input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let (mut session, mut lines) = (Session::default(), Lines::default());
    let (mut chunk, mut answers) = (vec![0; CHUNK], Vec::new());
    loop {
        let length = match input.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        lines.split(&chunk[..length], |line| session.answer(server, line, &mut answers));
        // A client that reads no more needs no more answers.
        if output.write_all(&answers).and_then(|()| output.flush()).is_err() {
            return Ok(());
        }
        answers.clear();
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::upstream::Args;

    /// Returns its parts one by one.
    struct Parts(Vec<&'static [u8]>);

    impl Read for Parts {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let part = self.0.remove(0);
            buffer[..part.len()].copy_from_slice(part);
            Ok(part.len())
        }
    }

    #[test]
    fn lines_are_answered_however_they_are_cut() {
        let Args { mcp, .. } = Args::parse_from(["mock-upstream", "--stdio"]);
        let server = Server::new(mcp, vec![b'x'; 300].into());
        let parts: [&[u8]; 4] = [
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"meth",
            b"od\":\"ping\"}\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}\r\n",
            b"\n",
            b"{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"ping\"}",
        ];
        let mut output = Vec::new();
        answer_all(&server, &mut Parts(parts.to_vec()), &mut output).unwrap();
        let expected = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}\n";
        assert_eq!(String::from_utf8(output).unwrap(), expected, "the third has no end");
    }
}
