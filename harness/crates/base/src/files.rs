//! Atomic file writes.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Writes `content` to `path` through a temporary file beside it, so that a reader sees either the old or the new content,
/// even after a crash.
///
/// # Errors
/// Returns the I/O error. The temporary file is removed.
pub fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let unfinished = unfinished(path);
    let written = File::create(&unfinished).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    });
    if written.is_err() {
        // The file may not exist.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

/// Checks that `path` can be written, and creates its folder.
///
/// # Errors
/// Returns the I/O error.
pub fn make_room(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    let unfinished = unfinished(path);
    File::create(&unfinished)?;
    fs::remove_file(&unfinished)
}

/// Returns the path of the temporary file, which no other process uses.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".unfinished-{}", std::process::id()));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_old_or_its_new_content() {
        let folder = std::env::temp_dir().join(format!("harness-test-files-{}", std::process::id()));
        let path = folder.join("deep/a.json");
        assert!(write_whole(&path, b"x").is_err(), "there is no folder");
        make_room(&path).unwrap();
        assert!(!path.exists(), "make_room creates no file");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        let read = fs::read(&path).unwrap();
        // A folder cannot be replaced by a file.
        let refused = (write_whole(&folder.join("deep"), b"x").is_err(), make_room(&folder.join("deep")).is_err());
        let left = fs::read_dir(&folder).unwrap().chain(fs::read_dir(folder.join("deep")).unwrap()).count();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!((read.as_slice(), refused, left), (b"two".as_slice(), (true, true), 2));
    }
}
