//! Reads and writes the calibration file of this host.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::measure::calibration::{self, Calibration};
use harness_base::files;

/// The variable that names the file.
pub const VARIABLE: &str = "HARNESS_CALIBRATION";

/// Path in the state folder of the user.
const FILE: &str = "harness/calibration.json";

/// Errors of the calibration file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No variable determines the path.
    #[error(
        "the path of the calibration is unknown, because none of HARNESS_CALIBRATION, XDG_STATE_HOME and HOME is set; \
         name one with --out FILE"
    )]
    NoPlace,
    /// The file exists but cannot be read.
    #[error("the calibration {} cannot be read: {cause}; inspect it with: ls -l {}", path.display(), path.display())]
    Unreadable { path: PathBuf, cause: io::Error },
    /// The file exists but cannot be used.
    #[error("{} cannot be used as a calibration: {why}; measure again with: harness calibrate", path.display())]
    Malformed { path: PathBuf, why: String },
    #[error(
        "the calibration {} cannot be written: {cause}; choose another file with --out FILE, or for good with \
         export HARNESS_CALIBRATION=FILE",
        path.display()
    )]
    Unwritable { path: PathBuf, cause: io::Error },
}

/// Returns the path of the calibration: `HARNESS_CALIBRATION`, or `harness/calibration.json` below `XDG_STATE_HOME` or
/// `~/.local/state`.
///
/// # Errors
/// Returns [`Error::NoPlace`] if none of these is set.
pub fn place() -> Result<PathBuf, Error> {
    place_by(|name| std::env::var_os(name)).ok_or(Error::NoPlace)
}

/// Follows the XDG Base Directory Specification: empty and relative values are ignored.
fn place_by(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let of = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let absolute = |path: &PathBuf| path.is_absolute();
    of(VARIABLE).or_else(|| {
        let state = of("XDG_STATE_HOME").filter(absolute);
        let state = state.or_else(|| Some(of("HOME").filter(absolute)?.join(".local/state")))?;
        Some(state.join(FILE))
    })
}

/// Reads the calibration of this user; `None` if it does not exist.
///
/// # Errors
/// Returns [`Error::Unreadable`] or [`Error::Malformed`].
pub fn stored() -> Result<Option<Calibration>, Error> {
    place().map_or(Ok(None), |path| read(&path))
}

/// Reads a calibration; `None` if the file does not exist.
///
/// # Errors
/// Returns [`Error::Unreadable`] or [`Error::Malformed`].
pub fn read(path: &Path) -> Result<Option<Calibration>, Error> {
    let text = match files::read_text(path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(cause) => return Err(Error::Unreadable { path: path.to_owned(), cause }),
    };
    calibration::parse(&text).map(Some).map_err(|why| Error::Malformed { path: path.to_owned(), why })
}

/// Creates the folder of the file and checks that the file can be written, before anything is measured.
///
/// # Errors
/// Returns [`Error::Unwritable`].
pub fn make_room(path: &Path) -> Result<(), Error> {
    files::make_room(path).map_err(|cause| Error::Unwritable { path: path.to_owned(), cause })
}

/// Replaces the calibration file atomically.
///
/// # Errors
/// Returns [`Error::Unwritable`].
pub fn write(calibration: &Calibration, path: &Path) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(calibration).map_err(io::Error::other);
    let written = text.and_then(|text| files::write_whole(path, (text + "\n").as_bytes()));
    written.map_err(|cause| Error::Unwritable { path: path.to_owned(), cause })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_file_is_where_the_variables_say() {
        let place = |set: &[(&str, &str)]| {
            let of = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
            place_by(of).map(|path| path.display().to_string())
        };
        let (home, state) = (("HOME", "/home/ann"), ("XDG_STATE_HOME", "/state"));
        assert_eq!(place(&[]), None);
        assert_eq!(place(&[home]).unwrap(), "/home/ann/.local/state/harness/calibration.json");
        assert_eq!(place(&[home, state]).unwrap(), "/state/harness/calibration.json");
        assert_eq!(place(&[home, state, (VARIABLE, "own.json")]).unwrap(), "own.json");
        for nothing in ["", "relative"] {
            let set = [home, ("XDG_STATE_HOME", nothing)];
            assert_eq!(place(&set).unwrap(), "/home/ann/.local/state/harness/calibration.json");
        }
        assert_eq!(place(&[("HOME", ""), (VARIABLE, "")]), None);
    }

    #[test]
    fn a_written_file_is_read_and_no_other_is_left() {
        let folder = std::env::temp_dir().join(format!("harness-test-calibration-{}", std::process::id()));
        let path = folder.join("deep/calibration.json");
        assert!(read(&path).unwrap().is_none());
        make_room(&path).unwrap();
        assert!(read(&path).unwrap().is_none(), "a folder alone is not a calibration");
        let mut found = Calibration { schema_version: 1, ..Calibration::default() };
        found.fingerprint = found.host.fingerprint();
        write(&found, &path).unwrap();
        assert_eq!(read(&path).unwrap().as_ref(), Some(&found));
        let files = fs::read_dir(folder.join("deep")).unwrap().count();
        fs::write(&path, "{}").unwrap();
        let malformed = read(&path).unwrap_err().to_string();
        let below = read(&path.join("below"));
        let shut = make_room(&folder.join("deep")).unwrap_err().to_string();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(files, 1);
        assert!(malformed.ends_with("it has no schema_version; measure again with: harness calibrate"), "{malformed}");
        assert!(below.unwrap().is_none());
        assert!(shut.contains("cannot be written: ") && shut.contains("--out FILE"), "{shut}");
    }
}
