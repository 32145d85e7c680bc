//! The keeper process: one thread, one poll loop.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::process::ExitCode;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill, killpg};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid, setsid};

use super::log::{Drained, Log};
use super::refusal::Refusal;
use super::scratch::Scratch;
use super::wire::{Packet, Reach, Reply, Request, receive, send};
use super::{spawn, sweep, tree};
use crate::cgroup::Own;
use crate::launch::Ending;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The time for killing everything at the end. With the round trips before and after, the cleanup takes less than 5 s.
const CLEARING: Nanos = Nanos::from_secs(4);
/// The time for processes in a control group to end.
const EMPTYING: Nanos = Nanos::from_millis(500);
/// The milliseconds between two attempts to remove a group whose processes are ending.
const RETRY: u16 = 100;
/// The minimum time for removing containers, even if the killing used all of its time.
const SWEEPING: Nanos = Nanos::from_secs(1);
/// The bytes of one log that are copied before the next request is handled.
const TURN: usize = 512 * 1024;
/// The bytes of one log that are copied before the end of its process is reported.
const LAST_OUTPUT: usize = 16 * 1024 * 1024;

/// The entry point of `harness __keeper`, whose stdin is the socket to the control process.
pub fn main() -> ExitCode {
    let prepared = std::io::stdin().as_fd().try_clone_to_owned().and_then(Server::new);
    match prepared.and_then(Server::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("keeper: {error}; it is started by `harness run`, not by hand")),
    }
}

#[derive(Debug)]
struct Entry {
    pid: i32,
    mark: String,
    ending: Option<Ending>,
    /// Its control group, if it has limits.
    group: Option<Own>,
    /// Whether it and its descendants were killed, so that its group is killed and removed too.
    killed: bool,
}

impl Entry {
    /// Returns whether its group must be removed as soon as possible.
    fn waits(&self) -> bool {
        self.killed && self.ending.is_some() && self.group.is_some()
    }

    /// Removes its group and kills the processes in it. A process can remove its mark, but not leave its group.
    fn release(&mut self) {
        if self.group.as_mut().is_some_and(|group| group.kill_and_remove(EMPTYING)) {
            self.group = None;
        }
    }
}

#[derive(Debug)]
struct Server {
    line: OwnedFd,
    signals: SignalFd,
    children: BTreeMap<u64, Entry>,
    logs: Vec<Log>,
    scratch: Vec<Scratch>,
    /// The label of the containers to remove at the end.
    containers: Option<String>,
    started: u64,
}

impl Server {
    /// Leaves the session, becomes a subreaper, and blocks the signals of a terminal. They are blocked instead of ignored, because a
    /// pending signal has no effect here, and an ignored signal would remain ignored after exec.
    fn new(line: OwnedFd) -> io::Result<Self> {
        // It fails only for a group leader, which already is out of reach of its parent's terminal signals.
        let _leader = setsid();
        prctl::set_child_subreaper(true)?;
        // Started through /proc/self/exe it would be listed as "exe".
        prctl::set_name(c"harness-keeper")?;
        let mut mask = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGHUP, Signal::SIGTERM, Signal::SIGQUIT, Signal::SIGPIPE] {
            mask.add(signal);
        }
        // A log beyond the limit of `ulimit -f` is cut off, as on a full disk.
        mask.add(Signal::SIGXFSZ);
        mask.add(Signal::SIGCHLD);
        mask.thread_block()?;
        let mut children = SigSet::empty();
        children.add(Signal::SIGCHLD);
        let signals = SignalFd::with_flags(&children, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let (children, logs, scratch) = (BTreeMap::new(), Vec::new(), Vec::new());
        Ok(Self { line, signals, children, logs, scratch, containers: None, started: 0 })
    }

