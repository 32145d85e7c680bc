//! A container that runs: its log, its end, and how to stop it.

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

/// Time for a killed container to disappear.
const DYING: Nanos = Nanos::from_secs(3);
/// Time for the engine to hand over the last lines of a log.
const LAST_WORDS: Nanos = Nanos::from_secs(1);
/// Time in which the engine learns of an OOM kill, which it is told on another way than the end itself.
const VERDICT: Nanos = Nanos::from_millis(200);
/// Time between two questions to the engine.
const PAUSE: Duration = Duration::from_millis(2);
/// A shell's and an engine's code for a process that a signal ended, before the number of the signal is added.
const SIGNALLED: i64 = 128;

/// What is known of a container when its program was executed.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) id: String,
    /// The instant of the start call.
    pub(super) begun: Mono,
    pub(super) facts: EngineFacts,
    pub(super) sink: Sink,
    /// Its memory limit in bytes.
    pub(super) memory: Option<u64>,
    /// Its image was made of a binary.
    pub(super) from_binary: bool,
    /// Its process, where its exec was seen.
    pub(super) pid: Option<i32>,
    /// The start call, where it has not returned.
    pub(super) starting: Option<Starting>,
}

/// How a container ended, and when.
#[derive(Debug, Clone)]
struct Ended {
    ending: Ending,
    at: Mono,
}

/// A container. Dropping it has the engine remove it, unless [`Contained::stop`] did so before.
#[derive(Debug)]
pub(in crate::target) struct Contained {
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
    /// Follows its log and waits for its end, on tasks of the present runtime.
    ///
    /// # Errors
    /// [`Error::Elsewhere`] when its process is not one of those that are seen here.
    pub(super) async fn watch(docker: Docker, mut known: Known) -> Result<Self, Error> {
        let facts = Arc::new(Mutex::new(known.facts.clone()));
        let ((settle, settled), (tell, ended)) = (watch::channel(false), watch::channel(None));
        if known.pid.is_none() {
            known.pid = told_pid(&docker, &known.id, known.begun, &facts).await;
        }
        if let Some(pid) = known.pid.filter(|pid| !is_here(*pid, &known.id)) {
            return Err(Error::Elsewhere { pid });
        }
        let (id, pid, from_binary) = (known.id.clone(), known.pid.unwrap_or(0), known.from_binary);
        // Held before anything else is asked, so that the number cannot pass to another process unnoticed.
        let pidfd = Pid::from_raw(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        let watched = Watched { docker: docker.clone(), known, facts: Arc::clone(&facts), pidfd, settle };
        tokio::spawn(async move {
            let ended = watched.until_it_ends().await;
            let _nobody = tell.send(Some(ended));
        });
        let runtime = tokio::runtime::Handle::current();
        Ok(Self { docker, id, pid, facts, from_binary, settled, ended, removed: AtomicBool::new(false), runtime })
    }

    /// Its process on this host; 0 where it ended before it could be seen.
    pub(super) const fn pid(&self) -> i32 {
        self.pid
    }

    /// How it ended; nothing while it runs. Once this has answered, all that it had printed is in its log.
    pub(in crate::target) fn ended(&self) -> Option<Ending> {
        self.ended.borrow().as_ref().map(|ended| ended.ending.clone())
    }

    /// What to do about its end, where its last lines tell.
    pub(in crate::target) fn advice(&self, tail: &[String]) -> Option<String> {
        super::advice::advice(&self.ended()?, tail, self.from_binary)
    }

    /// What the engine did, once its start call has returned and the process id is told, or the container has ended.
    pub(in crate::target) async fn facts(&self) -> EngineFacts {
        // Its other side is gone when the runtime ends; then it is as far as it is known by now.
        let mut settled = self.settled.clone();
        drop(settled.wait_for(|settled| *settled).await);
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops it: SIGTERM, SIGKILL when it still runs after `patience`, and removes it.
    pub(in crate::target) async fn stop(&self, patience: Nanos) -> Stopped {
        let before = self.ended();
        let start = Mono::now();
        let (ending, took, killed) = match before {
            Some(ending) => (ending, Nanos::ZERO, false),
            None => {
                let ended = self.terminate(patience, Signal::SIGTERM).await;
                let killed = ended.is_none();
                let ended = match ended {
                    Some(ended) => Some(ended),
                    None => self.terminate(DYING, Signal::SIGKILL).await,
                };
                // One that the kernel cannot end yet counts as killed.
                let dead = || Ended { ending: Ending::Signal(Signal::SIGKILL as i32), at: Mono::now() };
                let ended = ended.unwrap_or_else(dead);
                (ended.ending, ended.at.since(start), killed)
            }
        };
        self.removed.store(true, Ordering::Release);
        remove(&self.docker, &self.id).await;
        Stopped { ending, took, killed, strays: 0 }
    }

    /// Sends a signal and waits for the end.
    async fn terminate(&self, patience: Nanos, signal: Signal) -> Option<Ended> {
        let options = KillContainerOptions { signal: signal.as_str().to_owned() };
        // One that has just ended cannot be signalled.
        let _ended = self.docker.kill_container(&self.id, Some(options)).await;
        let mut ended = self.ended.clone();
        let known = tokio::time::timeout(patience.duration(), ended.wait_for(Option::is_some)).await;
        known.ok()?.ok()?.clone()
    }
}

impl Drop for Contained {
    fn drop(&mut self) {
        if !self.removed.load(Ordering::Acquire) {
            let (docker, id) = (self.docker.clone(), self.id.clone());
            // A runtime that shuts down drops this; the keeper removes the container then.
            self.runtime.spawn(async move { remove(&docker, &id).await });
        }
    }
}

/// The watching side of a container.
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
        let untold = facts.lock().unwrap_or_else(PoisonError::into_inner).pid_ns.is_none();
        if untold {
            told_pid(&docker, &id, begun, &facts).await;
        }
        let _nobody = settle.send(true);
        let mut log = tokio::spawn(follow(docker.clone(), id.clone(), sink));
        match pidfd {
            Some(pidfd) => over(pidfd).await,
            None => waited(&docker, &id).await,
        }
        let at = Mono::now();
        let state = ended_state(&docker, &id).await;
        if tokio::time::timeout(LAST_WORDS.duration(), &mut log).await.is_err() {
            log.abort();
        }
        Ended { ending: ending(&state, memory), at }
    }
}

