//! Writes what each node of a fleet did in each trial to a file.

use std::io;
use std::path::Path;

use super::whole_lines::WholeLines;
use crate::measure::node_line::{FILE, NodeLine};

/// Created with the first line.
#[derive(Debug, Default)]
pub(super) struct NodesFile {
    lines: Option<WholeLines>,
    /// The first line that could not be written; none is written after it.
    unwritten: Option<io::Error>,
}

impl NodesFile {
    /// Adds a line. If that fails, [`NodesFile::take_unwritten`] returns the reason.
    pub(super) fn add(&mut self, folder: &Path, line: &NodeLine) {
        if self.unwritten.is_none()
            && let Err(error) = self.append(folder, line)
        {
            self.unwritten = Some(error);
        }
    }

    pub(super) fn take_unwritten(&mut self) -> Option<io::Error> {
        self.unwritten.take()
    }

    fn append(&mut self, folder: &Path, line: &NodeLine) -> io::Result<()> {
        let json = line.to_json().map_err(io::Error::other)?;
        let lines = match &mut self.lines {
            Some(lines) => lines,
            None => self.lines.insert(WholeLines::create(&folder.join(FILE))?),
        };
        lines.add(json.as_bytes())
    }
}
