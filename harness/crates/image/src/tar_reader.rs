//! Reads tar archives as a stream: headers always, content on demand, with a few blocks of memory.

use std::io::{Error, ErrorKind, Read, Result};

use tar::{EntryType, Header, PaxExtensions};

const BLOCK: u64 = 512;
/// The longest extended header that is accepted.
const LONGEST: u64 = 1 << 16;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// The path, without `./` and surrounding slashes.
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) size: u64,
    pub(super) at: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    /// Another name for the entry at this path.
    Link(String),
    /// A folder, a device, and so on.
    Other,
}

/// A reader of an archive.
#[derive(Debug)]
pub(super) struct TarReader<R> {
    from: R,
    at: u64,
    /// The unread content and padding of the current entry.
    left: u64,
}

/// The fields of an extended header, which apply to the next entry.
#[derive(Default)]
struct Extended {
    name: Option<String>,
    link: Option<String>,
    size: Option<u64>,
}

impl<R: Read> TarReader<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, at: 0, left: 0 }
    }

    /// Reads the next entry; `None` at the end mark.
    ///
    /// # Errors
    /// Returns an error when the archive is truncated or broken.
    pub(super) fn next(&mut self) -> Result<Option<Item>> {
        let mut extended = Extended::default();
        loop {
            self.skip()?;
            let Some(header) = self.header()? else { return Ok(None) };
            let size = extended.size.take().map_or_else(|| header.entry_size(), Ok)?;
            self.left =
                size.checked_next_multiple_of(BLOCK).ok_or_else(|| broken("the size of an entry is out of range"))?;
            match header.entry_type() {
                EntryType::GNULongName => extended.name = Some(text(&self.whole(size)?)),
                EntryType::GNULongLink => extended.link = Some(text(&self.whole(size)?)),
                EntryType::XHeader => extended.read(&self.whole(size)?)?,
                EntryType::XGlobalHeader => {}
                EntryType::GNUSparse => return Err(broken("sparse files are not supported")),
                kind => return Ok(Some(self.item(&header, kind, size, extended))),
            }
        }
    }

    /// Reads the first bytes of the current entry.
    ///
    /// # Errors
    /// Returns an error when the archive cannot be read.
    pub(super) fn content(&mut self, size: u64) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        self.from.by_ref().take(size.min(self.left)).read_to_end(&mut content)?;
        self.at += content.len() as u64;
        self.left -= content.len() as u64;
        Ok(content)
    }

    fn item(&self, header: &Header, kind: EntryType, size: u64, extended: Extended) -> Item {
        let name = extended.name.unwrap_or_else(|| text(&header.path_bytes()));
        let name = trimmed(&name).to_owned();
        let target = || extended.link.clone().or_else(|| header.link_name_bytes().map(|link| text(&link)));
        let kind = match kind {
            EntryType::Regular | EntryType::Continuous => Kind::File,
            EntryType::Link => target().map_or(Kind::Other, |target| Kind::Link(trimmed(&target).to_owned())),
            EntryType::Symlink => target().map_or(Kind::Other, |target| Kind::Link(beside(&name, &target))),
            _ => Kind::Other,
        };
        Item { name, kind, size, at: self.at }
    }

    fn skip(&mut self) -> Result<()> {
        let skipped = std::io::copy(&mut self.from.by_ref().take(self.left), &mut std::io::sink())?;
        self.at += skipped;
        let all = skipped == self.left;
        self.left = 0;
        if all { Ok(()) } else { Err(cut()) }
    }

    /// Reads the whole content of an extended header.
    fn whole(&mut self, size: u64) -> Result<Vec<u8>> {
        if size > LONGEST {
            return Err(broken("an extended header is longer than 64 KiB"));
        }
        let content = self.content(size)?;
        if content.len() as u64 == size { Ok(content) } else { Err(cut()) }
    }

    /// Reads the next header; `None` at the end mark, which is two empty blocks.
    fn header(&mut self) -> Result<Option<Header>> {
        let block = self.block()?;
        if block.iter().all(|byte| *byte == 0) {
            let second = self.block()?;
            return if second.iter().all(|byte| *byte == 0) { Ok(None) } else { Err(broken("the end mark is broken")) };
        }
        let header = Header::from_byte_slice(&block).clone();
        let sum = |index: usize, byte: u8| u32::from(if (148..156).contains(&index) { b' ' } else { byte });
        let sum: u32 = block.iter().enumerate().map(|(index, byte)| sum(index, *byte)).sum();
        if header.cksum().ok() != Some(sum) {
            return Err(broken("a header's checksum is wrong"));
        }
        Ok(Some(header))
    }

    fn block(&mut self) -> Result<[u8; BLOCK as usize]> {
        let mut block = [0; BLOCK as usize];
        self.from.read_exact(&mut block).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => cut(),
            _ => error,
        })?;
        self.at += BLOCK;
        Ok(block)
    }
}

