//! Finds out when a target listens, is healthy, and is ready.
//!
//! Each endpoint has a thread that tries, sleeps half a millisecond, and tries again until it succeeds.
//! *Listening* is the first connect that succeeds on the proxy endpoint; *healthy* and *ready* are the first 2xx status
//! line on the other two. Each of them is requested over one kept-alive connection, so that a target that limits new connections does
//! not refuse. Instants are taken as soon as the connect or the read returns, so they are never early.

mod exchange;
mod http;
mod socket;

use std::fmt;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::Builder;

use http::{Answer, Connection};

pub use exchange::{Call, Exchange, Unfetched, exchange, fetch};
pub use http::Miss;

use crate::launch::Ending;
use crate::target::{Endpoints, HttpUrl};
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The sleep between two attempts. With the attempt itself and the timer's slack, attempts are about 0.5 ms apart on an idle CPU. A
/// shorter sleep would cost the starting target CPU time.
const PAUSE: Nanos = Nanos::from_micros(250);
/// The time between two checks of the process.
const LOOK: Nanos = Nanos::from_millis(3);
/// The timeout of a connect. On loopback it is answered at once, unless the target's queue is full, and then the next one is tried.
const CONNECT: Nanos = Nanos::from_millis(100);

/// When a target came up. All spans count from the spawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Milestones {
    /// First connect on the proxy endpoint, in nanoseconds.
    pub listening_ns: u64,
    /// First 2xx of the health endpoint, in nanoseconds; absent when there is none.
    pub healthy_ns: Option<u64>,
    /// First 2xx of the ready endpoint, in nanoseconds; absent when there is none.
    pub ready_ns: Option<u64>,
    /// Longest pause between the starts of two attempts on one endpoint, in nanoseconds.
    pub probe_gap_ns: u64,
}

/// The reason why a target did not come up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "the target never listened: {url} refused connections for {waited} ({last}); does it listen there? check with: \
         ss -ltnx"
    )]
    NeverListened {
        url: String,
        waited: Nanos,
        /// The error of the last attempt.
        last: String,
    },
    /// It answers, but not with 2xx.
    #[error(
        "the target's {endpoint} endpoint still answered {status} after {waited}: {body:?}; check with: curl -i {url}"
    )]
    WrongStatus {
        endpoint: Endpoint,
        /// As curl takes it.
        url: String,
        waited: Nanos,
        status: u16,
        /// The beginning of the last body.
        body: String,
    },
    #[error("the target {ending} after {waited}, {reached}")]
    Exited {
        ending: Ending,
        /// How long it had run, to a few milliseconds.
        waited: Nanos,
        /// The progress until then.
        reached: String,
    },
    /// It listens, but does not answer.
    #[error("the target's {endpoint} endpoint gave no answer within {waited} ({last}); check with: curl -i {url}")]
    TimedOut {
        endpoint: Endpoint,
        /// As curl takes it.
        url: String,
        waited: Nanos,
        /// The error of the last attempt.
        last: String,
    },
    /// The harness itself could not look.
    #[error(
        "a thread that probes the target could not be started: {0}; check the limits of processes and memory (ulimit -u)"
    )]
    Thread(std::io::Error),
}

/// One of a target's endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// Where requests to be proxied go.
    Proxy,
    /// Answers 2xx once it is alive.
    Health,
    /// Answers 2xx once it can serve.
    Ready,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Proxy => "proxy",
            Self::Health => "health",
            Self::Ready => "ready",
        })
    }
}

#[derive(Debug)]
struct Seen {
    endpoint: Endpoint,
    url: HttpUrl,
    at: Option<Mono>,
    gap: Nanos,
    /// The status and body of the last answer other than 2xx.
    wrong: Option<(u16, String)>,
    /// The error of the last attempt without an answer.
    missed: Option<String>,
    started: Option<Mono>,
}

/// Sends a request over `socket`, and reads the answer as a probe does. Returns its status. For fuzzing.
///
/// # Errors
/// Returns why there is no answer.
#[doc(hidden)]
pub fn ask(socket: UnixStream) -> Result<u16, Box<dyn std::error::Error>> {
    Ok(Connection::over(socket).get(&|| false)?.status)
}

/// Waits until the target listens and its health and ready endpoints answer 2xx, until `deadline` after `spawned` at the latest, or until
/// `cancelled` is set. Blocks, and calls `alive` every few milliseconds to check whether the target has ended. Its ports must have
/// been free before.
///
/// # Errors
/// Returns [`Error`] when it ended, never listened, or does not answer 2xx.
pub fn watch(
    endpoints: &Endpoints,
    spawned: Mono,
    deadline: Nanos,
    cancelled: &AtomicBool,
    alive: impl Fn() -> Option<Ending> + Sync,
) -> Result<Milestones, Error> {
    let urls = [
        (Endpoint::Proxy, Some(&endpoints.proxy)),
        (Endpoint::Health, endpoints.health.as_ref()),
        (Endpoint::Ready, endpoints.ready.as_ref()),
    ];
    let named = urls.into_iter().filter_map(|(endpoint, url)| Some((endpoint, url?)));
    let stop = AtomicBool::new(false);
    let (sender, receiver) = channel();
    let (ending, seen) = std::thread::scope(|scope| {
        for (endpoint, url) in named {
            let (sender, stop) = (sender.clone(), &stop);
            let look = move || report(&sender, Seen::new(endpoint, url).look(stop));
            // The scope waits for the threads that were started before.
            let failed = |cause| {
                stop.store(true, Ordering::Relaxed);
                Error::Thread(cause)
            };
            Builder::new().spawn_scoped(scope, look).map_err(failed)?;
        }
        drop(sender);
        let is_over = || cancelled.load(Ordering::Relaxed) || Mono::now() >= spawned.after(deadline);
        Ok(supervise(&receiver, is_over, &alive, &stop))
    })?;
    judge(seen, ending, spawned)
}

