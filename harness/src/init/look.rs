//! Starts a program once as it was typed, and finds out what it does.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::address::{Host, Scheme};
use super::command::{Command, Place, Written};
use super::error::Error;
use super::found::{Attempt, Found, Port, Speech, paths};
use super::hint::Hint;
use super::mock::Mock;
use super::request::Request;
use super::send::{is_reachable, send};
use super::stand::Stand;
use crate::measure::Failure;
use crate::run::bench::launch_halt;
use crate::run::halt::Halt;
use harness_base::clock::Mono;
use harness_base::exit::Exit;
use harness_base::units::Nanos;
use harness_rig::keeper;
use harness_rig::launch::Ending;
use harness_rig::listeners::listeners;
use harness_rig::target::spec::{Endpoints, Launch, ProcessSpec, Spec};
use harness_rig::target::{self, LaunchRequest, Running};

/// Time for a program to listen.
const DEADLINE: Nanos = Nanos::from_secs(30);
/// Time without another port after which the ports are complete.
const SETTLE: Nanos = Nanos::from_millis(800);
const LOOK: Duration = Duration::from_millis(40);
/// Time between SIGTERM and SIGKILL.
const PATIENCE: Nanos = Nanos::from_secs(2);
/// The most upstreams that are started.
const UPSTREAMS: usize = 8;
/// Lines of the program's output in a message.
const LINES: usize = 8;

/// What came of one start.
enum Start {
    Found(Found),
    /// The program did not listen, and its last lines.
    Silent(Error, Vec<String>),
}

/// Starts the program, looks at it, and stops it. If it does not listen although its upstreams were started before, it is started once more
/// without them: a word may have been misunderstood, and the upstream have taken the program's own port.
///
/// # Errors
/// Returns [`Halt::Interrupted`], or why the program could not be looked at.
pub(super) async fn look(stand: &Stand, command: &Command, path: Option<&str>) -> Result<Found, Halt> {
    let written = command.written();
    let first = upstreams(&written, |one| one.hint == Hint::Upstream);
    let mut start = one_start(stand, command, (&written, &first), path).await?;
    // One that ended well has done its work, or went into the background and may still listen.
    let may_help = |error: &Error| !matches!(error, Error::Ended { ending: Ending::Code(0), .. });
    if !first.is_empty() && matches!(&start, Start::Silent(error, _) if may_help(error)) {
        start = one_start(stand, command, (&written, &[]), path).await?;
    }
    match start {
        Start::Found(found) => Ok(found),
        Start::Silent(error, log) => Err(Failure::of(&error, Exit::TargetFailed).with_log(log).into()),
    }
}

async fn one_start(
    stand: &Stand,
    command: &Command,
    (written, first): (&[Written], &[SocketAddr]),
    path: Option<&str>,
) -> Result<Start, Halt> {
    let (mut mocks, mut found) = (Vec::new(), Found::default());
    bind(stand, first, &mut mocks, &mut found).await?;
    let running = start(stand, command).await?;
    let addresses = match listening(stand, &running, command).await? {
        Ok(addresses) => addresses,
        Err(error) => return Ok(Start::Silent(error, running.log_tail(LINES))),
    };
    let own: BTreeSet<u16> = addresses.iter().map(SocketAddr::port).collect();
    let rest = upstreams(written, |one| one.hint != Hint::Listen && !own.contains(&one.mention.port));
    let rest: Vec<SocketAddr> = rest.into_iter().filter(|address| !first.contains(address)).collect();
    bind(stand, &rest, &mut mocks, &mut found).await?;
    for address in addresses {
        let port = port(stand, address, &mocks).await?;
        found.ports.push(port);
    }
    found.attempts = attempts(stand, &found.ports, &mocks, path).await?;
    found.doubt_paths();
    running.stop(PATIENCE).await;
    for mock in mocks {
        mock.stop().await;
    }
    Ok(Start::Found(found))
}

/// Lists the loopback addresses of the command that may be those of an upstream.
fn upstreams(written: &[Written], fits: impl Fn(&Written) -> bool) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    for one in written.iter().filter(|one| fits(one) && one.mention.scheme != Scheme::Https) {
        let is_flag = matches!(one.place, Place::Argument(_)) && one.hint == Hint::Upstream;
        let host = match one.mention.host {
            Host::Loopback(address) => Some(address),
            Host::Absent if is_flag => Some(IpAddr::from(Ipv4Addr::LOCALHOST)),
            Host::Absent | Host::Any | Host::Other => None,
        };
        let address = host.map(|host| SocketAddr::new(host, one.mention.port));
        found.extend(address.filter(|address| !found.contains(address)));
    }
    found.truncate(UPSTREAMS);
    found
}

async fn bind(stand: &Stand, at: &[SocketAddr], mocks: &mut Vec<Mock>, found: &mut Found) -> Result<(), Halt> {
    for address in at {
        match Mock::at(stand, *address).await? {
            Some(mock) => {
                mocks.push(mock);
                found.bound.push(*address);
            }
            None => found.taken.push(*address),
        }
    }
    Ok(())
}

