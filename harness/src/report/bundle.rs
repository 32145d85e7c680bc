//! Packs a run into one archive for an audit: every file of its folder, the schemas, and the digests of both.
//!
//! The archive is a gzipped tar file whose bytes depend on the files only. `sha256sum --check SHA256SUMS` verifies it without the harness.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};
use tar::{Builder, Header};

use super::schema::ALL;
use harness_base::files;
use harness_base::units::hexadecimal;

/// Name of the file with the digests.
pub(crate) const SUMS: &str = "SHA256SUMS";
/// The folder of the run's files.
pub(crate) const RUN: &str = "run";
/// The folder of the schemas.
const SCHEMAS: &str = "schemas";
/// The deepest folder below that of the run.
const DEEPEST: usize = 8;

/// The reason why a run could not be packed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read {}: {cause}", path.display())]
    Unreadable { path: PathBuf, cause: io::Error },
    #[error("{} is a symbolic link or a special file, whose content is not part of the run; remove it", path.display())]
    Special { path: PathBuf },
    #[error("{} is no UTF-8 path or is too deep", path.display())]
    Unusable { path: PathBuf },
    #[error("cannot write {}: {cause}; check with: df -h {}", path.display(), path.display())]
    Unwritable { path: PathBuf, cause: io::Error },
}

/// The packed archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Number of files, with the schemas and without the digests.
    pub files: usize,
    /// Size of the archive in bytes.
    pub bytes: u64,
    /// SHA-256 of the archive, in hexadecimal digits.
    pub sha256: String,
}

/// Packs the run in `folder` into `archive`, which may be in `folder` and is not packed itself.
///
/// # Errors
/// Returns [`Error`]; nothing is written then.
pub fn pack(folder: &Path, archive: &Path) -> Result<Bundle, Error> {
    let mut entries: Vec<(String, Vec<u8>)> = Vec::new();
    let own = archive.canonicalize().ok();
    for path in below(folder, 0)?.iter().filter(|path| own.is_none() || path.canonicalize().ok() != own) {
        let unusable = || Error::Unusable { path: path.clone() };
        let name = path.strip_prefix(folder).ok().and_then(Path::to_str).ok_or_else(unusable)?;
        let unreadable = |cause| Error::Unreadable { path: path.clone(), cause };
        entries.push((format!("{RUN}/{name}"), files::read_bounded(path).map_err(unreadable)?));
    }
    entries.extend(ALL.iter().map(|(name, text)| (format!("{SCHEMAS}/{name}.schema.json"), text.as_bytes().to_vec())));
    entries.sort();
    let mut sums = String::new();
    for (name, content) in &entries {
        let _ = writeln!(sums, "{}  {name}", hexadecimal(&Sha256::digest(content)));
    }
    let files = entries.len();
    entries.insert(0, (SUMS.to_owned(), sums.into_bytes()));
    let unwritable = |cause| Error::Unwritable { path: archive.to_owned(), cause };
    let packed = packed(&entries).map_err(unwritable)?;
    files::make_room(archive).and_then(|()| files::write_whole(archive, &packed)).map_err(unwritable)?;
    Ok(Bundle { files, bytes: packed.len() as u64, sha256: hexadecimal(&Sha256::digest(&packed)) })
}

/// Lists the files below a folder.
fn below(folder: &Path, depth: usize) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |cause| Error::Unreadable { path: folder.to_owned(), cause };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let kind = entry.file_type().map_err(unreadable)?;
        match () {
            () if kind.is_file() => found.push(entry.path()),
            () if kind.is_dir() && depth < DEEPEST => found.extend(below(&entry.path(), depth + 1)?),
            () if kind.is_dir() => return Err(Error::Unusable { path: entry.path() }),
            () => return Err(Error::Special { path: entry.path() }),
        }
    }
    Ok(found)
}

/// Writes the archive without times and owners.
fn packed(entries: &[(String, Vec<u8>)]) -> io::Result<Vec<u8>> {
    let mut builder = Builder::new(GzBuilder::new().mtime(0).write(Vec::new(), Compression::default()));
    for (name, content) in entries {
        let mut header = Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, content.as_slice())?;
    }
    let mut compressed = builder.into_inner()?;
    compressed.flush()?;
    compressed.finish()
}
