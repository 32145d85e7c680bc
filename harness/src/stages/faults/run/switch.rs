//! Makes the bundled upstream fail by commands, which the fault does not affect.

use std::io::{self, ErrorKind};
use std::time::Duration;

use serde::Deserialize;
use tokio::net::{TcpStream, UnixStream};

use super::Span;
use crate::run::admin::{Admin, Cause, PATIENCE};
use crate::run::halt::Halt;
use crate::stages::faults::facts::{FaultKind, FaultRecord};
use harness_base::address::Address;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// Interval of checks whether it listens.
const LOOK: Duration = Duration::from_millis(1);

/// The upstream did not set the fault.
#[derive(Debug, thiserror::Error)]
#[error("cannot set the fault {words} at the upstream: {cause}; see upstream.log beside the result")]
struct Error {
    words: String,
    cause: Cause,
}

#[derive(Deserialize)]
struct Answer {
    faults: Totals,
}

/// How often the upstream caused each fault.
#[derive(Deserialize)]
struct Totals {
    down: u64,
    slow: u64,
    reset: u64,
    half_close: u64,
    garbage: u64,
}

/// Makes the upstream fail for `span`. Begin and end are measured when they are confirmed: by its answer, or for an
/// upstream that is down by a refused and an accepted connection.
///
/// # Errors
/// Returns [`Halt::Failed`] if the fault cannot be set or removed.
pub(super) async fn fail(
    (admin, address): (&Admin, &Address),
    kind: FaultKind,
    slow: Nanos,
    span: Span,
) -> Result<FaultRecord, Halt> {
    let words = words(kind, slow);
    let refused = |cause: Cause| Halt::tooling(&Error { words: words.clone(), cause });
    tokio::time::sleep(span.from.remaining().duration()).await;
    set(admin, &words).await.map_err(refused)?;
    if kind == FaultKind::UpstreamDown {
        until(address, false).await.map_err(refused)?;
    }
    let began = Mono::now();
    tokio::time::sleep(span.until.remaining().duration()).await;
    let totals = set(admin, "none").await.map_err(refused)?;
    if kind == FaultKind::UpstreamDown {
        until(address, true).await.map_err(refused)?;
    }
    let ended = Mono::now();
    let since = |at: Mono| at.since(span.start).0;
    let made = totals.of(kind);
    Ok(FaultRecord { kind, began_ns: since(began), ended_ns: Some(since(ended)), made, exit: None, streams: None })
}

fn words(kind: FaultKind, slow: Nanos) -> String {
    match kind {
        FaultKind::UpstreamDown => "down".to_owned(),
        FaultKind::UpstreamSlow => format!("slow/{}ns", slow.0),
        FaultKind::UpstreamReset => "reset".to_owned(),
        FaultKind::UpstreamHalfClose => "half-close".to_owned(),
        FaultKind::UpstreamGarbage => "garbage".to_owned(),
        _ => "none".to_owned(),
    }
}

impl Totals {
    const fn of(&self, kind: FaultKind) -> Option<u64> {
        match kind {
            FaultKind::UpstreamDown => Some(self.down),
            FaultKind::UpstreamSlow => Some(self.slow),
            FaultKind::UpstreamReset => Some(self.reset),
            FaultKind::UpstreamHalfClose => Some(self.half_close),
            FaultKind::UpstreamGarbage => Some(self.garbage),
            _ => None,
        }
    }
}

/// Sets the fault, and returns how often each fault was caused so far.
async fn set(admin: &Admin, words: &str) -> Result<Totals, Cause> {
    let answer: Answer = admin.ask(&format!("fault/{words}")).await?;
    Ok(answer.faults)
}

/// Waits until connections are accepted or refused.
async fn until(address: &Address, accepted: bool) -> Result<(), Cause> {
    let look = async {
        loop {
            match connect(address).await {
                Ok(()) if accepted => return,
                Err(error) if !accepted && error.kind() == ErrorKind::ConnectionRefused => return,
                _ => tokio::time::sleep(LOOK).await,
            }
        }
    };
    let what = if accepted { "accepts no connections" } else { "still accepts connections" };
    let late = |_| format!("it {what} after {} s", PATIENCE.as_secs());
    Ok(tokio::time::timeout(PATIENCE, look).await.map_err(late)?)
}

async fn connect(address: &Address) -> io::Result<()> {
    match address {
        Address::Inet(address) => TcpStream::connect(address).await.map(drop),
        Address::Unix(path) => UnixStream::connect(path).await.map(drop),
    }
}
