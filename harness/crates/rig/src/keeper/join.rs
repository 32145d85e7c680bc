//! Moves a child into its control group, and measures how long that takes.
//!
//! The kernel waits for all CPUs before it moves a process, which can take 20 ms: most of a program's startup time. The program does
//! not cause it, so the child measures and reports it, and the instant of the start is moved by it.

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
    report: OwnedFd,
}

#[derive(Debug)]
pub(super) struct JoinResult(OwnedFd);

/// Creates both ends for a child that will enter `group`.
pub(super) fn join(group: &Own) -> Result<(Join, JoinResult), Error> {
    let entrance = group.entrance()?;
    let refused = |errno: Errno| refused(group, errno);
    let (receiver, report) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(refused)?;
    Ok((Join { entrance, report }, JoinResult(receiver)))
}

/// Explains why the child could not enter.
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
    /// Enters the group. Runs between fork and exec, so it only makes system calls. Reports the nanoseconds it took, or the negative
    /// error number.
    pub(super) fn enter(&self) -> Result<(), Errno> {
        let begun = Mono::now();
        let entered = self.entrance.enter();
        let report = match entered {
            Ok(()) => i64::try_from(Mono::now().since(begun).0).unwrap_or(0),
            Err(errno) => -i64::from(errno as i32),
        };
        write(&self.report, &report.to_ne_bytes())?;
        entered
    }
}

impl JoinResult {
    /// Returns how long it took, or why it failed; nothing when the child did not get that far.
    pub(super) fn receive(&self) -> Option<Result<Nanos, Errno>> {
        let mut bytes = [0; 8];
        let whole = read(&self.0, &mut bytes).is_ok_and(|length| length == bytes.len());
        let report = whole.then(|| i64::from_ne_bytes(bytes))?;
        Some(u64::try_from(report).map(Nanos).map_err(|_| Errno::from_raw(i32::try_from(-report).unwrap_or(0))))
    }
}
