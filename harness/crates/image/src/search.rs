//! The folders in which a loader searches for libraries, besides those that programs name.

use std::path::{Path, PathBuf};

use super::machine::Machine;

/// The cache that `ldconfig` writes for glibc.
const CACHE: &str = "/etc/ld.so.cache";
/// The first bytes of that file since glibc 2.2.
const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
/// The length of its header.
const HEADER: usize = 48;
/// The length of an entry.
const ENTRY: usize = 24;
/// The libraries that are part of musl's loader.
const MUSL_SELF: [&str; 7] = ["libc.", "libpthread.", "librt.", "libm.", "libdl.", "libutil.", "libxnet."];

/// The search path and the cache of one loader.
#[derive(Debug, Clone, Default)]
pub(super) struct Search {
    cache: Vec<(String, PathBuf)>,
    folders: Vec<PathBuf>,
    musl: bool,
    /// The file with the loader's search path, which the image needs too.
    pub(super) settings: Option<PathBuf>,
}

impl Search {
    /// Returns the search path of the loader `interpreter`.
    pub(super) fn of(interpreter: &Path, machine: Machine) -> Self {
        let name = interpreter.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        match name.strip_prefix("ld-musl-") {
            Some(rest) => Self::musl(rest.split('.').next().unwrap_or(rest)),
            None => Self {
                cache: std::fs::read(CACHE).ok().and_then(|file| entries(&file)).unwrap_or_default(),
                folders: trusted(machine),
                ..Self::default()
            },
        }
    }

    fn musl(arch: &str) -> Self {
        let settings = PathBuf::from(format!("/etc/ld-musl-{arch}.path"));
        let text = std::fs::read_to_string(&settings).ok();
        let folders = text.clone().unwrap_or_else(|| "/lib:/usr/local/lib:/usr/lib".to_owned());
        let folders = folders.split([':', '\n']).filter(|folder| !folder.is_empty()).map(PathBuf::from);
        Self { folders: folders.collect(), musl: true, settings: text.map(|_| settings), ..Self::default() }
    }

    /// Returns whether the loader itself is the library of this name.
    pub(super) fn is_loader(&self, name: &str) -> bool {
        self.musl && MUSL_SELF.iter().any(|own| name.starts_with(own))
    }

    /// Returns whether the C library is glibc, which has modules for names and addresses.
    pub(super) fn is_glibc(&self) -> bool {
        !self.musl
    }

    /// Returns the paths at which `name` may be, in the loader's order.
    pub(super) fn places(&self, name: &str) -> impl Iterator<Item = PathBuf> {
        let cached = self.cache.iter().filter(move |(known, _)| known == name).map(|(_, path)| path.clone());
        cached.chain(self.folders.iter().map(move |folder| folder.join(name)))
    }

    /// Returns the folders that are searched last.
    pub(super) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }
}

fn trusted(machine: Machine) -> Vec<PathBuf> {
    let mut folders = vec![format!("/lib/{}", machine.triplet), format!("/usr/lib/{}", machine.triplet)];
    if machine.wide() {
        folders.extend(["/lib64".to_owned(), "/usr/lib64".to_owned()]);
    }
    folders.extend(["/lib".to_owned(), "/usr/lib".to_owned()]);
    folders.into_iter().map(PathBuf::from).collect()
}

/// Reads the names and paths in the loader's cache; `None` for an unknown format. Skips libraries for certain processors
/// (`glibc-hwcaps`), because an image must run on other hosts too.
fn entries(file: &[u8]) -> Option<Vec<(String, PathBuf)>> {
    let start = file.windows(MAGIC.len()).position(|window| window == MAGIC)?;
    let file = &file[start..];
    let word = |at: usize| {
        let bytes: [u8; 4] = file.get(at..at.checked_add(4)?)?.try_into().ok()?;
        usize::try_from(u32::from_ne_bytes(bytes)).ok()
    };
    let text = |at: usize| {
        let rest = file.get(at..)?;
        Some(String::from_utf8_lossy(&rest[..rest.iter().position(|byte| *byte == 0)?]).into_owned())
    };
    let count = word(MAGIC.len())?.min(file.len() / ENTRY);
    let entry = |index: usize| {
        let at = HEADER + index * ENTRY;
        let plain = word(at + 16)? == 0 && word(at + 20)? == 0;
        Some((text(word(at + 4)?)?, PathBuf::from(text(word(at + 8)?)?), plain))
    };
    let found: Option<Vec<_>> = (0..count).map(entry).collect();
    Some(found?.into_iter().filter(|(_, _, plain)| *plain).map(|(name, path, _)| (name, path)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_of_this_host_names_files_that_exist() {
        let Ok(file) = std::fs::read(CACHE) else {
            eprintln!("SKIPPED: {CACHE} does not exist here");
            return;
        };
        let found = entries(&file).unwrap();
        let (libc, path) = found.iter().find(|(name, _)| name == "libc.so.6").unwrap();
        assert!(path.is_file() && path.ends_with(libc), "{}", path.display());
        let printed = std::process::Command::new("ldconfig").arg("-p").output();
        if let Ok(printed) = printed.or_else(|_| std::process::Command::new("/sbin/ldconfig").arg("-p").output()) {
            let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
            for (name, path) in &found {
                let line =
                    printed.lines().any(|line| line.contains(name) && line.ends_with(&path.display().to_string()));
                assert!(line, "{name} {}", path.display());
            }
        }
    }

    #[test]
    fn a_broken_cache_is_ignored() {
        assert_eq!(entries(b"garbage"), None);
        let mut cut = MAGIC.to_vec();
        cut.extend([5, 0, 0, 0]);
        cut.extend([0; 200]);
        assert_eq!(entries(&cut[..MAGIC.len() + 2]), None);
        assert_eq!(entries(&[MAGIC, &[255; 4], &[255; 60]].concat()), None);
    }

    #[test]
    fn musl_provides_the_libraries_that_it_contains() {
        let musl =
            Search::of(Path::new("/lib/ld-musl-nowhere.so.1"), Machine::of(object::elf::EM_X86_64, true).unwrap());
        assert!(
            musl.is_loader("libc.so") && musl.is_loader("libc.musl-x86_64.so.1") && musl.is_loader("libpthread.so.0")
        );
        assert!(!musl.is_loader("libssl.so.3") && !musl.is_glibc());
        assert_eq!(musl.places("libz.so").next(), Some(PathBuf::from("/lib/libz.so")));
    }
}
