//! The file tree of an image, before it is written.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use super::error::{Error, NoPlace, unreadable};

/// The number of symbolic links that are followed for one path, as in the kernel.
const MOST_LINKS: usize = 40;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Folder { mode: u32 },
    File { content: Content, mode: u32 },
    Link(PathBuf),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// The content of a file of this host.
    Of(PathBuf),
    Text(&'static str),
}

/// All files, by path without the leading slash.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    nodes: BTreeMap<PathBuf, Node>,
}

impl Tree {
    /// Adds a file of this host at the same path, with the symbolic links that lead to it.
    ///
    /// # Errors
    /// Returns [`Error::Unreadable`].
    pub(super) fn mirror(&mut self, host: &Path) -> Result<(), Error> {
        let (mut todo, mut at, mut links) = (parts(host), PathBuf::new(), 0);
        while let Some(part) = todo.pop_front() {
            if part == ".." {
                at.pop();
                continue;
            }
            let (next, here) = (at.join(&part), Path::new("/").join(&at).join(&part));
            let meta = here.symlink_metadata().map_err(unreadable(&here))?;
            if meta.is_symlink() && links < MOST_LINKS {
                links += 1;
                let target = std::fs::read_link(&here).map_err(unreadable(&here))?;
                self.nodes.insert(next, Node::Link(target.clone()));
                follow(&target, &mut at, &mut todo);
            } else {
                self.nodes.entry(next.clone()).or_insert_with(|| node(&meta, &here));
                at = next;
            }
        }
        Ok(())
    }

    /// Adds a file or a folder with its contents at `place`.
    ///
    /// # Errors
    /// Returns [`Error::Place`], [`Error::NoFile`] or [`Error::Unreadable`].
    pub(super) fn copy(&mut self, source: &Path, place: &str) -> Result<(), Error> {
        let meta = source.metadata().map_err(unreadable(source))?;
        if meta.is_dir() {
            return self.copy_folder(source, place);
        }
        if !meta.is_file() {
            return Err(Error::NoFile { path: source.to_owned() });
        }
        self.put(place, node(&meta, source))
    }

    fn copy_folder(&mut self, source: &Path, place: &str) -> Result<(), Error> {
        self.folder(place, 0o755)?;
        let entries = std::fs::read_dir(source).map_err(unreadable(source))?;
        for entry in entries {
            let entry = entry.map_err(unreadable(source))?.path();
            let name = entry.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let place = format!("{}/{name}", place.trim_end_matches('/'));
            if entry.is_symlink() {
                let target = std::fs::read_link(&entry).map_err(unreadable(&entry))?;
                self.link(&place, &target)?;
            } else {
                self.copy(&entry, &place)?;
            }
        }
        Ok(())
    }

    /// Adds a text file at `place`.
    ///
    /// # Errors
    /// Returns [`Error::Place`].
    pub(super) fn text(&mut self, place: &str, text: &'static str) -> Result<(), Error> {
        self.put(place, Node::File { content: Content::Text(text), mode: 0o644 })
    }

    /// Adds a folder.
    ///
    /// # Errors
    /// Returns [`Error::Place`].
    pub(super) fn folder(&mut self, place: &str, mode: u32) -> Result<(), Error> {
        match self.put(place, Node::Folder { mode }) {
            Err(Error::Place { reason: NoPlace::Root, .. }) => Ok(()),
            other => other,
        }
    }

    /// Adds a symbolic link, unless the path exists.
    ///
    /// # Errors
    /// Returns [`Error::Place`].
    pub(super) fn link(&mut self, place: &str, target: &Path) -> Result<(), Error> {
        let path = Path::new(place);
        let folder = self.landing(path.parent().unwrap_or(path));
        if self.nodes.contains_key(&folder.join(path.file_name().unwrap_or_default())) {
            return Ok(());
        }
        self.put(place, Node::Link(target.to_owned()))
    }

