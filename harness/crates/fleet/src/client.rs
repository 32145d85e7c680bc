//! Control's side of the hub, until the fleet is complete. After that, [`harness_load::Generator`] speaks with it.

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::frame::text;
use super::order::{HubEvent, HubOrder, NodeFacts, RefusedPeer};
use harness_base::units::Nanos;
use harness_load::Streams;

/// The hub may take this long beyond the wait for the nodes.
const SLACK: Nanos = Nanos::from_secs(10);

/// The reason why no fleet came together.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    #[error(
        "{joined} of {wanted} nodes joined within {waited}{}; check on the other nodes why `harness node join` does not reach the hub, or raise \
         `wait` in [fleet]",
        listed(.refused)
    )]
    TooFew { joined: u64, wanted: u64, waited: Nanos, refused: Vec<RefusedPeer> },
    /// The hub reported a failure.
    #[error("the hub failed: {message}")]
    Failed { message: String },
    #[error("the hub ended; its last output is in the run's log")]
    Ended,
    #[error("the hub sent nothing for {waited}; stop the run and check the load of the host")]
    Silent { waited: Nanos },
    #[error("the hub sent {line:?}, which cannot be parsed")]
    Malformed {
        /// The beginning of the line.
        line: String,
        source: serde_json::Error,
    },
    #[error("cannot use the pipes of the hub")]
    Pipes(#[from] harness_load::Error),
    #[error("cannot read from the hub")]
    Io(#[from] io::Error),
}

/// Lists who was refused.
fn listed(refused: &[RefusedPeer]) -> String {
    if refused.is_empty() {
        return String::new();
    }
    let each: Vec<String> = refused.iter().map(ToString::to_string).collect();
    format!("; refused: {}", each.join("; "))
}

/// Sends a new `harness __hub` its order and waits until the fleet is complete. Calls `events` with what happens meanwhile. `stdin` and
/// `stdout` are our ends of its pipes.
///
/// # Errors
/// Returns an error when too few nodes join, or the hub fails.
pub async fn assemble(
    stdin: OwnedFd,
    stdout: OwnedFd,
    order: &HubOrder,
    events: impl FnMut(&HubEvent),
) -> Result<(Streams, Vec<NodeFacts>), AssembleError> {
    assemble_over(Streams::of(stdin, stdout)?, order, events).await
}

/// Does what [`assemble`] does with a hub at the other end of `streams`, which can be on another machine.
///
/// # Errors
/// Returns an error when too few nodes join, or the hub fails.
pub async fn assemble_over(
    mut streams: Streams,
    order: &HubOrder,
    mut events: impl FnMut(&HubEvent),
) -> Result<(Streams, Vec<NodeFacts>), AssembleError> {
    let mut line = text(order);
    line.push(b'\n');
    streams.commands.write_all(&line).await.map_err(|_| AssembleError::Ended)?;
    streams.commands.flush().await.map_err(|_| AssembleError::Ended)?;
    let within = order.wait.plus(SLACK);
    loop {
        let next = timeout(within.duration(), streams.answers.next_line()).await;
        let line = next.map_err(|_| AssembleError::Silent { waited: within })??.ok_or(AssembleError::Ended)?;
        let event = match serde_json::from_str(&line) {
            Ok(event) => event,
            Err(source) => return Err(AssembleError::Malformed { line: line.chars().take(200).collect(), source }),
        };
        events(&event);
        match event {
            HubEvent::Assembled { nodes } => return Ok((streams, nodes)),
            HubEvent::TooFew { joined, wanted, waited, refused } => {
                return Err(AssembleError::TooFew { joined, wanted, waited, refused });
            }
            HubEvent::Failed { message } => return Err(AssembleError::Failed { message }),
            HubEvent::Listening { .. } | HubEvent::Joined(_) | HubEvent::Left { .. } | HubEvent::Refused(_) => {}
        }
    }
}
