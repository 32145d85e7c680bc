//! Commands to the upstream, which are neither counted, delayed nor affected by faults: requests below `/__upstream/`, or lines on stdin.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use hyper::StatusCode;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;

use super::fault::Fault;
use super::reply::{self, Reply};
use super::state::Upstream;
use crate::error::Error;

pub(crate) const PREFIX: &str = "/__upstream/";

/// The prefix of the commands that switch a fault.
const FAULT: &str = "fault/";

/// Answers a request below [`PREFIX`].
pub(crate) fn answer(upstream: &Upstream, path: &str) -> Reply {
    let (status, body) = obey(upstream, path.strip_prefix(PREFIX).unwrap_or_default());
    reply::json(status, body)
}

/// The pipes over which the process that started this one gives commands.
pub(crate) struct Pipes {
    commands: pipe::Receiver,
    answers: pipe::Sender,
}

impl Pipes {
    /// Takes stdin and stdout, which must be pipes.
    ///
    /// # Errors
    /// Returns an error if they are not, or if the runtime cannot watch them.
    pub(crate) fn take() -> Result<Self, Error> {
        let taken = |fd: std::io::Result<OwnedFd>| fd.map_err(Error::setup("--admin-stdio"));
        let stdin = taken(std::io::stdin().as_fd().try_clone_to_owned())?;
        let stdout = taken(std::io::stdout().as_fd().try_clone_to_owned())?;
        let commands = pipe::Receiver::from_owned_fd(stdin).map_err(Error::setup("--admin-stdio: stdin"))?;
        let answers = pipe::Sender::from_owned_fd(stdout).map_err(Error::setup("--admin-stdio: stdout"))?;
        Ok(Self { commands, answers })
    }

    /// Answers each line with a line of JSON, until the other side closes a pipe.
    pub(crate) async fn serve(self, upstream: Arc<Upstream>) {
        let Self { commands, mut answers } = self;
        let mut commands = BufReader::new(commands).lines();
        while let Ok(Some(command)) = commands.next_line().await {
            let (_, mut body) = obey(&upstream, &command);
            body.push(b'\n');
            if answers.write_all(&body).await.is_err() {
                return;
            }
        }
    }
}

/// Obeys a command. Returns the status and the JSON of the answer.
fn obey(upstream: &Upstream, command: &str) -> (StatusCode, Vec<u8>) {
    if let Some(name) = command.strip_prefix(FAULT) {
        return switch(upstream, name);
    }
    let text = |status, text: &str| (status, text.as_bytes().to_vec());
    match command {
        "health" => text(StatusCode::OK, r#"{"status":"ok"}"#),
        "ledger" => ledger(upstream),
        "cancelled" => json(&upstream.cancels.take()),
        _ => text(
            StatusCode::NOT_FOUND,
            r#"{"error":"no such path; there are /__upstream/ledger, /__upstream/cancelled, /__upstream/health and /__upstream/fault/NAME"}"#,
        ),
    }
}

/// Switches the fault for the requests that follow, and answers the ledger.
fn switch(upstream: &Upstream, name: &str) -> (StatusCode, Vec<u8>) {
    match Fault::parse(name) {
        Some(fault) => {
            upstream.switch.set(fault);
            ledger(upstream)
        }
        None => (
            StatusCode::BAD_REQUEST,
            br#"{"error":"no such fault; there are none, down, slow/500ms, reset, half-close and garbage"}"#.to_vec(),
        ),
    }
}

fn ledger(upstream: &Upstream) -> (StatusCode, Vec<u8>) {
    json(&upstream.report())
}

fn json(report: &impl serde::Serialize) -> (StatusCode, Vec<u8>) {
    match serde_json::to_vec(report) {
        Ok(body) => (StatusCode::OK, body),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, br#"{"error":"the report has no JSON form"}"#.to_vec()),
    }
}