/// Starts the program in an empty folder, as a run does.
async fn start(stand: &Stand, command: &Command) -> Result<Running, Halt> {
    let braced = |word: &String| word.replace('{', "{{").replace('}', "}}");
    let process = ProcessSpec { command: command.argv.iter().map(braced).collect(), env: Vec::new(), cpuset: None };
    // Where it listens is not known yet; nothing connects to this free port.
    let endpoints =
        Endpoints { proxy: "http://127.0.0.1:{port.unused}".to_owned(), health: None, ready: None, others: Vec::new() };
    let launch = Launch::Process(process);
    let spec = Spec { deadline: DEADLINE, stop_within: PATIENCE, launch, files: Vec::new(), endpoints };
    let request = LaunchRequest {
        site: &stand.site,
        name: "program",
        spec: &spec,
        upstream: None,
        egress: None,
        cpuset: None,
        limits: None,
        allotted: None,
    };
    target::launch(&request).await.map_err(|error| launch_halt(&error))
}

/// Waits until the program and its descendants listen and no further port is added.
async fn listening(
    stand: &Stand,
    running: &Running,
    command: &Command,
) -> Result<Result<BTreeSet<SocketAddr>, Error>, Halt> {
    let (begun, mut seen, mut since) = (Mono::now(), BTreeSet::new(), Mono::now());
    let program = || command.argv.first().cloned().unwrap_or_default();
    loop {
        let family = keeper::family(running.pid, running.mark.as_deref());
        let now = listeners(&family);
        if now != seen {
            (seen, since) = (now, Mono::now());
        }
        if let Some(ending) = running.ended().filter(|_| family.is_empty()) {
            return Ok(Err(Error::Ended { program: program(), ending }));
        }
        if !seen.is_empty() && Mono::now().since(since) >= SETTLE {
            return Ok(Ok(seen));
        }
        if Mono::now() >= begun.after(DEADLINE) {
            return Ok(Err(Error::NeverListened { program: program(), waited: DEADLINE }));
        }
        stand.interrupt.or(tokio::time::sleep(LOOK)).await?;
    }
}

/// Returns the addresses of loopback at which a listener may be reached.
fn reached_at(listener: SocketAddr) -> Vec<SocketAddr> {
    let (four, six) = (IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST));
    let hosts = match listener.ip() {
        IpAddr::V4(host) if host.is_unspecified() => vec![four],
        IpAddr::V6(host) if host.is_unspecified() => vec![four, six],
        host if host.is_loopback() => vec![host],
        _ => Vec::new(),
    };
    hosts.into_iter().map(|host| SocketAddr::new(host, listener.port())).collect()
}

/// Finds out what a port speaks, and which of the usual paths the program answers itself.
async fn port(stand: &Stand, listener: SocketAddr, mocks: &[Mock]) -> Result<Port, Halt> {
    let mut port = Port { address: listener, speech: Speech::Elsewhere, paths: Vec::new(), answers_all: false };
    for address in reached_at(listener) {
        if stand.interrupt.or(is_reachable(address)).await? {
            (port.address, port.speech) = (address, Speech::Other);
            break;
        }
    }
    if port.speech == Speech::Elsewhere {
        return Ok(port);
    }
    let get = |path: &str| Request::to_try(Some(path)).swap_remove(0);
    for (speech, tls) in [(Speech::Http, false), (Speech::Https, true)] {
        let (answer, reached) = tried(stand, port.address, tls, &get("/harness-init-no-such-path"), mocks).await?;
        if let Ok(answer) = answer {
            port.speech = speech;
            port.answers_all = reached.is_none() && (200..300).contains(&answer.status);
            break;
        }
    }
    if matches!(port.speech, Speech::Other) {
        return Ok(port);
    }
    for path in paths() {
        let (answer, reached) = tried(stand, port.address, port.speech == Speech::Https, &get(path), mocks).await?;
        if reached.is_none() && answer.is_ok_and(|answer| (200..300).contains(&answer.status)) {
            port.paths.push(path);
        }
    }
    Ok(port)
}

type Tried = (Result<harness_rig::probe::Exchange, String>, Option<SocketAddr>);

/// Sends a request and returns the answer, and the upstream at which it arrived.
async fn tried(stand: &Stand, at: SocketAddr, tls: bool, request: &Request, mocks: &[Mock]) -> Result<Tried, Halt> {
    let mut before = Vec::with_capacity(mocks.len());
    for mock in mocks {
        before.push(mock.hits().await?);
    }
    let answer = stand.interrupt.or(send(at, tls, request)).await?;
    for (mock, before) in mocks.iter().zip(before) {
        if mock.hits().await? > before {
            let address = mock.upstream.url.address.inet();
            return Ok((answer, address));
        }
    }
    Ok((answer, None))
}

/// Tries requests at all ports until one arrives at an upstream and has a valid answer.
async fn attempts(stand: &Stand, ports: &[Port], mocks: &[Mock], path: Option<&str>) -> Result<Vec<Attempt>, Halt> {
    let mut made = Vec::new();
    for port in ports.iter().filter(|port| matches!(port.speech, Speech::Http | Speech::Https)) {
        for request in Request::to_try(path) {
            let (answer, reached) = tried(stand, port.address, port.speech == Speech::Https, &request, mocks).await?;
            let attempt = Attempt { port: port.address, request, answer, reached };
            let is_enough = attempt.success().is_some() && (attempt.reached.is_some() || mocks.is_empty());
            made.push(attempt);
            if is_enough {
                return Ok(made);
            }
        }
    }
    Ok(made)
}
