//! Gives conditions access to the files and programs of the host.

use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use super::window::Window;
use crate::measure::HostFacts;
use harness_rig::host::{self, Lock};

/// Input of all conditions.
#[derive(Debug)]
pub(super) struct Source<'a> {
    /// Parent folder of `/proc` and `/sys`.
    pub(super) root: &'a Path,
    pub(super) results: &'a Path,
    /// The facts of the host that every run records.
    pub(super) host: &'a HostFacts,
    pub(super) window: &'a Window,
    /// The lock of the host, or why it could not be taken.
    pub(super) lock: &'a Result<Lock, host::Error>,
}

/// Reads the one-line file `path` below `root`.
pub(super) fn word(root: &Path, path: &str) -> Option<String> {
    host::word(&root.join(path))
}

/// Reads the number in the one-line file `path` below `root`.
pub(super) fn number(root: &Path, path: &str) -> Option<f64> {
    word(root, path)?.parse().ok()
}

/// Reads the file `path` below `root`.
pub(super) fn text(root: &Path, path: &str) -> Option<String> {
    std::fs::read_to_string(root.join(path)).ok()
}

/// Finds a program in the PATH.
pub(super) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let executable = |file: &PathBuf| file.is_file() && access(file, AccessFlags::X_OK).is_ok();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(executable)
}

#[cfg(test)]
pub(super) mod tree {
    //! Provides a folder with files of a kernel, which is removed with the test.

    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU32, Ordering};

    pub(in crate::doctor) struct Tree(PathBuf);

    impl Tree {
        /// Creates these files with their text.
        pub(in crate::doctor) fn new(files: &[(&str, &str)]) -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let tree = Self(std::env::temp_dir().join(format!("harness-doctor-{}-{number}", std::process::id())));
            std::fs::create_dir_all(&tree.0).unwrap();
            files.iter().for_each(|(path, text)| tree.write(path, text));
            tree
        }

        pub(in crate::doctor) fn write(&self, path: &str, text: &str) {
            let path = self.0.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }

        pub(in crate::doctor) fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_nothing() {
        let tree = tree::Tree::new(&[("a/one", " 7 \n"), ("a/empty", "\n")]);
        let read = |path| (word(tree.path(), path), number(tree.path(), path));
        assert_eq!(read("a/one"), (Some("7".to_owned()), Some(7.0)));
        assert_eq!((read("a/empty"), read("none")), ((None, None), (None, None)));
        assert!(program("sh").is_some_and(|path| path.ends_with("sh")));
        assert_eq!(program("no-such-program-anywhere"), None);
    }
}
