//! Image: container images made from an executable, and what images weigh. Files only; no container engine is asked.
//!
//! What a program needs is read from its ELF file and those of its libraries, the way the loader would find them. Nothing is
//! executed for it, no `ldd` and no shell.

mod build;
mod closure;
mod elf;
mod facts;
mod layer;
mod look;
mod machine;
mod search;
mod store;
mod tar_reader;
mod tree;
pub mod types;

use std::path::PathBuf;

pub use build::{BuildRequest, Built, build};
pub use closure::{Closure, Library, closure};
pub use facts::facts;
pub use machine::here as architecture;

/// What can go wrong with an image or the program it is made of.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be read.
    #[error("{} cannot be read: {source}; look at it with: ls -l {}", path.display(), path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// The image cannot be written.
    #[error("{} cannot be written: {source}; look with: df -h {}", path.display(), path.parent().unwrap_or(path).display())]
    Unwritable { path: PathBuf, source: std::io::Error },
    /// A script needs more than libraries.
    #[error("{} is a script (it begins with {line:?}), and what its interpreter needs cannot be read from it; name the program that it starts, or an image", path.display())]
    Script { path: PathBuf, line: String },
    #[error("{} is no program: {message}; look with: file {}", path.display(), path.display())]
    NoProgram {
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A program for other hardware.
    #[error("{} is built for {found}, and this host runs {host}; build it for this host, look with: file {}", path.display(), path.display())]
    WrongMachine {
        path: PathBuf,
        /// What it was built for.
        found: String,
        host: String,
    },
    /// A library or the loader is nowhere to be found.
    #[error("{name} is not found, and {} needs it; looked in {}; find it with: find / -name '{name}*', and install it", by.display(), said(looked))]
    NoLibrary {
        name: String,
        by: PathBuf,
        /// Where it was looked for.
        looked: Vec<PathBuf>,
    },
    /// A file was written to while it was copied.
    #[error("{} changed while it was copied: it had {size} bytes; wait until nobody writes it and run again", path.display())]
    Changed { path: PathBuf, size: u64 },
    /// A place in the image that cannot be used.
    #[error("{place:?} is no place in an image: {message}; give an absolute path, for example /etc/proxy.yaml")]
    Place {
        place: String,
        /// What is wrong with it.
        message: &'static str,
    },
    /// A file or folder that is no image.
    #[error("{} is no image: {message}; make one with: docker save IMAGE --output FILE", path.display())]
    NoImage {
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// An archive that cannot be read to its end.
    #[error("{} is no whole archive: {message}; write it again, look with: tar -tf {}", path.display(), path.display())]
    Broken {
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A part of an image is missing or not what it should be.
    #[error("{}: {name} {message}; write the image again", path.display())]
    Blob {
        path: PathBuf,
        name: String,
        /// What is wrong with it.
        message: String,
    },
    /// More than one image for a platform: which one is meant?
    #[error("{} holds not one image but: {images}; save the one that is meant by itself", path.display())]
    Several { path: PathBuf, images: String },
}

fn said(folders: &[PathBuf]) -> String {
    let named: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    if named.is_empty() { "no folder".to_owned() } else { named.join(", ") }
}

/// Attaches the path to an error of the system.
fn unreadable(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Unreadable { path, source }
}
