//! Bounded file reads, atomic file writes, and removal of folders.

use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Largest file that is read whole, in bytes. A result of a default run has about 1.5 MB.
pub const LARGEST: u64 = 64 << 20;

/// Reads a file of at most [`LARGEST`] bytes.
///
/// # Errors
/// Returns the I/O error, and [`io::ErrorKind::FileTooLarge`] for a larger file.
pub fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut content)?;
    if content.len() as u64 > LARGEST {
        let message = format!("it has more than {} MiB, which is the limit", LARGEST >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(content)
}

/// Reads a UTF-8 file of at most [`LARGEST`] bytes.
///
/// # Errors
/// Returns those of [`read_bounded`], and [`io::ErrorKind::InvalidData`] for what is not UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8");
    String::from_utf8(read_bounded(path)?).map_err(not_text)
}

/// Writes `content` to `path` through a temporary file beside it, so that a reader sees either the old or the new content,
/// even after a crash.
///
/// # Errors
/// Returns the I/O error. The temporary file is removed.
pub fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let unfinished = unfinished(path);
    let written = File::create_new(&unfinished).and_then(|mut file| {
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

/// Removes a folder with its content, however deep it is, with three open descriptors at most. Symbolic links are removed and not followed.
///
/// # Errors
/// Returns the I/O error of the first entry that could not be removed; the others are removed nevertheless.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    let mut first = None;
    // A folder that is not empty is emptied into the root, so that no path gets longer than two names.
    let mut number = 0_u64;
    while first.is_none() {
        let entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
        if entries.is_empty() {
            break;
        }
        for entry in entries {
            let removed = if entry.file_type()?.is_dir() {
                flatten(path, &entry.path(), &mut number)
            } else {
                fs::remove_file(entry.path())
            };
            first = first.or(removed.err());
        }
    }
    first.map_or_else(|| fs::remove_dir(path), Err)
}

/// Moves the content of a folder below `root` up into `root`, and removes the folder.
fn flatten(root: &Path, folder: &Path, number: &mut u64) -> io::Result<()> {
    // A folder cannot be read or changed without these permissions, which its owner may grant.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()? {
        if entry.file_type()?.is_dir() {
            // A folder that moves gets a new parent, for which it must be writable.
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o700))?;
            let free = loop {
                *number += 1;
                let free = root.join(format!(".removed-{number}"));
                if fs::symlink_metadata(&free).is_err() {
                    break free;
                }
            };
            fs::rename(entry.path(), free)?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    fs::remove_dir(folder)
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
    File::create_new(&unfinished)?;
    fs::remove_file(&unfinished)
}

/// Returns the path of the temporary file, which no other process uses or can guess.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".unfinished-{:016x}", RandomState::new().build_hasher().finish()));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_large_is_not_read() {
        let path = std::env::temp_dir().join(format!("harness-test-large-{}", std::process::id()));
        let file = File::create(&path).unwrap();
        file.set_len(LARGEST + 1).unwrap();
        let refused = read_bounded(&path).unwrap_err();
        file.set_len(3).unwrap();
        let read = read_text(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(
            (refused.to_string().as_str(), read.as_str()),
            ("it has more than 64 MiB, which is the limit", "\0\0\0")
        );
        assert_eq!(read_text(Path::new("/dev/zero")).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_deep_tree_is_removed_with_few_descriptors_and_links_are_not_followed() {
        let root = std::env::temp_dir().join(format!("harness-test-deep-{}", std::process::id()));
        let victim = std::env::temp_dir().join(format!("harness-test-victim-{}", std::process::id()));
        fs::create_dir_all(root.join("wide/a/b")).unwrap();
        fs::create_dir_all(&victim).unwrap();
        fs::write(victim.join("kept"), "x").unwrap();
        fs::write(root.join("wide/a/file"), "x").unwrap();
        std::os::unix::fs::symlink(&victim, root.join("wide/a/link")).unwrap();
        // Too deep for one path: it grows from the inside.
        let mut inner = root.join("inner");
        fs::create_dir(&inner).unwrap();
        for depth in 0..3_000 {
            let outer = root.join(format!("outer-{}", depth % 2));
            fs::create_dir(&outer).unwrap();
            fs::rename(&inner, outer.join("d")).unwrap();
            inner = outer;
        }
        fs::set_permissions(root.join("wide/a/b"), fs::Permissions::from_mode(0o000)).unwrap();
        remove_tree(&root).unwrap();
        let kept = fs::read_to_string(victim.join("kept")).unwrap();
        fs::remove_dir_all(&victim).unwrap();
        assert!(!root.exists() && kept == "x");
        assert!(remove_tree(&root).is_err(), "it is gone");
    }

    #[test]
    fn a_link_at_the_place_of_a_file_is_replaced_and_not_followed() {
        let folder = std::env::temp_dir().join(format!("harness-test-link-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (victim, path) = (folder.join("victim"), folder.join("a.json"));
        fs::write(&victim, "kept").unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        write_whole(&path, b"new").unwrap();
        let read = (fs::read_to_string(&victim).unwrap(), fs::read_to_string(&path).unwrap());
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(read, ("kept".to_owned(), "new".to_owned()));
    }

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