    /// Serves until the control process is gone or asks for the end; then clears up in any case.
    fn run(mut self) -> io::Result<()> {
        let farewell = self.serve();
        self.clear(matches!(farewell, Ok(Some(_))));
        match farewell {
            Ok(Some(id)) => self.answer(id, Reply::Done, &[]),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Returns the number of the request that asked for the end; none when the socket closed.
    fn serve(&mut self) -> io::Result<Option<u64>> {
        loop {
            let (line, signals, logs) = self.ready()?;
            if signals {
                while let Ok(Some(_)) = self.signals.read_signal() {}
                self.reap();
            }
            self.sweep();
            self.drain(&logs);
            if line {
                match receive::<Request>(self.line.as_fd())? {
                    None => return Ok(None),
                    Some((Packet { id, body: Request::Shutdown }, _)) => return Ok(Some(id)),
                    Some((Packet { id, body }, _)) => self.handle(id, body)?,
                }
            }
        }
    }

    /// Waits; then what is ready: the socket, the signals, and which children's logs.
    fn ready(&self) -> io::Result<(bool, bool, Vec<u64>)> {
        let fixed: [BorrowedFd<'_>; 2] = [self.line.as_fd(), self.signals.as_fd()];
        let all = fixed.into_iter().chain(self.logs.iter().map(Log::fd));
        let mut polled: Vec<PollFd<'_>> = all.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        let waits = self.children.values().any(Entry::waits);
        let timeout = if waits { PollTimeout::from(RETRY) } else { PollTimeout::NONE };
        match poll(&mut polled, timeout) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok((false, false, Vec::new())),
            Err(error) => return Err(error.into()),
        }
        let is_ready = |index: usize| polled.get(index).and_then(PollFd::any).unwrap_or(false);
        let logs = self.logs.iter().enumerate().filter(|(index, _)| is_ready(index + 2)).map(|(_, log)| log.child);
        Ok((is_ready(0), is_ready(1), logs.collect()))
    }

    fn handle(&mut self, id: u64, request: Request) -> io::Result<()> {
        match request {
            Request::Spawn(command) => {
                self.started += 1;
                let child = self.started;
                let mark = format!("{}-{child}", getpid());
                match spawn::spawn(&command, child, &mark) {
                    Ok(started) => {
                        let spawn::Started { pid, spawned, log, group, fds } = started;
                        let places = group.as_ref().map(|group| group.places().clone());
                        let entry = Entry { pid, mark: mark.clone(), ending: None, group, killed: false };
                        self.children.insert(child, entry);
                        self.logs.push(log);
                        self.answer(id, Reply::Spawned { child, pid, spawned, mark, group: places }, &fds)
                    }
                    Err(refusal) => self.answer(id, Reply::Refused(refusal), &[]),
                }
            }
            Request::Status { child } => {
                let reply = self.status(child);
                self.answer(id, reply, &[])
            }
            Request::Signal { child, signal, reach } => {
                let reply = self.signal(child, signal, reach);
                self.answer(id, reply, &[])
            }
            Request::Scratch { path } => {
                let reply = self.take_scratch(path);
                self.answer(id, reply, &[])
            }
            Request::Containers { label } => {
                self.containers = Some(label);
                self.answer(id, Reply::Done, &[])
            }
            Request::Hello | Request::Shutdown => self.answer(id, Reply::Here, &[]),
        }
    }

    /// Answers a request. If the control process has ended, the next receive reports that, so a failed answer is not an error.
    fn answer(&self, id: u64, body: Reply, fds: &[OwnedFd]) -> io::Result<()> {
        let fds: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
        match send(self.line.as_fd(), &Packet { id, body }, &fds) {
            Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => Ok(()),
            sent => sent,
        }
    }

    fn status(&mut self, child: u64) -> Reply {
        self.reap();
        let Some(entry) = self.children.get(&child) else { return unknown(&format!("child {child}")) };
        let Some(ending) = entry.ending.clone() else { return Reply::Running };
        self.drain_up_to(&[child], LAST_OUTPUT);
        Reply::Ended(ending)
    }

    /// Signals the processes that `reach` names. A reaped process is never signalled by its number alone, because the number may be
    /// reused.
    fn signal(&mut self, child: u64, signal: i32, reach: Reach) -> Reply {
        self.reap();
        let Some(entry) = self.children.get_mut(&child) else { return unknown(&format!("child {child}")) };
        let Ok(signal) = Signal::try_from(signal) else { return unknown(&format!("signal {signal}")) };
        let pid = Pid::from_raw(entry.pid);
        let keeper = getpid().as_raw();
        let sent = |pid: i32| kill(Pid::from_raw(pid), signal).is_ok();
        let count = match (reach, &entry.ending) {
            (Reach::Leader, Some(_)) => 0,
            (Reach::Leader, None) => usize::from(sent(entry.pid)),
            (Reach::Group, None) => usize::from(killpg(pid, signal).is_ok()),
            (Reach::Group, Some(_)) => {
                tree::group_of_ended(keeper, entry.pid).into_iter().filter(|pid| sent(*pid)).count()
            }
            (Reach::All, _) => {
                let members = tree::members(keeper, entry.pid, &entry.mark, entry.ending.is_some());
                members.into_iter().filter(|pid| sent(*pid)).count()
            }
        };
        if (reach, signal) == (Reach::All, Signal::SIGKILL) {
            entry.killed = true;
            if count == 0 {
                entry.release();
            }
        }
        Reply::Signalled { count }
    }

    /// Removes the groups of those that were to be killed and whose last process is gone.
    fn sweep(&mut self) {
        for entry in self.children.values_mut().filter(|entry| entry.waits()) {
            if entry.group.as_mut().is_some_and(|group| group.kill_and_remove(Nanos::ZERO)) {
                entry.group = None;
            }
        }
    }

    /// Creates the folder itself, so that nothing is ever removed that was there before.
    fn take_scratch(&mut self, path: PathBuf) -> Reply {
        let refused = |message: String| Reply::Refused(Refusal::NoScratch { path: path.clone(), message });
        if !path.is_absolute() {
            return refused("its path is not absolute".to_owned());
        }
        match Scratch::make(path.clone()) {
            Ok(scratch) => {
                self.scratch.push(scratch);
                Reply::Done
            }
            Err(error) => refused(error.to_string()),
        }
    }

    /// Collects all ended children, adopted orphans included. Returns whether any child is left.
    fn reap(&mut self) -> bool {
        loop {
            let (pid, ending) = match waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, Ending::Code(code)),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, Ending::Signal(signal as i32)),
                Err(Errno::ECHILD) => return false,
                Err(Errno::EINTR) => continue,
                Ok(WaitStatus::StillAlive) | Err(_) => return true,
                Ok(_) => continue,
            };
            let living = |entry: &&mut Entry| entry.pid == pid.as_raw() && entry.ending.is_none();
            if let Some(entry) = self.children.values_mut().find(living) {
                entry.ending = Some(ending);
            }
        }
    }

    fn drain(&mut self, children: &[u64]) {
        self.drain_up_to(children, TURN);
    }

    fn drain_up_to(&mut self, children: &[u64], most: usize) {
        let logs = std::mem::take(&mut self.logs);
        for mut log in logs {
            if children.contains(&log.child) && log.drain(most) == Drained::Closed {
                log.close();
            } else {
                self.logs.push(log);
            }
        }
    }

    /// Kills all descendants until no child is left, and removes the containers and folders of the run. The engine can still be busy with
    /// what the control process wanted, unless this one asked for the end.
    fn clear(&mut self, is_asked: bool) {
        let end = Mono::now().after(CLEARING);
        // A descendant always has a chain of parents up to here, so without children there are no descendants.
        while self.reap() && Mono::now() < end {
            for row in tree::descendants(getpid().as_raw()) {
                // It may have ended by itself since it was listed.
                let _ended = kill(Pid::from_raw(row.pid), Signal::SIGKILL);
            }
            std::thread::sleep(Nanos::from_millis(2).duration());
        }
        self.children.values_mut().for_each(Entry::release);
        if let Some(label) = self.containers.take() {
            sweep::sweep(&label, is_asked, end.max(Mono::now().after(SWEEPING)));
        }
        for mut log in std::mem::take(&mut self.logs) {
            log.drain(LAST_OUTPUT);
            log.close();
        }
        for folder in std::mem::take(&mut self.scratch) {
            // The control process notices it and says so.
            let _refused = folder.remove();
        }
    }
}

fn unknown(message: &str) -> Reply {
    Reply::Refused(Refusal::Unknown { message: message.to_owned() })
}

/// Prints a message on stderr and returns the exit code.
fn fail(message: &str) -> ExitCode {
    use std::io::Write as _;
    // An error of stderr cannot be reported.
    drop(writeln!(std::io::stderr(), "harness: {message}"));
    ExitCode::from(harness_base::exit::Exit::Usage.code())
}
