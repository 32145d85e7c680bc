//! Reads files of the kernel that have one line.

use std::fs::read_to_string;
use std::path::Path;

/// Returns the text of a one-line file, if it exists and is not empty.
pub fn word(path: &Path) -> Option<String> {
    let text = read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
