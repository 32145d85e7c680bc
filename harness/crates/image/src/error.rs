//! Errors of this crate.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The reason why an image, or the program for one, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be read.
    #[error("{} cannot be read: {cause}; inspect it with: ls -l {}", path.display(), path.display())]
    Unreadable { path: PathBuf, cause: io::Error },
    /// The image cannot be written.
    #[error("{} cannot be written: {cause}; check with: df -h {}", path.display(), path.parent().unwrap_or(path).display())]
    Unwritable { path: PathBuf, cause: io::Error },
    #[error("{} is neither a file nor a folder, so it cannot be copied into an image", path.display())]
    NoFile { path: PathBuf },
    /// A script needs more than libraries.
    #[error("{} is a script (its first line is {line:?}), and the files that its interpreter needs are unknown; name the program that it starts, or an image", path.display())]
    Script { path: PathBuf, line: String },
    #[error("{} is not a program: {reason}; check with: file {}", path.display(), path.display())]
    NoProgram { path: PathBuf, reason: NoProgram },
    /// A program for other hardware.
    #[error("{} is built for {found}, but this host is {host}; build it for this host, check with: file {}", path.display(), path.display())]
    WrongMachine { path: PathBuf, found: String, host: String },
    /// A library or the loader does not exist.
    #[error("{name} is not found, and {} needs it; looked in {}; find it with: find / -name '{name}*', and install it", by.display(), listed(looked))]
    NoLibrary {
        name: String,
        by: PathBuf,
        /// The folders that were searched.
        looked: Vec<PathBuf>,
    },
    /// A file changed while it was copied.
    #[error("{} changed while it was copied: it had {size} bytes; wait until it is no longer written and run again", path.display())]
    Changed { path: PathBuf, size: u64 },
    #[error("{place:?} is not a place in an image: {reason}; give an absolute path, for example /etc/proxy.yaml")]
    Place { place: String, reason: NoPlace },
    /// A file or folder that is not an image.
    #[error("{} is not an image: {reason}; make one with: docker save IMAGE --output FILE", path.display())]
    NoImage { path: PathBuf, reason: NoImage },
    /// An archive that cannot be read to its end.
    #[error("{} is not a complete archive: {cause}; write it again, check with: tar -tf {}", path.display(), path.display())]
    Broken { path: PathBuf, cause: io::Error },
    /// A part of an image is missing or wrong.
    #[error("{}: {name} {reason}; write the image again", path.display())]
    Blob { path: PathBuf, name: String, reason: BadBlob },
    /// An archive with several images for one platform.
    #[error("{} contains not one image but: {images}; save the one to be measured by itself", path.display())]
    Several { path: PathBuf, images: String },
}

/// The reason why a file is not a program.
#[derive(Debug)]
pub enum NoProgram {
    NotRegular,
    UnknownFormat,
    UnknownClass,
    BadElf(object::Error),
    /// An ELF file of another type, such as an object file.
    OtherType,
    BadStringTable,
    /// A library without a loader.
    Library,
}

/// The reason why a path cannot be a place in an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPlace {
    Relative,
    Root,
    BelowFile,
    IsFolder,
    IsFile,
}

/// The reason why a file or folder is not an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoImage {
    Compressed,
    NoIndex,
    EmptyIndex,
}

/// A defect of a part of an image.
#[derive(Debug)]
pub enum BadBlob {
    Missing,
    TooLarge {
        bytes: u64,
    },
    DigestAlgorithm,
    Digest {
        found: String,
        expected: String,
    },
    Size {
        found: u64,
        expected: u64,
    },
    NestedTooDeep,
    NoConfig,
    /// A manifest and a configuration with different numbers of layers.
    LayerCount {
        manifest: usize,
        config: usize,
    },
    Json(serde_json::Error),
    Unreadable(io::Error),
}

impl fmt::Display for NoProgram {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRegular => out.write_str("it is not a regular file"),
            Self::UnknownFormat => out.write_str("it is neither an ELF file nor a script"),
            Self::UnknownClass => out.write_str("it is a broken ELF file of an unknown class"),
            Self::BadElf(error) => write!(out, "it is a broken ELF file, {error}"),
            Self::OtherType => out.write_str("it is an ELF file, but neither a program nor a library"),
            Self::BadStringTable => out.write_str("it is a broken ELF file, a name is not in its string table"),
            Self::Library => out.write_str("it is a library, which names no loader that could start it"),
        }
    }
}

impl fmt::Display for NoPlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Relative => "it does not begin with a slash",
            Self::Root => "it is the root itself",
            Self::BelowFile => "it lies below a file",
            Self::IsFolder => "a folder is there",
            Self::IsFile => "a file is there",
        })
    }
}

impl fmt::Display for NoImage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Compressed => "it is compressed as a whole; decompress it with gunzip first",
            Self::NoIndex => "it has neither index.json nor manifest.json",
            Self::EmptyIndex => "its index lists no image",
        })
    }
}

impl fmt::Display for BadBlob {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => out.write_str("is missing"),
            Self::TooLarge { bytes } => write!(out, "has {bytes} bytes, more than any document of an image"),
            Self::DigestAlgorithm => out.write_str("has a digest that is not SHA-256"),
            Self::Digest { found, expected } => write!(out, "has the digest {found} instead of {expected}"),
            Self::Size { found, expected } => write!(out, "has {found} bytes instead of {expected}"),
            Self::NestedTooDeep => out.write_str("is an index that is nested too deep"),
            Self::NoConfig => out.write_str("is a manifest without a configuration"),
            Self::LayerCount { manifest, config } => {
                write!(out, "does not match: the manifest has {manifest} layers, the configuration {config}")
            }
            Self::Json(error) => write!(out, "is not a valid document of an image: {error}"),
            Self::Unreadable(error) => write!(out, "is broken: {error}"),
        }
    }
}

fn listed(folders: &[PathBuf]) -> String {
    let names: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    if names.is_empty() { "no folder".to_owned() } else { names.join(", ") }
}

/// Attaches the path to an I/O error.
pub(super) fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |cause| Error::Unreadable { path, cause }
}
