//! Where and with what a run starts its processes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::container::containers::Containers;
use super::error::Error;
use super::ports::Ports;
use crate::keeper::Keeper;

/// Where and with what a run starts its processes.
#[derive(Debug, Clone)]
pub struct Site {
    /// The process that starts them.
    pub keeper: Keeper,
    /// The ports handed out so far.
    pub ports: Arc<Ports>,
    /// The containers started so far, and what they need.
    pub containers: Arc<Containers>,
    /// The run's folder for what is thrown away: working folders, rendered templates, TMPDIR. It must exist.
    pub scratch: PathBuf,
    pub logs: PathBuf,
    /// Folder of the scenario file: templates and programs with a relative path start here.
    pub folder: PathBuf,
    /// The binary behind `builtin:sidecar` and `builtin:upstream`; see [`own_binary`].
    pub exe: PathBuf,
}

/// The file of the running binary, for [`Site::exe`]. `/proc/self/exe` itself where its file was replaced meanwhile.
pub fn own_binary() -> PathBuf {
    let link = PathBuf::from("/proc/self/exe");
    std::env::current_exe().ok().filter(|exe| exe.exists()).unwrap_or(link)
}

/// Creates a folder named `name`, or `name-2` and so on where a launch of this name was there before.
pub(super) fn fresh_folder(parent: &Path, name: &str) -> Result<PathBuf, Error> {
    let mut number = 1_u32;
    loop {
        let path = if number == 1 { parent.join(name) } else { parent.join(format!("{name}-{number}")) };
        match std::fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(source) => return Err(Error::Folder { path, source }),
        }
    }
}
