//! The lock that allows one run at a time per host, because concurrent runs would disturb each other.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use nix::sys::signal::kill;
use nix::unistd::{Pid, geteuid};

use super::error::{Error, has_no_place};
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The path of the lock: the same for all users and checkouts, independent of `TMPDIR`.
const PLACE: &str = "/tmp/harness.lock";
/// Its name in the folder for temporary files, if `/tmp` is read-only or does not exist.
const NAME: &str = "harness.lock";
const RETRY: Duration = Duration::from_millis(50);

/// The host's lock. It is held until it is dropped or the process ends in any way, in which case the kernel releases it.
///
/// The file remains. If it were removed, a third run could lock a new file of the same name while a second run waits for the old
/// one, and both would measure.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock if it is free.
    ///
    /// # Errors
    /// Returns [`Error::Busy`] with the run that holds it, or [`Error::NoLock`] when the file cannot be opened.
    pub fn acquire() -> Result<Self, Error> {
        Self::acquire_within(Duration::ZERO)
    }

    /// Takes the lock, waiting for it at most `timeout`. Blocks the calling thread.
    ///
    /// # Errors
    /// As [`Lock::acquire`].
    pub fn acquire_within(timeout: Duration) -> Result<Self, Error> {
        match Self::at(Path::new(PLACE), timeout) {
            // The file cannot be made, for example in a container with a read-only root. Runs with the same folder for temporary files
            // exclude each other there.
            Err(Error::NoLock { cause, .. }) if has_no_place(&cause) => {
                Self::at(&std::env::temp_dir().join(NAME), timeout)
            }
            locked => locked,
        }
    }

    fn at(path: &Path, timeout: Duration) -> Result<Self, Error> {
        let unusable = |cause| Error::NoLock { path: path.to_owned(), cause };
        let mut file = open(path).map_err(unusable)?;
        if !file.metadata().map_err(unusable)?.is_file() {
            return Err(unusable(std::io::Error::other("it is not a regular file")));
        }
        let deadline = Mono::now().after(Nanos(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX)));
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(cause)) => return Err(unusable(cause)),
                Err(TryLockError::WouldBlock) if deadline.remaining() == Nanos::ZERO => {
                    return Err(Error::Busy { pid: holder(path) });
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(RETRY.min(deadline.remaining().duration())),
            }
        }
        // The file of another user may not be writable. The lock is still held, but without the pid.
        drop(file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())));
        Ok(Self { _file: file })
    }
}

/// Opens the lock file, for writing if possible. It is created exclusively and never through a link: in a folder like
/// `/tmp` the kernel (`fs.protected_regular`) refuses to open another user's file in a mode that might create it.
fn open(path: &Path) -> std::io::Result<File> {
    let existing = |write| OpenOptions::new().read(true).write(write).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(path);
    match existing(true) {
        Err(error) if [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem].contains(&error.kind()) => {
            existing(false)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => match create(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => existing(true).or_else(|_| existing(false)),
            created => created,
        },
        opened => opened,
    }
}

fn create(path: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
    // The creation mode cannot be used, because the umask restricts it.
    file.set_permissions(Permissions::from_mode(0o666))?;
    Ok(file)
}

/// Returns the pid in the lock file, if the file belongs to this user or root and the process exists: others can write any number.
fn holder(path: &Path) -> Option<i32> {
    let mut text = String::new();
    let file = open(path).ok()?;
    let owner = file.metadata().ok()?.uid();
    if owner != 0 && owner != geteuid().as_raw() {
        return None;
    }
    file.take(32).read_to_string(&mut text).ok()?;
    let pid = text.trim().parse().ok().filter(|pid| *pid > 1)?;
    // A process of another user exists too, although it may not be signalled.
    matches!(kill(Pid::from_raw(pid), None), Ok(()) | Err(Errno::EPERM)).then_some(pid)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            Self(std::env::temp_dir().join(format!("harness-test-{name}-{}.lock", std::process::id())))
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            drop(std::fs::remove_file(&self.0));
        }
    }

    #[test]
    fn a_second_run_learns_the_holder_and_gets_the_lock_afterwards() {
        let place = Place::new("busy");
        let first = Lock::at(&place.0, Duration::ZERO).unwrap();
        let own = std::process::id().cast_signed();
        assert!(matches!(Lock::at(&place.0, Duration::ZERO), Err(Error::Busy { pid: Some(pid) }) if pid == own));
        let began = Mono::now();
        assert!(Lock::at(&place.0, Duration::from_millis(120)).is_err());
        assert!(Mono::now().since(began) >= Nanos::from_millis(120), "it waited");
        let waiting = std::thread::scope(|scope| {
            let second = scope.spawn(|| Lock::at(&place.0, Duration::from_secs(20)).is_ok());
            std::thread::sleep(Duration::from_millis(100));
            drop(first);
            second.join().unwrap()
        });
        assert!(waiting);
        let mode = std::fs::metadata(&place.0).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o666, "every user can take it");
    }

    #[test]
    fn a_killed_holder_leaves_the_lock_free() {
        let place = Place::new("killed");
        drop(create(&place.0).unwrap());
        let script = "exec 9<>\"$1\"; flock 9; echo held; exec sleep 60";
        let mut holder = std::process::Command::new("sh");
        holder.args(["-c", script, "sh"]).arg(&place.0).stdout(std::process::Stdio::piped());
        let mut holder = holder.spawn().unwrap();
        holder.stdout.as_mut().unwrap().read_exact(&mut [0; 5]).unwrap();
        let refused = Lock::at(&place.0, Duration::ZERO);
        holder.kill().unwrap();
        holder.wait().unwrap();
        assert!(matches!(refused, Err(Error::Busy { pid: None })));
        assert!(Lock::at(&place.0, Duration::from_secs(5)).is_ok());
    }

    #[test]
    fn a_pipe_in_its_place_neither_blocks_nor_counts() {
        let place = Place::new("pipe");
        nix::unistd::mkfifo(&place.0, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(matches!(Lock::at(&place.0, Duration::ZERO), Err(Error::NoLock { .. })));
    }

    #[test]
    fn a_number_that_names_no_process_of_a_run_is_not_advised() {
        let place = Place::new("forged");
        for text in ["-1", "1", "0", "99999999", "x"] {
            std::fs::write(&place.0, text).unwrap();
            assert_eq!(holder(&place.0), None, "{text}");
        }
    }

    #[test]
    fn a_link_is_not_followed() {
        let place = Place::new("link");
        std::os::unix::fs::symlink("/proc/self/status", &place.0).unwrap();
        assert!(matches!(Lock::at(&place.0, Duration::ZERO), Err(Error::NoLock { .. })));
    }
}
