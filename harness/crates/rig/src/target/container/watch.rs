//! A running container: its log, its end, and how it is stopped.

use std::os::fd::OwnedFd;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bollard::Docker;
use bollard::models::ContainerState;
use bollard::query_parameters::{InspectContainerOptions, KillContainerOptions, LogsOptions, WaitContainerOptions};
use futures_util::StreamExt;
use nix::sys::signal::Signal;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;

use super::calls::{Starting, remove};
use super::error::Error;
use crate::keeper::{Sink, Stopped};
use crate::launch::{Ending, EngineFacts};
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The time for a killed container to disappear.
const DYING: Nanos = Nanos::from_secs(3);
/// The time for the engine to send the last lines of a log.
const LAST_LINES: Nanos = Nanos::from_secs(1);
/// The time until the engine reports an OOM kill, which it learns separately from the end itself.
const OOM_REPORT: Nanos = Nanos::from_millis(200);
/// The time between two calls of the engine.
const PAUSE: Duration = Duration::from_millis(2);
/// The exit code of shells and engines for a process that a signal ended, minus the number of the signal.
const SIGNALLED: i64 = 128;

/// The facts about a container whose program was executed.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) id: String,
    /// The instant of the start call.
    pub(super) begun: Mono,
    pub(super) facts: EngineFacts,
    pub(super) sink: Sink,
    /// The memory limit in bytes.
    pub(super) memory: Option<u64>,
    /// Whether its image was built from a binary.
    pub(super) from_binary: bool,
    /// The process, if its exec was observed.
    pub(super) pid: Option<i32>,
    /// The start call, if it has not returned.
    pub(super) starting: Option<Starting>,
}

/// How a container ended, and when.
#[derive(Debug, Clone)]
struct Ended {
    ending: Ending,
    at: Mono,
}

/// A container, which is removed on drop unless [`Contained::stop`] has removed it.
#[derive(Debug)]
pub(crate) struct Contained {
    docker: Docker,
    id: String,
    pid: i32,
    facts: Arc<Mutex<EngineFacts>>,
    from_binary: bool,
    settled: watch::Receiver<bool>,
    ended: watch::Receiver<Option<Ended>>,
    removed: AtomicBool,
    runtime: tokio::runtime::Handle,
}

