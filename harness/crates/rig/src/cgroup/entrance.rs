//! Moves a process into a group between its fork and its exec.

use std::fs::OpenOptions;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::unistd::write;

use super::error::{Error, explain};

/// The open `cgroup.procs` of a group's directories.
#[derive(Debug)]
pub struct Entrance {
    lists: Vec<OwnedFd>,
}

impl Entrance {
    pub(super) fn open<'a>(directories: impl Iterator<Item = &'a Path>) -> Result<Self, Error> {
        let list = |directory: &Path| {
            let path = directory.join("cgroup.procs");
            let file = OpenOptions::new().write(true).open(&path);
            file.map(OwnedFd::from).map_err(|error| explain(&path, "opening it", &error))
        };
        Ok(Self { lists: directories.map(list).collect::<Result<_, _>>()? })
    }

    /// Moves the calling process into the group. Only makes system calls, so it may run between fork and exec. It can take 20 ms, because
    /// the kernel waits for all CPUs before it moves a process.
    ///
    /// # Errors
    /// Returns the error of the kernel.
    pub fn enter(&self) -> Result<(), Errno> {
        // "0" is the writing process.
        self.lists.iter().try_for_each(|list| {
            loop {
                match write(list, b"0") {
                    Err(Errno::EINTR) => {}
                    written => return written.map(|_| ()),
                }
            }
        })
    }
}
