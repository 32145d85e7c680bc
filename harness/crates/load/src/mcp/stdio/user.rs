//! A user of pipes that all users of an arm share: sends one `tools/call` after the other.

use std::sync::Arc;
use std::time::Duration;

use super::link::{Link, words};
use super::pipe::Pipe;
use crate::arm_client::Completion;
use crate::deadline::Deadline;
use crate::link::Answer;
use crate::mcp::method::Method;
use crate::mcp::prepared::Prepared;
use crate::outcome::Outcome;
use crate::release::release;
use crate::trial::{NextRequest, Seen, Trial, Turn};
use harness_base::timer::Timer;

/// The pause of a user in a closed loop when the server has closed its pipes, which prevents a flood of attempts.
const PAUSE: Duration = Duration::from_millis(1);

const METHOD: Method = Method::ToolsCall;

pub(crate) struct User {
    pipe: Arc<Pipe>,
    link: Option<Arc<Link>>,
    deadline: Deadline,
    /// The request that is sent next.
    line: Vec<u8>,
}

impl User {
    pub(crate) fn new(pipe: Arc<Pipe>) -> Self {
        Self { pipe, link: None, deadline: Deadline::new(), line: Vec::new() }
    }

    /// Opens the pipes unless they are open. Returns the outcome and the message of a failure.
    pub(crate) async fn open(&mut self, prepared: &Prepared) -> Result<(), (Outcome, String)> {
        if self.link.is_none() {
            self.link = Some(self.pipe.link(prepared).await?);
        }
        Ok(())
    }

    /// Sends the next request. Returns false when the trial has no more for this user.
    pub(crate) async fn take_step(&mut self, prepared: &Prepared, trial: &Trial, timer: &mut Timer) -> bool {
        let claim = trial.claim();
        if matches!(claim, NextRequest::Over) {
            return false;
        }
        // Written before it is due, so that writing does not delay it.
        let opened = self.open(prepared).await.and_then(|()| self.link.clone().ok_or_else(without_link));
        let prepared_request = opened.map(|link| {
            let id = link.prepare(METHOD, prepared, &mut self.line);
            (link, id)
        });
        let Some(turn) = release(trial, &claim, timer).await else { return false };
        trial.begin(&turn);
        self.deadline.set(turn.sent, turn.sent.after(prepared.timeout).min(trial.drain_until));
        let completion = match prepared_request {
            Ok((link, id)) => exchange(&link, id, &self.line, &mut self.deadline, &turn).await,
            Err((outcome, message)) => Completion::new().failed(outcome, message),
        };
        trial.record(&turn, &completion, Seen::default());
        if completion.outcome != Outcome::Ok {
            if let Some(message) = completion.message.filter(|_| trial.wants_example()) {
                trial.example(message);
            }
            // Pipes that are closed fail at once, so other users must get their turn.
            match (claim, completion.outcome) {
                (NextRequest::Now, Outcome::Connect | Outcome::Reset) => tokio::time::sleep(PAUSE).await,
                _ => tokio::task::yield_now().await,
            }
        }
        true
    }
}

fn without_link() -> (Outcome, String) {
    (Outcome::Connect, "the pipes are not open".to_owned())
}

/// Sends a request and checks its answer. The request is sent when it is handed to the pipe: the wait for a server that does not read is the
/// server's doing.
async fn exchange(link: &Link, id: u64, line: &[u8], deadline: &mut Deadline, turn: &Turn) -> Completion {
    let completion = Completion::new();
    match link.ask((id, METHOD), line, deadline).await {
        Err(failure) => {
            let mut failed = completion.failed(failure.outcome(), format!("{}: {failure}", METHOD.name()));
            failed.writes = 1;
            failed
        }
        Ok(answered) => {
            let at = answered.at;
            let sent = Some(turn.sent);
            let instants = Answer { headers: at, first_body: None, last: at, continued: None, arrived: None, sent };
            match answered.checked {
                Ok(_) => completion.answered(instants, Outcome::Ok),
                Err(wrong) => {
                    let wrong_answer = completion.answered(instants, Outcome::WrongBody);
                    Completion { message: Some(words(METHOD, &wrong)), ..wrong_answer }
                }
            }
        }
    }
}
