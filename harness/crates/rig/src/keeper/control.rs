//! The control process's side: a handle of the keeper.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child as Process, Command as Builder, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

use super::error::Error;
use super::log::tail;
use super::orphans::kill_orphans;
use super::wire::{Packet, Reply, Request, receive, send};
use crate::aside::aside;
use crate::environment;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The timeout of a request. The longest request, the cleanup, takes 5 s.
const TIMEOUT: Nanos = Nanos::from_secs(10);
/// The time for a killed keeper to disappear.
const DYING: Nanos = Nanos::from_secs(3);

/// A handle of the keeper process, which clones share. When the last handle and the last [`super::Child`] are dropped, the keeper kills
/// everything that it started, and exits.
#[derive(Debug, Clone)]
pub struct Keeper {
    link: Arc<Link>,
}

#[derive(Debug)]
struct Link {
    pid: i32,
    log: PathBuf,
    timeout: Nanos,
    line: Mutex<ControlLine>,
    process: Mutex<Process>,
}

#[derive(Debug)]
struct ControlLine {
    /// Absent after the keeper was asked to exit, and after it did not answer: a keeper that is stopped must not delay each later request.
    socket: Option<OwnedFd>,
    sent: u64,
}

impl Keeper {
    /// Starts the keeper from the running binary. Its own stderr goes to `keeper.log` in the folder `logs`.
    ///
    /// # Errors
    /// Returns [`Error::Start`].
    pub fn start(logs: &Path) -> Result<Self, Error> {
        Self::start_with(Path::new("/proc/self/exe"), logs)
    }

    /// Starts the keeper from the harness binary at `exe`.
    ///
    /// # Errors
    /// Returns [`Error::Start`].
    pub fn start_with(exe: &Path, logs: &Path) -> Result<Self, Error> {
        let keeper = Self::begin(exe, logs, TIMEOUT)?;
        match keeper.call(&Request::Hello) {
            Ok((Reply::Here, _)) => Ok(keeper),
            Ok(_) => Err(Error::Confused),
            Err(error) => {
                let message = tail(&keeper.link.log, 3).join(" / ");
                let cause = io::Error::other(if message.is_empty() { error.to_string() } else { message });
                Err(Error::Start { exe: exe.to_owned(), cause })
            }
        }
    }

    fn begin(exe: &Path, logs: &Path, timeout: Nanos) -> Result<Self, Error> {
        let log = logs.join("keeper.log");
        let started = || -> io::Result<(OwnedFd, Process)> {
            std::fs::create_dir_all(logs)?;
            let (ours, its) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
            let mut builder = Builder::new(exe);
            builder
                .arg("__keeper")
                .env_clear()
                .envs(environment::inherited())
                .stdin(Stdio::from(its))
                .stdout(Stdio::null())
                .stderr(File::create(&log)?);
            Ok((ours, builder.spawn()?))
        };
        let (socket, process) = started().map_err(|cause| Error::Start { exe: exe.to_owned(), cause })?;
        let pid = i32::try_from(process.id()).unwrap_or(0);
        let line = Mutex::new(ControlLine { socket: Some(socket), sent: 0 });
        Ok(Self { link: Arc::new(Link { pid, log, timeout, line, process: Mutex::new(process) }) })
    }

    pub fn pid(&self) -> i32 {
        self.link.pid
    }

    /// Creates the folder `path`, which must not exist. The keeper removes it with its content at the end.
    ///
    /// # Errors
    /// Returns [`Error::Refused`] when it exists already or cannot be created.
    pub fn scratch(&self, path: &Path) -> Result<(), Error> {
        match self.call(&Request::Scratch { path: path.to_owned() })?.0 {
            Reply::Done => Ok(()),
            Reply::Refused(refusal) => Err(refusal.into()),
            _ => Err(Error::Confused),
        }
    }

    /// Makes the keeper remove all services, secrets, containers, networks and images with `label` (`NAME=VALUE`) at the end, however control ends.
    /// Containers are children of the engine, so killing descendants does not end them.
    ///
    /// # Errors
    /// Returns [`Error::Gone`].
    pub fn remove_containers(&self, label: &str) -> Result<(), Error> {
        match self.call(&Request::Containers { label: label.to_owned() })?.0 {
            Reply::Done => Ok(()),
            _ => Err(Error::Confused),
        }
    }