    fn put(&mut self, place: &str, node: Node) -> Result<(), Error> {
        let refused = |reason| Error::Place { place: place.to_owned(), reason };
        if !place.starts_with('/') {
            return Err(refused(NoPlace::Relative));
        }
        let path = self.landing(Path::new(place));
        if path.as_os_str().is_empty() {
            return Err(refused(NoPlace::Root));
        }
        for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
            let above = self.nodes.entry(folder.to_owned()).or_insert(Node::Folder { mode: 0o755 });
            if !matches!(above, Node::Folder { .. }) {
                return Err(refused(NoPlace::BelowFile));
            }
        }
        match (self.nodes.get(&path), &node) {
            (Some(Node::Folder { .. }), Node::File { .. } | Node::Link(_)) => Err(refused(NoPlace::IsFolder)),
            (Some(Node::File { .. } | Node::Link(_)), Node::Folder { .. }) => Err(refused(NoPlace::IsFile)),
            _ => {
                self.nodes.insert(path, node);
                Ok(())
            }
        }
    }

    /// Resolves a path through the links of the image.
    fn landing(&self, path: &Path) -> PathBuf {
        let (mut todo, mut at, mut links) = (parts(path), PathBuf::new(), 0);
        while let Some(part) = todo.pop_front() {
            if part == ".." {
                at.pop();
                continue;
            }
            let next = at.join(&part);
            match self.nodes.get(&next) {
                Some(Node::Link(target)) if links < MOST_LINKS => {
                    links += 1;
                    follow(&target.clone(), &mut at, &mut todo);
                }
                _ => at = next,
            }
        }
        at
    }

    /// Returns the paths of all files and links.
    pub(super) fn files(&self) -> Vec<String> {
        let files = self.nodes.iter().filter(|(_, node)| !matches!(node, Node::Folder { .. }));
        files.map(|(path, _)| format!("/{}", path.display())).collect()
    }

    /// Writes the tree as one reproducible layer: sorted by path, owned by root, without times. Returns the bytes of the files and
    /// of the links' targets, as engines count them.
    ///
    /// # Errors
    /// Returns [`Error::Unreadable`], [`Error::Changed`], or the error that `unwritable` makes.
    pub(super) fn write<W: Write>(&self, out: W, unwritable: impl Fn(std::io::Error) -> Error) -> Result<u64, Error> {
        let mut archive = tar::Builder::new(out);
        let mut bytes = 0;
        for (path, node) in &self.nodes {
            let (written, length) = match node {
                Node::Folder { mode } => {
                    let mut header = header(tar::EntryType::Directory, *mode, 0);
                    (archive.append_data(&mut header, path.join(""), std::io::empty()), 0)
                }
                Node::Link(target) => {
                    let mut header = header(tar::EntryType::Symlink, 0o777, 0);
                    (archive.append_link(&mut header, path, target), target.as_os_str().len() as u64)
                }
                Node::File { content: Content::Text(text), mode } => {
                    let length = text.len() as u64;
                    let mut header = header(tar::EntryType::Regular, *mode, length);
                    (archive.append_data(&mut header, path, text.as_bytes()), length)
                }
                Node::File { content: Content::Of(source), mode } => append_file(&mut archive, path, source, *mode)?,
            };
            written.map_err(&unwritable)?;
            bytes += length;
        }
        archive.finish().map_err(&unwritable)?;
        Ok(bytes)
    }
}

/// Appends a file of this host. Returns the result of writing and the file's length.
fn append_file<W: Write>(
    archive: &mut tar::Builder<W>,
    path: &Path,
    source: &Path,
    mode: u32,
) -> Result<(std::io::Result<()>, u64), Error> {
    let file = File::open(source).map_err(unreadable(source))?;
    let size = file.metadata().map_err(unreadable(source))?.len();
    let mut rest = file.take(size);
    let written = archive.append_data(&mut header(tar::EntryType::Regular, mode, size), path, &mut rest);
    if rest.limit() > 0 && written.is_ok() {
        return Err(Error::Changed { path: source.to_owned(), size });
    }
    Ok((written, size))
}

/// Splits a path into its components without the root; keeps `..`.
fn parts(path: &Path) -> VecDeque<OsString> {
    let part = |component| match component {
        Component::Normal(name) => Some(name),
        Component::ParentDir => Some(OsStr::new("..")),
        _ => None,
    };
    path.components().filter_map(part).map(OsStr::to_owned).collect()
}

/// Continues at the target of a link.
fn follow(target: &Path, at: &mut PathBuf, todo: &mut VecDeque<OsString>) {
    if target.is_absolute() {
        at.clear();
    }
    for part in parts(target).into_iter().rev() {
        todo.push_front(part);
    }
}

/// Creates the node of a file. Keeps it executable if it is, and makes it readable by all users, because the container's user is
/// unknown.
fn node(meta: &Metadata, here: &Path) -> Node {
    let mode = if meta.permissions().mode() & 0o111 != 0 { 0o755 } else { 0o644 };
    if meta.is_dir() {
        Node::Folder { mode: 0o755 }
    } else {
        Node::File { content: Content::Of(here.to_owned()), mode }
    }
}

/// Creates a reproducible header.
pub(super) fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header
}