impl Extended {
    fn read(&mut self, content: &[u8]) -> Result<()> {
        for field in PaxExtensions::new(content) {
            let field = field?;
            let value = text(field.value_bytes());
            match field.key() {
                Ok("path") => self.name = Some(value),
                Ok("linkpath") => self.link = Some(value),
                Ok("size") => self.size = Some(value.parse().map_err(|_| broken("an extended size is not a number"))?),
                _ => {}
            }
        }
        Ok(())
    }
}

fn broken(message: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, message)
}

fn cut() -> Error {
    Error::new(ErrorKind::UnexpectedEof, "it is truncated")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned()
}

fn trimmed(name: &str) -> &str {
    let name = name.trim_matches('/');
    name.strip_prefix("./").unwrap_or(name)
}

/// Resolves the target of a symbolic link at `name`.
fn beside(name: &str, target: &str) -> String {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    if target.starts_with('/') {
        parts.clear();
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(archive: &[u8]) -> Result<Vec<(String, u64)>> {
        let mut tar_reader = TarReader::new(archive);
        let mut names = Vec::new();
        while let Some(item) = tar_reader.next()? {
            names.push((item.name, item.size));
        }
        Ok(names)
    }

    #[test]
    fn long_names_of_either_kind_and_links_are_read() {
        let long = format!("folder/{}", "x".repeat(200));
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = super::super::tree::header(EntryType::Regular, 0o644, 3);
        archive.append_data(&mut header, &long, &b"abc"[..]).unwrap();
        archive.append_pax_extensions([("path", b"by/extension".as_slice())]).unwrap();
        archive.append_data(&mut header.clone(), "short", &b"abc"[..]).unwrap();
        let mut link = super::super::tree::header(EntryType::Symlink, 0o777, 0);
        archive.append_link(&mut link, "one/layer.tar", "../other/layer.tar").unwrap();
        let archive = archive.into_inner().unwrap();
        let expected = [(long, 3), ("by/extension".to_owned(), 3), ("one/layer.tar".to_owned(), 0)];
        assert_eq!(names(&archive).unwrap(), expected);
        let mut tar_reader = TarReader::new(&archive[..]);
        let mut last = None;
        while let Some(item) = tar_reader.next().unwrap() {
            last = Some(item.kind);
        }
        assert_eq!(last, Some(Kind::Link("other/layer.tar".to_owned())));
        for cut in 0..archive.len() {
            assert!(names(&archive[..cut]).is_err(), "{cut} of {}", archive.len());
        }
    }

    #[test]
    fn a_header_that_claims_a_huge_name_takes_no_memory() {
        let mut header = super::super::tree::header(EntryType::GNULongName, 0o644, 1 << 40);
        header.set_cksum();
        let endless = std::io::Cursor::new(header.as_bytes().to_vec()).chain(std::io::repeat(b'x'));
        assert!(TarReader::new(endless).next().unwrap_err().to_string().contains("64 KiB"));
    }
}
