//! How a child enters its control group, and how long that takes.
//!
//! The kernel waits for all CPUs before it moves a process: that was measured to take up to 20 ms, in a program's startup time
//! most of it. It is not the program's doing, so the child takes the time and tells it, and the instant of the start is
//! moved on by it.

use std::io;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{pipe2, read, write};

use crate::cgroup::{Entrance, Error, Own};
use harness_base::clock::Mono;
use harness_base::units::Nanos;

#[derive(Debug)]
pub(super) struct Join {
    entrance: Entrance,
    tell: OwnedFd,
}

#[derive(Debug)]
pub(super) struct JoinResult(OwnedFd);

/// Both parts for a child that is to enter `group`.
pub(super) fn join(group: &Own) -> Result<(Join, JoinResult), Error> {
    let entrance = group.entrance()?;
    let refused = |errno: Errno| refused(group, errno);
    let (told, tell) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(refused)?;
    Ok((Join { entrance, tell }, JoinResult(told)))
}

/// What it means that the child could not enter.
pub(super) fn refused(group: &Own, errno: Errno) -> Error {
    let path = group.places().each().next().map(|place| place.path.join("cgroup.procs")).unwrap_or_default();
    match errno {
        Errno::EACCES | Errno::EPERM => Error::NotPermitted { path },
        _ => Error::Refused {
            path,
            action: "entering this group".to_owned(),
            message: io::Error::from(errno).to_string(),
        },
    }
}

impl Join {
    /// Runs between fork and exec: system calls only. Tells the nanoseconds it took, or the negative error number.
    pub(super) fn enter(&self) -> Result<(), Errno> {
        let begun = Mono::now();
        let entered = self.entrance.enter();
        let word = match entered {
            Ok(()) => i64::try_from(Mono::now().since(begun).0).unwrap_or(0),
            Err(errno) => -i64::from(errno as i32),
        };
        write(&self.tell, &word.to_ne_bytes())?;
        entered
    }
}

impl JoinResult {
    /// How long it took, or why not; nothing when the child did not get that far.
    pub(super) fn hear(&self) -> Option<Result<Nanos, Errno>> {
        let mut word = [0; 8];
        let whole = read(&self.0, &mut word).is_ok_and(|length| length == word.len());
        let word = whole.then(|| i64::from_ne_bytes(word))?;
        Some(u64::try_from(word).map(Nanos).map_err(|_| Errno::from_raw(i32::try_from(-word).unwrap_or(0))))
    }
}
