//! Appends whole lines to a file.
//!
//! If a line cannot be written, for example on a full disk, the partial line is removed and no further line is written,
//! even if there is space again. A reader therefore finds whole lines without a gap.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

#[derive(Debug)]
pub(crate) struct WholeLines {
    /// Absent once a line could not be written.
    file: Option<File>,
    /// Length of the lines that were written.
    bytes: u64,
}

impl WholeLines {
    /// Creates the file, which must not exist.
    ///
    /// # Errors
    /// Returns the error of the system.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: Some(File::create_new(path)?), bytes: 0 })
    }

    /// Appends a line, including its newline.
    ///
    /// # Errors
    /// Returns the error of the first line that cannot be written; later lines are ignored silently.
    pub(crate) fn add(&mut self, line: &[u8]) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let written = file.write_all(line);
        match written {
            Ok(()) => self.bytes += line.len() as u64,
            Err(_) => {
                // Truncating needs no space. If it fails nevertheless, readers ignore a last line without a newline.
                let _cut = file.set_len(self.bytes);
                self.file = None;
            }
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_line_that_could_not_be_written_none_is() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut lines = WholeLines { file: Some(full), bytes: 0 };
        assert_eq!(lines.add(b"one\n").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(lines.add(b"two\n").is_ok() && lines.file.is_none());
    }

    #[test]
    fn lines_are_appended_and_nothing_is_overwritten() {
        let path = std::env::temp_dir().join(format!("harness-lines-{}", std::process::id()));
        let mut lines = WholeLines::create(&path).unwrap();
        lines.add(b"one\n").unwrap();
        lines.add(b"two\n").unwrap();
        let (text, again) = (std::fs::read_to_string(&path).unwrap(), WholeLines::create(&path));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(text, "one\ntwo\n");
        assert!(again.is_err());
    }
}
