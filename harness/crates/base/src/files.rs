//! Files that are whole or as they were.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Writes `content` to `path` by way of a file beside it: who reads finds what was there before or all of this, also after a crash.
///
/// # Errors
/// What the system says. Nothing is left of the attempt: what there is of it takes room that others need.
pub fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let unfinished = unfinished(path);
    let written = File::create(&unfinished).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    });
    if written.is_err() {
        // It may not even be there.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

/// Whether `path` could be written now; its folder is made.
///
/// # Errors
/// What the system says.
pub fn make_room(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    let unfinished = unfinished(path);
    File::create(&unfinished)?;
    fs::remove_file(&unfinished)
}

/// The file beside it, whose name no other process takes.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".unfinished-{}", std::process::id()));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_or_as_it_was() {
        let folder = std::env::temp_dir().join(format!("harness-test-files-{}", std::process::id()));
        let path = folder.join("deep/a.json");
        assert!(write_whole(&path, b"x").is_err(), "there is no folder");
        make_room(&path).unwrap();
        assert!(!path.exists(), "room alone is no file");
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