    /// Kills everything that still runs, and ends the keeper. Takes at most about 5 s, and 10 s more if the keeper does not answer: it
    /// is killed then. If it did not answer an earlier request, it is killed after 3 s.
    ///
    /// # Errors
    /// Returns an error if the keeper ended before or did not answer. All processes have ended nevertheless, if this process adopts
    /// orphans; what else the keeper was to remove remains.
    pub async fn shutdown(&self) -> Result<(), Error> {
        let keeper = self.clone();
        let work = move || {
            let answer = keeper.call(&Request::Shutdown).map(drop);
            keeper.link.end();
            if answer.is_err() {
                kill_orphans();
            }
            answer
        };
        // Without a thread, the event loop waits.
        aside(work.clone()).await.unwrap_or_else(|_| work())
    }

    pub(super) fn call(&self, request: &Request) -> Result<(Reply, Vec<OwnedFd>), Error> {
        let mut line = lock(&self.link.line);
        let answer = self.ask(&mut line, request);
        if matches!(answer, Err(Error::Silent { .. })) {
            line.socket = None;
        }
        answer
    }

    fn ask(&self, line: &mut ControlLine, request: &Request) -> Result<(Reply, Vec<OwnedFd>), Error> {
        line.sent += 1;
        let id = line.sent;
        let gone = || Error::Gone { pid: self.link.pid, log: self.link.log.clone() };
        let Some(socket) = line.socket.as_ref() else { return Err(gone()) };
        send(socket.as_fd(), &Packet { id, body: request }, &[]).map_err(|error| self.lost(error))?;
        let end = Mono::now().after(self.link.timeout);
        self.await_answer(socket, end)?;
        match receive::<Reply>(socket.as_fd()) {
            Ok(Some((packet, fds))) if packet.id == id => Ok((packet.body, fds)),
            Ok(Some(_)) => Err(Error::Confused),
            Ok(None) => Err(gone()),
            Err(error) => Err(self.lost(error)),
        }
    }

    fn await_answer(&self, socket: &OwnedFd, end: Mono) -> Result<(), Error> {
        loop {
            let mut polled = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
            let left = u16::try_from(end.remaining().0.div_ceil(1_000_000)).unwrap_or(u16::MAX);
            match poll(&mut polled, PollTimeout::from(left)) {
                Ok(0) => return Err(Error::Silent { pid: self.link.pid, seconds: self.link.timeout.as_secs_f64() }),
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(Error::Wire(error.into())),
            }
        }
    }

    fn lost(&self, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::NotConnected => {
                Error::Gone { pid: self.link.pid, log: self.link.log.clone() }
            }
            _ => Error::Wire(error),
        }
    }
}

impl Link {
    /// Closes the socket, which ends the keeper, and reaps it.
    fn end(&self) {
        let answered = lock(&self.line).socket.take().is_some();
        let mut process = lock(&self.process);
        if !ends_within(&mut process, if answered { self.timeout } else { DYING }) {
            // It is stopped, or waits for a file system.
            let _ended = process.kill();
            ends_within(&mut process, DYING);
        }
    }
}

/// Waits for the end of a child and collects it. Returns whether it ended in time.
fn ends_within(process: &mut Process, span: Nanos) -> bool {
    let end = Mono::now().after(span);
    while matches!(process.try_wait(), Ok(None)) {
        if Mono::now() >= end {
            return false;
        }
        std::thread::sleep(Nanos::from_millis(1).duration());
    }
    true
}

impl Drop for Link {
    fn drop(&mut self) {
        self.end();
    }
}

/// Locks a mutex. Its state is valid between any two statements, so a panic of another thread does not corrupt it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_keeper_that_does_not_answer_delays_one_request_and_is_killed() {
        let folder = std::env::temp_dir().join(format!("harness-silent-keeper-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let exe = folder.join("keeper");
        std::fs::write(&exe, "#!/bin/sh\nexec sleep 600\n").unwrap();
        std::fs::set_permissions(&exe, std::fs::Permissions::from_mode(0o700)).unwrap();
        let keeper = Keeper::begin(&exe, &folder, Nanos::from_millis(200)).unwrap();
        let pid = keeper.pid();
        assert!(matches!(keeper.call(&Request::Hello), Err(Error::Silent { .. })));
        let again = Mono::now();
        assert!(matches!(keeper.call(&Request::Hello), Err(Error::Gone { .. })));
        assert!(Mono::now().since(again) < Nanos::from_millis(200), "the second request waited");
        drop(keeper);
        assert!(!Path::new("/proc").join(pid.to_string()).exists(), "it was not killed");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
