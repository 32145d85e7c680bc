//! The output of processes, kept within a limit.
//!
//! The first half of the limit goes to the log file and stays. What comes after goes to two further files of a quarter each,
//! `<log>.2` the newest and `<log>.1` the one before; when `.2` is full it replaces `.1`. So the beginning and the end of a
//! flood survive, the middle is dropped, and a line at the end of the log file says how much that was. All three are always
//! valid on disk: a killed keeper loses nothing that it had read.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};

use harness_base::units::Bytes;

/// The number of bytes that are read from a pipe at once.
const CHUNK: usize = 64 * 1024;
/// The number of bytes that are read from the end of a log.
const TAIL: u64 = 64 * 1024;
/// The number of characters of a line in a tail.
const LINE: usize = 400;

/// The output of a process and its log.
#[derive(Debug)]
pub(super) struct Log {
    /// The number of the child.
    pub(super) child: u64,
    pipe: OwnedFd,
    sink: Sink,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drained {
    /// The pipe is empty for now, or enough was read.
    Open,
    Closed,
}

impl Log {
    /// Creates a log for the reading end of a pipe.
    pub(super) fn new(child: u64, pipe: OwnedFd, sink: Sink) -> io::Result<Self> {
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        // A larger pipe avoids blocking a target that prints much. If the user's limit of pipe memory is reached, the default of
        // 64 KiB remains.
        let _refused = fcntl(&pipe, FcntlArg::F_SETPIPE_SZ(1 << 20));
        Ok(Self { child, pipe, sink })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }

    /// Copies up to `most` bytes from the pipe to the log.
    pub(super) fn drain(&mut self, most: usize) -> Drained {
        let mut buffer = vec![0_u8; CHUNK];
        let mut moved = 0;
        while moved < most {
            match nix::unistd::read(&self.pipe, &mut buffer) {
                Ok(0) => return Drained::Closed,
                Ok(count) => {
                    self.sink.write(buffer.get(..count).unwrap_or_default());
                    moved += count;
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Drained::Open,
                Err(_) => return Drained::Closed,
            }
        }
        Drained::Open
    }

    pub(super) fn close(self) {
        self.sink.close();
    }
}

/// The three files of a log.
#[derive(Debug)]
pub struct Sink {
    path: PathBuf,
    limit: Bytes,
    head: File,
    head_bytes: u64,
    newest: Option<File>,
    newest_bytes: u64,
    older_bytes: u64,
    dropped: u64,
}

impl Sink {
    /// Creates an empty log at `path`, and its folder.
    ///
    /// # Errors
    /// Returns the I/O error.
    pub fn create(path: &Path, limit: Bytes) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        for stale in [part(path, 1), part(path, 2)] {
            match std::fs::remove_file(stale) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        let head = File::create(path)?;
        let (head_bytes, newest_bytes, older_bytes, dropped) = (0, 0, 0, 0);
        Ok(Self { path: path.to_owned(), limit, head, head_bytes, newest: None, newest_bytes, older_bytes, dropped })
    }

    /// Appends `bytes`. If the disk is full, they count as dropped, so that printing does not stop a target.
    pub fn write(&mut self, bytes: &[u8]) {
        let half = (self.limit.0 / 2).saturating_sub(self.head_bytes);
        let (head, mut rest) = bytes.split_at(bytes.len().min(usize::try_from(half).unwrap_or(usize::MAX)));
        if !head.is_empty() {
            self.head_bytes += head.len() as u64;
            self.dropped += unwritten(&mut self.head, head);
        }
        let quarter = (self.limit.0 / 4).max(1);
        while !rest.is_empty() {
            if self.newest.is_none() || self.newest_bytes >= quarter {
                self.rotate();
            }
            let room = usize::try_from(quarter - self.newest_bytes).unwrap_or(usize::MAX);
            let (now, later) = rest.split_at(rest.len().min(room));
            self.newest_bytes += now.len() as u64;
            self.dropped += self.newest.as_mut().map_or(now.len() as u64, |file| unwritten(file, now));
            rest = later;
        }
    }

    /// `.2` becomes `.1`, whose content is lost, and a new `.2` begins.
    fn rotate(&mut self) {
        let (older, newest) = (part(&self.path, 1), part(&self.path, 2));
        if self.newest.take().is_some() {
            self.dropped += self.older_bytes;
            self.older_bytes = self.newest_bytes;
            // Should the rename fail, creating `.2` below empties it instead: the limit holds either way.
            let _failed = std::fs::rename(&newest, older);
        }
        self.newest_bytes = 0;
        self.newest = File::create(newest).ok();
    }

    /// Appends how much was dropped, if anything was.
    pub fn close(mut self) {
        if self.newest.is_some() || self.dropped > 0 {
            let name = self.path.file_name().unwrap_or_default().to_string_lossy();
            let line = format!(
                "\nharness: the limit of {} was reached here: {} bytes dropped, the newest are in {name}.1 and {name}.2\n",
                self.limit, self.dropped
            );
            unwritten(&mut self.head, line.as_bytes());
        }
    }
}

/// Writes `bytes`, and returns the number that could not be written.
fn unwritten(file: &mut File, bytes: &[u8]) -> u64 {
    if file.write_all(bytes).is_ok() { 0 } else { bytes.len() as u64 }
}

/// `<log>.1` or `<log>.2`.
fn part(path: &Path, number: u8) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

/// Returns the last lines of a log, oldest first; empty where there is none. Long lines are cut.
pub fn tail(path: &Path, lines: usize) -> Vec<String> {
    let mut text: Vec<u8> = Vec::new();
    for file in [part(path, 2), part(path, 1), path.to_owned()] {
        let wanted = TAIL.saturating_sub(text.len() as u64);
        if wanted == 0 {
            break;
        }
        let mut before = end_of(&file, wanted).unwrap_or_default();
        before.append(&mut text);
        text = before;
    }
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    all.iter().skip(all.len().saturating_sub(lines)).map(|line| line.chars().take(LINE).collect()).collect()
}

fn end_of(path: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
    let mut text = Vec::new();
    file.take(bytes).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_and_the_end_of_a_flood_are_kept_and_the_rest_is_counted() {
        let folder = std::env::temp_dir().join(format!("harness-log-{}", std::process::id()));
        let path = folder.join("a.log");
        let mut sink = Sink::create(&path, Bytes(4000)).expect("writable");
        for number in 0..2000 {
            sink.write(format!("line {number:04}\n").as_bytes());
        }
        sink.close();
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |about| about.len());
        let kept = size(&part(&path, 1)) + size(&part(&path, 2));
        let head = std::fs::read_to_string(&path).expect("kept");
        let newest = tail(&path, 3);
        std::fs::remove_dir_all(&folder).expect("removed");
        assert_eq!(newest, ["line 1997", "line 1998", "line 1999"]);
        assert!(head.starts_with("line 0000\n"));
        let dropped = 20_000 - 2000 - kept;
        assert!(kept <= 2000 && kept > 1000, "{kept}");
        assert!(head.contains(&format!("{dropped} bytes dropped")), "{head}");
    }
}
