//! The parts of an image in a folder or in an archive.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};

use super::error::{BadBlob, Error, NoImage, unreadable};
use super::tar_reader::{Kind, TarReader};

/// The largest index, manifest or configuration that is read.
const LARGEST_DOCUMENT: u64 = 4 << 20;

/// The parts of an image, by their names.
#[derive(Debug)]
pub(super) struct Store {
    path: PathBuf,
    /// The offset and length of each file of an archive; absent for a folder.
    entries: Option<BTreeMap<String, (u64, u64)>>,
}

impl Store {
    /// Opens a folder or an archive, and lists the files of an archive.
    ///
    /// # Errors
    /// Returns [`Error::Unreadable`], [`Error::NoImage`] or [`Error::Broken`].
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let meta = path.metadata().map_err(unreadable(path))?;
        if meta.is_dir() {
            return Ok(Self { path: path.to_owned(), entries: None });
        }
        let mut file = File::open(path).map_err(unreadable(path))?;
        let mut magic = Vec::new();
        file.by_ref().take(2).read_to_end(&mut magic).map_err(unreadable(path))?;
        if magic == [0x1f, 0x8b] {
            return Err(Error::NoImage { path: path.to_owned(), reason: NoImage::Compressed });
        }
        file.seek(SeekFrom::Start(0)).map_err(unreadable(path))?;
        let entries = listed(file).map_err(|cause| Error::Broken { path: path.to_owned(), cause })?;
        Ok(Self { path: path.to_owned(), entries: Some(entries) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether a part with this name exists.
    pub(super) fn has(&self, name: &str) -> bool {
        match &self.entries {
            Some(entries) => entries.contains_key(name),
            None => plain(name) && self.path.join(name).is_file(),
        }
    }

    /// Returns a reader of a part, and its length.
    ///
    /// # Errors
    /// Returns [`Error::Blob`] when the part is missing, or [`Error::Unreadable`].
    pub(super) fn reader(&self, name: &str) -> Result<(Take<File>, u64), Error> {
        if !self.has(name) {
            return Err(self.blob(name, BadBlob::Missing));
        }
        let Some(entries) = &self.entries else {
            let path = self.path.join(name);
            let file = File::open(&path).map_err(unreadable(&path))?;
            let length = file.metadata().map_err(unreadable(&path))?.len();
            return Ok((file.take(length), length));
        };
        let (begin, length) = entries.get(name).copied().unwrap_or_default();
        let mut file = File::open(&self.path).map_err(unreadable(&self.path))?;
        file.seek(SeekFrom::Start(begin)).map_err(unreadable(&self.path))?;
        Ok((file.take(length), length))
    }

    /// Reads a whole document.
    ///
    /// # Errors
    /// Returns [`Error::Blob`] when the document is missing or too large, or [`Error::Unreadable`].
    pub(super) fn document(&self, name: &str) -> Result<Vec<u8>, Error> {
        let (mut from, length) = self.reader(name)?;
        if length > LARGEST_DOCUMENT {
            return Err(self.blob(name, BadBlob::TooLarge { bytes: length }));
        }
        let mut content = Vec::new();
        from.read_to_end(&mut content).map_err(unreadable(&self.path))?;
        Ok(content)
    }

    /// Creates the error of a part.
    pub(super) fn blob(&self, name: &str, reason: BadBlob) -> Error {
        Error::Blob { path: self.path.clone(), name: name.to_owned(), reason }
    }
}

/// Returns whether a name stays inside its folder.
fn plain(name: &str) -> bool {
    !name.starts_with('/') && name.split('/').all(|part| !part.is_empty() && part != "..")
}

fn listed(file: File) -> std::io::Result<BTreeMap<String, (u64, u64)>> {
    let mut tar_reader = TarReader::new(BufReader::new(file));
    let (mut files, mut links) = (BTreeMap::new(), Vec::new());
    while let Some(item) = tar_reader.next()? {
        match item.kind {
            Kind::File => drop(files.insert(item.name, (item.at, item.size))),
            Kind::Link(target) => links.push((item.name, target)),
            Kind::Other => {}
        }
    }
    // Engines store a repeated layer once, and link to it.
    for (name, target) in links {
        if let Some(place) = files.get(&target).copied() {
            files.insert(name, place);
        }
    }
    Ok(files)
}
