//! Where and with what a run starts its processes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::certificates::Certificates;
use super::container::containers::Containers;
use super::error::Error;
use super::ports::Ports;
use crate::keeper::Keeper;

/// The resources with which a run starts its processes.
#[derive(Debug, Clone)]
pub struct Site {
    /// The process that starts all others.
    pub keeper: Keeper,
    /// The allotted ports.
    pub ports: Arc<Ports>,
    /// The certificates of the run.
    pub certificates: Arc<Certificates>,
    /// The containers of the run.
    pub containers: Arc<Containers>,
    /// The run's folder for temporary files: working folders, rendered templates, TMPDIR. It must exist.
    pub scratch: PathBuf,
    pub logs: PathBuf,
    /// The folder of the scenario file, to which paths of templates and programs are relative.
    pub folder: PathBuf,
    /// The binary behind `builtin:sidecar`, `builtin:upstream`, `builtin:command` and `builtin:echo`; see [`own_binary`].
    pub exe: PathBuf,
}

/// Returns the path of the running binary, for [`Site::exe`]; `/proc/self/exe` if the file was replaced, or if its path is not UTF-8, which
/// commands are.
pub fn own_binary() -> PathBuf {
    let link = PathBuf::from("/proc/self/exe");
    std::env::current_exe().ok().filter(|exe| exe.exists() && exe.to_str().is_some()).unwrap_or(link)
}

/// Creates a folder named `name`, or `name-2` and so on if it exists.
pub(super) fn fresh_folder(parent: &Path, name: &str) -> Result<PathBuf, Error> {
    let mut number = 1_u32;
    loop {
        let path = if number == 1 { parent.join(name) } else { parent.join(format!("{name}-{number}")) };
        match std::fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(cause) => return Err(Error::Folder { path, cause }),
        }
    }
}