impl Contained {
    /// Follows its log and waits for its end, on tasks of the current runtime.
    ///
    /// # Errors
    /// Returns [`Error::Elsewhere`] when its process is not visible here.
    pub(super) async fn watch(docker: Docker, mut known: Known) -> Result<Self, Error> {
        let facts = Arc::new(Mutex::new(known.facts.clone()));
        let ((settle, settled), (send_end, ended)) = (watch::channel(false), watch::channel(None));
        if known.pid.is_none() {
            known.pid = reported_pid(&docker, &known.id, known.begun, &facts).await;
        }
        if let Some(pid) = known.pid.filter(|pid| !is_here(*pid, &known.id)) {
            return Err(Error::Elsewhere { pid });
        }
        let (id, pid, from_binary) = (known.id.clone(), known.pid.unwrap_or(0), known.from_binary);
        // Opened first, so that the number cannot be reused for another process unnoticed.
        let pidfd = Pid::from_raw(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        let watched = Watched { docker: docker.clone(), known, facts: Arc::clone(&facts), pidfd, settle };
        tokio::spawn(async move {
            let ended = watched.until_it_ends().await;
            let _closed = send_end.send(Some(ended));
        });
        let runtime = tokio::runtime::Handle::current();
        Ok(Self { docker, id, pid, facts, from_binary, settled, ended, removed: AtomicBool::new(false), runtime })
    }

    /// Returns its process on this host; 0 if it ended before it was observed.
    pub(super) const fn pid(&self) -> i32 {
        self.pid
    }

    /// Returns how it ended; `None` while it runs. Once this returns an ending, the log is complete.
    pub(crate) fn ended(&self) -> Option<Ending> {
        self.ended.borrow().as_ref().map(|ended| ended.ending.clone())
    }

    /// Returns advice about its end, if its last lines give a hint.
    pub(crate) fn advice(&self, tail: &[String]) -> Option<String> {
        super::advice::advice(&self.ended()?, tail, self.from_binary)
    }

    /// Returns what the engine did. Waits until its start call has returned and the process id is known, or the container has ended.
    pub(crate) async fn facts(&self) -> EngineFacts {
        // When the runtime ends, the sender is dropped, and the facts known so far are returned.
        let mut settled = self.settled.clone();
        drop(settled.wait_for(|settled| *settled).await);
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops it with SIGTERM, and SIGKILL if it still runs after `grace`, and removes it.
    pub(crate) async fn stop(&self, grace: Nanos) -> Stopped {
        let before = self.ended();
        let start = Mono::now();
        let (ending, took, killed) = match before {
            Some(ending) => (ending, Nanos::ZERO, false),
            None => {
                let ended = self.terminate(grace, Signal::SIGTERM).await;
                let killed = ended.is_none();
                let ended = match ended {
                    Some(ended) => Some(ended),
                    None => self.terminate(DYING, Signal::SIGKILL).await,
                };
                // A process that the kernel cannot end yet counts as killed.
                let dead = || Ended { ending: Ending::Signal(Signal::SIGKILL as i32), at: Mono::now() };
                let ended = ended.unwrap_or_else(dead);
                (ended.ending, ended.at.since(start), killed)
            }
        };
        self.removed.store(true, Ordering::Release);
        remove(&self.docker, &self.id).await;
        Stopped { ending, took, killed, strays: 0 }
    }

    /// Sends a signal to its first process. Returns when the engine has done so.
    ///
    /// # Errors
    /// Returns [`Error::Refused`] with the message of the engine.
    pub(crate) async fn signal(&self, signal: Signal) -> Result<(), Error> {
        let options = KillContainerOptions { signal: signal.as_str().to_owned() };
        let sent = self.docker.kill_container(&self.id, Some(options)).await;
        sent.map_err(Error::refused("signal the container"))
    }

    /// Sends a signal and waits for the end.
    async fn terminate(&self, grace: Nanos, signal: Signal) -> Option<Ended> {
        let options = KillContainerOptions { signal: signal.as_str().to_owned() };
        // This fails if it has just ended.
        let _ended = self.docker.kill_container(&self.id, Some(options)).await;
        let mut ended = self.ended.clone();
        let known = tokio::time::timeout(grace.duration(), ended.wait_for(Option::is_some)).await;
        known.ok()?.ok()?.clone()
    }
}

impl Drop for Contained {
    fn drop(&mut self) {
        if !self.removed.load(Ordering::Acquire) {
            let (docker, id) = (self.docker.clone(), self.id.clone());
            // A runtime that shuts down drops this task; then the keeper removes the container.
            self.runtime.spawn(async move { remove(&docker, &id).await });
        }
    }
}

/// The task that watches a container.
struct Watched {
    docker: Docker,
    known: Known,
    facts: Arc<Mutex<EngineFacts>>,
    pidfd: Option<OwnedFd>,
    settle: watch::Sender<bool>,
}

impl Watched {
    async fn until_it_ends(self) -> Ended {
        let Self { docker, known, facts, pidfd, settle } = self;
        let Known { id, begun, memory, starting, sink, .. } = known;
        if let Some(starting) = starting
            && let Ok((at, _)) = starting.await
        {
            facts.lock().unwrap_or_else(PoisonError::into_inner).start_ns = Some(at.since(begun).0);
        }
        let unknown = facts.lock().unwrap_or_else(PoisonError::into_inner).pid_ns.is_none();
        if unknown {
            reported_pid(&docker, &id, begun, &facts).await;
        }
        let _closed = settle.send(true);
        let mut log = tokio::spawn(follow(docker.clone(), id.clone(), sink));
        match pidfd {
            Some(pidfd) => over(pidfd).await,
            None => waited(&docker, &id).await,
        }
        let at = Mono::now();
        let state = ended_state(&docker, &id).await;
        if tokio::time::timeout(LAST_LINES.duration(), &mut log).await.is_err() {
            log.abort();
        }
        Ended { ending: ending(&state, memory), at }
    }
}

/// Asks the engine for the process id until it reports one or the container has ended, and records the instant.
async fn reported_pid(docker: &Docker, id: &str, begun: Mono, facts: &Mutex<EngineFacts>) -> Option<i32> {
    for _ in 0..500 {
        let state = state(docker, id).await?;
        let pid = state.pid.and_then(|pid| i32::try_from(pid).ok()).filter(|pid| *pid > 0);
        if pid.is_some() {
            facts.lock().unwrap_or_else(PoisonError::into_inner).pid_ns = Some(Mono::now().since(begun).0);
        }
        if pid.is_some() || state.finished_at.is_some_and(|at| !at.starts_with("0001-")) {
            return pid;
        }
        tokio::time::sleep(PAUSE).await;
    }
    None
}

/// Returns whether the process with this number is the container's. If the engine runs in another pid namespace, it is another
/// process or does not exist. A process that has ended is accepted.
fn is_here(pid: i32, id: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/cgroup")).map_or(true, |groups| groups.contains(id))
}

async fn state(docker: &Docker, id: &str) -> Option<ContainerState> {
    docker.inspect_container(id, None::<InspectContainerOptions>).await.ok()?.state
}

/// Waits until the process has ended.
#[expect(deprecated, reason = "its successor is unsafe for the sake of descriptors that are not owned; this one is")]
async fn over(pidfd: OwnedFd) {
    match AsyncFd::with_interest(pidfd, Interest::READABLE) {
        Ok(watched) => drop(watched.readable().await),
        Err(_) => tokio::time::sleep(PAUSE).await,
    }
}

/// Waits until the engine reports the end, if the process is not visible.
async fn waited(docker: &Docker, id: &str) {
    let waiting = docker.wait_container(id, None::<WaitContainerOptions>);
    let _code = std::pin::pin!(waiting).next().await;
}

/// Returns the engine's state once it knows of the end. After a kill by another process, waits until the engine can know whether it
/// was for memory.
async fn ended_state(docker: &Docker, id: &str) -> ContainerState {
    let mut deadline = Mono::now().after(DYING);
    loop {
        let Some(state) = state(docker, id).await else { return ContainerState::default() };
        let over = state.running == Some(false);
        let killed = state.exit_code == Some(SIGNALLED + Signal::SIGKILL as i64) && state.oom_killed != Some(true);
        if over && killed {
            deadline = deadline.min(Mono::now().after(OOM_REPORT));
        }
        if (over && !killed) || Mono::now() >= deadline {
            return state;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Converts the engine's exit code. The engine reports a signal as 128 plus its number, like a shell, so a program that exits with such
/// a code counts as signalled; only signals that programs rarely send to themselves are considered.
fn ending(state: &ContainerState, memory: Option<u64>) -> Ending {
    let Some(code) = state.exit_code else { return Ending::Unknown };
    let signals = [Signal::SIGABRT, Signal::SIGBUS, Signal::SIGILL, Signal::SIGKILL, Signal::SIGSEGV, Signal::SIGTERM];
    let signal = signals.into_iter().find(|signal| SIGNALLED + i64::from(*signal as i32) == code);
    match signal {
        Some(Signal::SIGKILL) if state.oom_killed == Some(true) => Ending::OutOfMemory(memory),
        Some(signal) => Ending::Signal(signal as i32),
        None => Ending::Code(i32::try_from(code).unwrap_or(i32::MAX)),
    }
}

/// Copies its output to its log until it ends.
async fn follow(docker: Docker, id: String, mut sink: Sink) {
    let options =
        LogsOptions { follow: true, stdout: true, stderr: true, tail: "all".to_owned(), ..LogsOptions::default() };
    let mut lines = std::pin::pin!(docker.logs(&id, Some(options)));
    while let Some(Ok(line)) = lines.next().await {
        sink.write(&line.into_bytes());
    }
    sink.close();
}
