//! Finds the file of a program.

use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::refusal::Refusal;

/// Finds the file of `program`: in `path` (colon-separated) if it has no slash, otherwise relative to `folder`.
///
/// # Errors
/// Returns [`Refusal::NotInPath`], [`Refusal::NotFound`], [`Refusal::NotExecutable`], or [`Refusal::Failed`] if the file cannot be inspected.
pub fn find(program: &str, folder: &Path, path: &str) -> Result<PathBuf, Refusal> {
    if program.contains('/') {
        let file = folder.join(program);
        return check(&file).map(|()| file);
    }
    let candidates = path.split(':').filter(|folder| !folder.is_empty()).map(|folder| Path::new(folder).join(program));
    let mut refused = None;
    for candidate in candidates {
        match check(&candidate) {
            Ok(()) => return Ok(candidate),
            Err(refusal @ Refusal::NotExecutable { .. }) => refused = refused.or(Some(refusal)),
            Err(_) => {}
        }
    }
    Err(refused.unwrap_or_else(|| Refusal::NotInPath { program: program.to_owned(), path: path.to_owned() }))
}

/// Refuses a file that the kernel would not run, because the C library passes such a file to a shell instead of failing. Accepts a
/// file that is executable but not readable.
///
/// # Errors
/// Returns [`Refusal::WrongFormat`].
pub(super) fn check_format(file: &Path) -> Result<(), Refusal> {
    let Some(header) = header(file) else { return Ok(()) };
    let script = header.starts_with(b"#!");
    let native = self::header(Path::new("/proc/self/exe"))
        .is_none_or(|own| header.len() == HEADER && kind(&header) == kind(&own));
    if script || native { Ok(()) } else { Err(Refusal::WrongFormat { program: file.display().to_string() }) }
}

/// The length of an ELF header up to and including the machine.
const HEADER: usize = 20;

fn header(file: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file).ok()?.take(HEADER as u64).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Returns the magic number, word size and byte order, and the machine.
fn kind(header: &[u8]) -> (Option<&[u8]>, Option<&[u8]>) {
    (header.get(..6), header.get(18..HEADER))
}

/// Returns whether an error means that a path does not exist, and not that it could not be resolved.
pub(super) fn is_absent(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename)
}

fn check(file: &Path) -> Result<(), Refusal> {
    let program = file.display().to_string();
    match file.metadata() {
        Ok(about) if about.is_file() && about.permissions().mode() & 0o111 != 0 => Ok(()),
        Ok(_) => Err(Refusal::NotExecutable { program }),
        Err(error) if is_absent(&error) => Err(Refusal::NotFound { program }),
        Err(error) => Err(Refusal::Failed { program, message: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_in_path_or_at_its_own_path() {
        assert_eq!(find("sh", Path::new("/nowhere"), "/nonexistent:/bin"), Ok(PathBuf::from("/bin/sh")));
        assert_eq!(find("./sh", Path::new("/bin"), ""), Ok(PathBuf::from("/bin/./sh")));
        assert!(matches!(find("sh-not", Path::new("/"), "/bin"), Err(Refusal::NotInPath { .. })));
        assert!(matches!(find("bin/sh-not", Path::new("/"), "/bin"), Err(Refusal::NotFound { .. })));
        assert!(matches!(find("/etc/passwd", Path::new("/"), "/bin"), Err(Refusal::NotExecutable { .. })));
        assert!(matches!(find("/bin", Path::new("/"), "/bin"), Err(Refusal::NotExecutable { .. })));
        let place = std::env::temp_dir().join(format!("harness-test-loop-{}", std::process::id()));
        std::os::unix::fs::symlink(&place, &place).unwrap();
        let failed = find(&place.to_string_lossy(), Path::new("/"), "/bin").unwrap_err();
        std::fs::remove_file(&place).unwrap();
        assert!(failed.is_of_host() && failed.to_string().contains("Too many levels"), "{failed}");
    }
}