/// Asks the engine for the process id until it tells one or the container has ended, and notes the instant.
async fn told_pid(docker: &Docker, id: &str, begun: Mono, facts: &Mutex<EngineFacts>) -> Option<i32> {
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

/// Whether the process with this number is the container's: where the engine counts in another namespace, it is another one, or
/// none at all. One that has ended is let through.
fn is_here(pid: i32, id: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/cgroup")).map_or(true, |groups| groups.contains(id))
}

async fn state(docker: &Docker, id: &str) -> Option<ContainerState> {
    docker.inspect_container(id, None::<InspectContainerOptions>).await.ok()?.state
}

/// Returns when the process has ended.
#[expect(deprecated, reason = "its successor is unsafe for the sake of descriptors that are not owned; this one is")]
async fn over(pidfd: OwnedFd) {
    match AsyncFd::with_interest(pidfd, Interest::READABLE) {
        Ok(watched) => drop(watched.readable().await),
        Err(_) => tokio::time::sleep(PAUSE).await,
    }
}

/// The same by the engine's word, where the process is not to be seen.
async fn waited(docker: &Docker, id: &str) {
    let waiting = docker.wait_container(id, None::<WaitContainerOptions>);
    let _code = std::pin::pin!(waiting).next().await;
}

/// What the engine says once it knows of the end: after a kill by somebody else it may still hear that it was for memory.
async fn ended_state(docker: &Docker, id: &str) -> ContainerState {
    let mut verdict = Mono::now().after(DYING);
    loop {
        let Some(state) = state(docker, id).await else { return ContainerState::default() };
        let over = state.running == Some(false);
        let killed = state.exit_code == Some(SIGNALLED + Signal::SIGKILL as i64) && state.oom_killed != Some(true);
        if over && killed {
            verdict = verdict.min(Mono::now().after(VERDICT));
        }
        if (over && !killed) || Mono::now() >= verdict {
            return state;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// How it ended, in our words. The engine tells a signal as 128 and its number, as a shell does; so a program that itself
/// exits with such a code is taken for signalled, for the signals that no program sends to itself lightly.
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

/// Moves what it prints to its log until it ends.
async fn follow(docker: Docker, id: String, mut sink: Sink) {
    let options =
        LogsOptions { follow: true, stdout: true, stderr: true, tail: "all".to_owned(), ..LogsOptions::default() };
    let mut lines = std::pin::pin!(docker.logs(&id, Some(options)));
    while let Some(Ok(line)) = lines.next().await {
        sink.write(&line.into_bytes());
    }
    sink.close();
}