/// Sends an event. The receiver is gone only if the supervising thread panicked.
fn report(sender: &Sender<Seen>, seen: Seen) {
    drop(sender.send(seen));
}

/// Collects what the threads saw, and stops them when the target ends or its time is over.
fn supervise(
    receiver: &Receiver<Seen>,
    is_over: impl Fn() -> bool,
    alive: &impl Fn() -> Option<Ending>,
    stop: &AtomicBool,
) -> (Option<Ending>, Vec<Seen>) {
    let (mut ending, mut seen) = (None, Vec::new());
    loop {
        match receiver.recv_timeout(LOOK.duration()) {
            Ok(one) => seen.push(one),
            Err(RecvTimeoutError::Disconnected) => return (ending, seen),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if !stop.load(Ordering::Relaxed) {
            ending = alive();
            if ending.is_some() || is_over() {
                stop.store(true, Ordering::Relaxed);
            }
        }
    }
}

/// Combines the observations of all threads.
fn judge(seen: Vec<Seen>, ending: Option<Ending>, spawned: Mono) -> Result<Milestones, Error> {
    let at = |endpoint: Endpoint| seen.iter().find(|one| one.endpoint == endpoint).and_then(|one| one.at);
    let ns = |endpoint: Endpoint| at(endpoint).map(|at| at.since(spawned).0);
    let waited = Mono::now().since(spawned);
    let complete = seen.iter().all(|one| one.at.is_some());
    if let (Some(ending), false) = (ending, complete) {
        let reached = reached(&at).to_owned();
        return Err(Error::Exited { ending, waited, reached });
    }
    for endpoint in [Endpoint::Proxy, Endpoint::Health, Endpoint::Ready] {
        if let Some(one) = seen.iter().find(|one| one.endpoint == endpoint && one.at.is_none()) {
            return Err(one.failure(waited));
        }
    }
    Ok(Milestones {
        listening_ns: ns(Endpoint::Proxy).unwrap_or_default(),
        healthy_ns: ns(Endpoint::Health),
        ready_ns: ns(Endpoint::Ready),
        probe_gap_ns: seen.iter().map(|one| one.gap.0).max().unwrap_or_default(),
    })
}

fn reached(at: &impl Fn(Endpoint) -> Option<Mono>) -> &'static str {
    match (at(Endpoint::Proxy), at(Endpoint::Health)) {
        (None, None) => "before it listened",
        (Some(_), None) => "when it listened but was not healthy or ready yet",
        (_, Some(_)) => "when it was healthy but did not listen or was not ready yet",
    }
}

impl Seen {
    fn new(endpoint: Endpoint, url: &HttpUrl) -> Self {
        let url = url.clone();
        Self { endpoint, url, at: None, gap: Nanos::ZERO, wrong: None, missed: None, started: None }
    }

    /// Tries until it succeeds or is stopped.
    fn look(mut self, stop: &AtomicBool) -> Self {
        let stopped = || stop.load(Ordering::Relaxed);
        let mut connection = None;
        while !stopped() {
            let start = Mono::now();
            self.gap = self.gap.max(self.started.map_or(Nanos::ZERO, |before| start.since(before)));
            self.started = Some(start);
            self.at = match self.endpoint {
                Endpoint::Proxy => self.connect(),
                Endpoint::Health | Endpoint::Ready => self.ask(&mut connection, &stopped),
            };
            if self.at.is_some() {
                break;
            }
            std::thread::sleep(PAUSE.duration());
        }
        self
    }

    /// Connects once. Returns the instant of a success.
    fn connect(&mut self) -> Option<Mono> {
        match socket::touch(&self.url.address, CONNECT) {
            Ok(()) => Some(Mono::now()),
            Err(error) => {
                self.missed = Some(error.to_string());
                None
            }
        }
    }

    /// Sends one request, over the kept connection if there is one. Returns the instant of a 2xx.
    fn ask(&mut self, kept: &mut Option<Connection>, stopped: &impl Fn() -> bool) -> Option<Mono> {
        let opened = kept.take().map_or_else(|| Connection::open(&self.url, CONNECT), Ok);
        let mut connection = match opened {
            Ok(connection) => connection,
            Err(error) => {
                self.missed = Some(error.to_string());
                return None;
            }
        };
        match connection.get(stopped) {
            Ok(Answer { at, status: 200..=299, .. }) => Some(at),
            Ok(answer) => {
                self.wrong = Some((answer.status, answer.excerpt));
                self.missed = None;
                *kept = answer.reusable.then_some(connection);
                None
            }
            // A stop must not hide the error of an earlier attempt.
            Err(Miss::Stopped) => None,
            Err(miss) => {
                self.missed = Some(miss.to_string());
                None
            }
        }
    }

    fn failure(&self, waited: Nanos) -> Error {
        let (endpoint, url, curl) = (self.endpoint, self.url.to_string(), self.url.for_curl());
        let last = self.missed.clone().unwrap_or_else(|| "no attempt was finished".to_owned());
        match (&self.wrong, endpoint) {
            (_, Endpoint::Proxy) => Error::NeverListened { url, waited, last },
            (Some((status, body)), _) => {
                Error::WrongStatus { endpoint, url: curl, waited, status: *status, body: body.clone() }
            }
            (None, _) => Error::TimedOut { endpoint, url: curl, waited, last },
        }
    }
}
