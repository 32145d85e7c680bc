//! The pipes that all users of an arm share: the one who finds them closed opens them, and shakes hands.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::door;
use super::link::{Failure, Link, words};
use super::strays::{Counted, Counter};
use crate::deadline::Deadline;
use crate::frames::PreflightAnswer;
use crate::mcp::answer::Page;
use crate::mcp::method::Method;
use crate::mcp::prepared::Prepared;
use crate::outcome::Outcome;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The least time for an answer of the handshake, whose first one awaits the start of the server.
const START: Nanos = Nanos::from_secs(20);

/// The pipes of one arm.
pub(crate) struct Pipe {
    /// The socket at which the program waits for its pipes.
    door: PathBuf,
    seed: u64,
    place: Mutex<Option<Opened>>,
    strays: Arc<Counter>,
}

/// Pipes that were opened, or could not be. They are opened once, because the program waits once.
#[derive(Clone)]
struct Opened {
    /// The answers of the handshake, up to the first that is wrong.
    answers: Vec<PreflightAnswer>,
    /// Absent if the handshake failed.
    link: Option<Arc<Link>>,
}

impl Pipe {
    /// Creates the place of pipes that are opened later. The values that are drawn depend on `seed` only, so that both arms get the same.
    pub(crate) fn new(door: PathBuf, seed: u64) -> Self {
        Self { door, seed, place: Mutex::default(), strays: Arc::default() }
    }

    /// Returns the open pipes, or the outcome and the message of what went wrong.
    pub(super) async fn link(&self, prepared: &Prepared) -> Result<Arc<Link>, (Outcome, String)> {
        let Opened { answers, link } = self.opened(prepared).await;
        link.ok_or_else(|| {
            let last = answers.into_iter().next_back();
            last.map_or((Outcome::Connect, String::new()), |last| (last.outcome, last.example.unwrap_or_default()))
        })
    }

    async fn opened(&self, prepared: &Prepared) -> Opened {
        let mut place = self.place.lock().await;
        if place.is_none() {
            *place = Some(self.open(prepared).await);
        }
        place.clone().unwrap_or(Opened { answers: Vec::new(), link: None })
    }

    async fn open(&self, prepared: &Prepared) -> Opened {
        let ends = match door::open(&self.door) {
            Ok(ends) => ends,
            Err(error) => {
                let message = format!("the pipes of the program cannot be opened: {error}");
                return Opened { answers: vec![failed(Method::Initialize, Outcome::Connect, message)], link: None };
            }
        };
        let link = Link::start(ends, prepared, self.seed, Arc::clone(&self.strays));
        let answers = shake_hands(&link, prepared).await;
        let is_ok = answers.last().is_some_and(|answer| answer.outcome == Outcome::Ok);
        Opened { answers, link: is_ok.then_some(link) }
    }

    /// Begins to count the lines of a trial with this window that answer no request.
    pub(crate) fn begin(&self, window: (Mono, Mono)) {
        self.strays.begin(window);
    }

    /// Returns what was counted.
    pub(crate) fn end(&self) -> Counted {
        self.strays.end()
    }
}

/// Sends the requests that come before the first call, up to the first that fails.
async fn shake_hands(link: &Link, prepared: &Prepared) -> Vec<PreflightAnswer> {
    let (mut answers, mut line) = (Vec::new(), Vec::new());
    loop {
        let step = link.next();
        match step.method {
            Method::ToolsCall | Method::Delete => return answers,
            Method::Initialized => {
                link.prepare(step.method, prepared, &mut line);
                if let Err(failure) = link.notify(&line) {
                    answers.push(failed(step.method, failure.outcome(), failure.to_string()));
                    return answers;
                }
                link.after(step, None);
            }
            method => {
                let (answer, page) = ask(link, method, prepared, prepared.timeout.max(START)).await;
                let is_ok = answer.outcome == Outcome::Ok;
                answers.push(answer);
                if !is_ok {
                    return answers;
                }
                link.after(step, page.as_ref());
            }
        }
    }
}

/// Opens the pipes, and calls one tool. Returns the answers of the handshake and of the call.
pub(crate) async fn preflight(pipe: &Pipe, prepared: &Prepared) -> Vec<PreflightAnswer> {
    let Opened { mut answers, link } = pipe.opened(prepared).await;
    if let Some(link) = link {
        answers.push(ask(&link, Method::ToolsCall, prepared, prepared.timeout).await.0);
    }
    answers
}

/// Sends one request. Returns what became of it, and the page of a list.
async fn ask(
    link: &Link,
    method: Method,
    prepared: &Prepared,
    timeout: Nanos,
) -> (PreflightAnswer, Option<Page<'static>>) {
    let (mut line, mut deadline) = (Vec::new(), Deadline::new());
    let id = link.prepare(method, prepared, &mut line);
    let sent = Mono::now();
    deadline.set(sent, sent.after(timeout));
    match link.ask((id, method), &line, &mut deadline).await {
        Err(failure) => (failed(method, failure.outcome(), explained(failure, timeout)), None),
        Ok(answer) => {
            let latency = Some(answer.at.since(sent));
            let (outcome, example, page) = match answer.checked {
                Ok(page) => (Outcome::Ok, None, page),
                Err(wrong) => (Outcome::WrongBody, Some(words(method, &wrong)), None),
            };
            let request = method.name().to_owned();
            (PreflightAnswer { request, outcome, status: None, latency, sent: true, example }, page)
        }
    }
}

fn explained(failure: Failure, timeout: Nanos) -> String {
    match failure {
        Failure::Timeout => format!("no answer within {timeout}"),
        Failure::Closed => failure.to_string(),
    }
}

fn failed(method: Method, outcome: Outcome, message: String) -> PreflightAnswer {
    let request = method.name().to_owned();
    let example = Some(format!("{request}: {message}"));
    PreflightAnswer { request, outcome, status: None, latency: None, sent: true, example }
}
