//! Reads the dependencies from an ELF file.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use object::Endianness;
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::read::{ReadCache, ReadRef};

use super::error::{Error, NoProgram, unreadable};
use super::machine::{Machine, here};

/// The number of bytes of a script's first line that are shown.
const LINE: usize = 80;

/// A program or a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Elf {
    pub(super) machine: Machine,
    pub(super) interpreter: Option<PathBuf>,
    /// The names of its libraries.
    pub(super) needed: Vec<String>,
    pub(super) soname: Option<String>,
    /// The folders that are searched first for its libraries and their libraries. Empty if there is a `runpath`, as in the loader.
    pub(super) rpath: Vec<String>,
    /// The folders that are searched for its own libraries.
    pub(super) runpath: Option<Vec<String>>,
}

/// The content of the headers, before the machine is known.
struct Headers {
    number: u16,
    wide: bool,
    runnable: bool,
    interpreter: Option<Vec<u8>>,
    dynamic: Vec<(u64, u64)>,
    strings: Vec<u8>,
}

impl Elf {
    /// Reads a program or a library for this host.
    ///
    /// # Errors
    /// Returns [`Error::Script`], [`Error::NoProgram`], [`Error::WrongMachine`] or [`Error::Unreadable`].
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let no_program = |reason| Error::NoProgram { path: path.to_owned(), reason };
        let wide = class(path)?;
        let cache = ReadCache::new(BufReader::new(File::open(path).map_err(unreadable(path))?));
        let headers = if wide {
            headers::<FileHeader64<Endianness>, _>(&cache)
        } else {
            headers::<FileHeader32<Endianness>, _>(&cache)
        };
        let headers = headers.map_err(|error| no_program(NoProgram::BadElf(error)))?;
        if !headers.runnable {
            return Err(no_program(NoProgram::OtherType));
        }
        let machine = Machine::of(headers.number, headers.wide).filter(|machine| machine.runs_here());
        let machine = machine.ok_or_else(|| Error::WrongMachine {
            path: path.to_owned(),
            found: name(headers.number, headers.wide),
            host: here().to_owned(),
        })?;
        headers.into_elf(machine).ok_or_else(|| no_program(NoProgram::BadStringTable))
    }

    /// Returns whether it needs neither a loader nor libraries.
    pub(super) fn is_static(&self) -> bool {
        self.interpreter.is_none() && self.needed.is_empty()
    }
}

/// Reads from the first bytes whether the file's addresses have 64 bits.
fn class(path: &Path) -> Result<bool, Error> {
    let no_program = |reason| Error::NoProgram { path: path.to_owned(), reason };
    let meta = std::fs::metadata(path).map_err(unreadable(path))?;
    if !meta.is_file() {
        return Err(no_program(NoProgram::NotRegular));
    }
    let (mut head, mut file) = (Vec::new(), File::open(path).map_err(unreadable(path))?);
    file.by_ref().take(LINE as u64).read_to_end(&mut head).map_err(unreadable(path))?;
    if head.starts_with(b"#!") {
        let line = head.split(|byte| *byte == b'\n').next().unwrap_or(&head);
        return Err(Error::Script { path: path.to_owned(), line: String::from_utf8_lossy(line).trim().to_owned() });
    }
    if !head.starts_with(&elf::ELFMAG) {
        return Err(no_program(NoProgram::UnknownFormat));
    }
    match head.get(4) {
        Some(&elf::ELFCLASS64) => Ok(true),
        Some(&elf::ELFCLASS32) => Ok(false),
        _ => Err(no_program(NoProgram::UnknownClass)),
    }
}

fn name(number: u16, wide: bool) -> String {
    let known = Machine::of(number, wide).map(|machine| machine.docker.to_owned());
    known.unwrap_or_else(|| format!("machine {number} of {} bits", if wide { 64 } else { 32 }))
}

fn headers<'data, H, R>(data: R) -> object::Result<Headers>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    let header = H::parse(data)?;
    let endian = header.endian()?;
    let segments = header.program_headers(endian, data)?;
    let mut found = Headers {
        number: header.e_machine(endian),
        wide: header.is_type_64(),
        runnable: matches!(header.e_type(endian), elf::ET_EXEC | elf::ET_DYN),
        interpreter: None,
        dynamic: Vec::new(),
        strings: Vec::new(),
    };
    for segment in segments {
        if let Some(path) = segment.interpreter(endian, data)? {
            found.interpreter = Some(path.to_vec());
        }
        if let Some(entries) = segment.dynamic(endian, data)? {
            let entries = entries.iter().map(|entry| (entry.d_tag(endian).into(), entry.d_val(endian).into()));
            found.dynamic = entries.take_while(|(tag, _)| *tag != u64::from(elf::DT_NULL)).collect();
        }
    }
    let table = found.value(elf::DT_STRTAB).zip(found.value(elf::DT_STRSZ));
    if let Some((address, size)) = table {
        let at = |segment: &H::ProgramHeader| segment.data_range(endian, data, address, size).ok().flatten();
        found.strings = segments.iter().find_map(at).map(<[u8]>::to_vec).unwrap_or_default();
    }
    Ok(found)
}

impl Headers {
    fn value(&self, tag: u32) -> Option<u64> {
        self.dynamic.iter().find(|(found, _)| *found == u64::from(tag)).map(|(_, value)| *value)
    }

    /// Returns the text at an offset of the string table.
    fn text(&self, offset: u64) -> Option<String> {
        let rest = self.strings.get(usize::try_from(offset).ok()?..)?;
        let length = rest.iter().position(|byte| *byte == 0)?;
        Some(String::from_utf8_lossy(&rest[..length]).into_owned())
    }

    /// Returns the texts of all entries with this tag, or `None` when one is not in the table.
    fn texts(&self, tag: u32) -> Option<Vec<String>> {
        let entries = self.dynamic.iter().filter(|(found, _)| *found == u64::from(tag));
        entries.map(|(_, offset)| self.text(*offset)).collect()
    }

    fn into_elf(self, machine: Machine) -> Option<Elf> {
        let folders = |texts: Vec<String>| -> Vec<String> {
            let parts = texts.iter().flat_map(|text| text.split(':')).filter(|part| !part.is_empty());
            parts.map(str::to_owned).collect()
        };
        let runpath = self.value(elf::DT_RUNPATH).is_some();
        let path = |bytes: &Vec<u8>| PathBuf::from(String::from_utf8_lossy(bytes).trim_end_matches('\0'));
        Some(Elf {
            machine,
            interpreter: self.interpreter.as_ref().map(path),
            needed: self.texts(elf::DT_NEEDED)?,
            soname: self.texts(elf::DT_SONAME)?.into_iter().next(),
            rpath: if runpath { Vec::new() } else { folders(self.texts(elf::DT_RPATH)?) },
            runpath: if runpath { Some(folders(self.texts(elf::DT_RUNPATH)?)) } else { None },
        })
    }
}
