//! The pipes of a server: writes requests, and matches the lines of the server with them.

use std::collections::{HashMap, HashSet};
use std::future::{Future, poll_fn};
use std::io::ErrorKind;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::net::unix::pipe;
use tokio::sync::{Notify, oneshot};

use super::door::Ends;
use super::strays::{Counter, excerpt};
use crate::deadline::Deadline;
use crate::mcp::agent::{Agent, Ended, Step};
use crate::mcp::answer::{Asked, Page, Wrong};
use crate::mcp::message::{Id, Message};
use crate::mcp::method::Method;
use crate::mcp::prepared::Prepared;
use crate::mcp::stdio::facts::Stray;
use crate::mcp::workload::Workload;
use crate::outcome::Outcome;
use harness_base::clock::Mono;
use harness_base::lines::Lines;

/// The bytes that one call reads.
const CHUNK: usize = 64 << 10;
/// The longest line that is read. A server that writes a longer one speaks no MCP that could be checked.
const LONGEST: usize = 64 << 20;
/// The status of an answer that HTTP would have delivered as expected.
const OK: u16 = 200;

pub(super) struct Link {
    workload: Workload,
    state: Mutex<State>,
    stdin: pipe::Sender,
    /// Notified when bytes could not be written at once.
    backlogged: Notify,
    strays: Arc<Counter>,
}

struct State {
    /// Numbers the requests of all users, and chooses their tools and their texts.
    agent: Agent,
    waiting: HashMap<u64, Waiting>,
    /// The requests whose timeout has passed, and which may be answered yet.
    given_up: HashSet<u64>,
    /// What the server has not taken yet.
    backlog: Vec<u8>,
    is_closed: bool,
}

/// A request without an answer yet.
struct Waiting {
    method: Method,
    /// The number of tools on earlier pages of a list.
    listed: u64,
    answer: oneshot::Sender<Answer>,
}

/// An answer and when it was read.
pub(super) struct Answer {
    pub(super) at: Mono,
    /// What is wrong with it, and its beginning.
    pub(super) checked: Result<Option<Page<'static>>, (Wrong, String)>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    #[error("no answer within the timeout")]
    Timeout,
    #[error("the server has closed its stdin or its stdout")]
    Closed,
}

/// Describes a wrong answer, which is shown from its beginning.
pub(super) fn words(method: Method, (wrong, beginning): &(Wrong, String)) -> String {
    format!("{}: {} ({}): {beginning}", method.name(), wrong.fault.words(), wrong.found)
}

impl Failure {
    pub(super) const fn outcome(self) -> Outcome {
        match self {
            Self::Timeout => Outcome::Timeout,
            Self::Closed => Outcome::Reset,
        }
    }
}

impl Link {
    /// Begins to read and write the pipes.
    pub(super) fn start(ends: Ends, prepared: &Prepared, seed: u64, strays: Arc<Counter>) -> Arc<Self> {
        let state = State {
            agent: Agent::new(seed, 0),
            waiting: HashMap::new(),
            given_up: HashSet::new(),
            backlog: Vec::new(),
            is_closed: false,
        };
        let (workload, state, backlogged) = (prepared.workload.clone(), Mutex::new(state), Notify::new());
        let link = Arc::new(Self { workload, state, stdin: ends.stdin, backlogged, strays });
        tokio::spawn(read_all(Arc::clone(&link), ends.stdout));
        tokio::spawn(write_backlog(Arc::clone(&link)));
        link
    }

    /// Returns what comes next in the handshake; `tools/call` once it is complete.
    pub(super) fn next(&self) -> Step {
        self.state().agent.step(&self.workload)
    }

    /// Goes on in the handshake after `step`, whose answer has the page of a list.
    pub(super) fn after(&self, step: Step, page: Option<&Page<'_>>) {
        let agent = &mut self.state().agent;
        if let Some(page) = page {
            agent.learn(page, &self.workload);
        }
        agent.after(step, Ended { outcome: Outcome::Ok, status: OK }, &self.workload);
    }

    /// Writes the next request of a method to `line`. Returns its identifier.
    pub(super) fn prepare(&self, method: Method, prepared: &Prepared, line: &mut Vec<u8>) -> u64 {
        let agent = &mut self.state().agent;
        let request = agent.request(method, &self.workload);
        prepared.texts.write_line(&request, agent, &self.workload, line);
        request.id
    }

    /// Sends a notification.
    pub(super) fn notify(&self, line: &[u8]) -> Result<(), Failure> {
        self.write(&mut self.state(), line)
    }

    /// Sends a prepared request, and waits for its answer until the deadline.
    pub(super) async fn ask(
        &self,
        (id, method): (u64, Method),
        line: &[u8],
        deadline: &mut Deadline,
    ) -> Result<Answer, Failure> {
        let mut answer = pin!(self.send((id, method), line)?);
        let answered = poll_fn(|cx| match answer.as_mut().poll(cx) {
            Poll::Ready(answered) => Poll::Ready(Some(answered)),
            Poll::Pending => deadline.poll(cx).map(|()| None),
        });
        match answered.await {
            Some(answered) => answered.map_err(|_| Failure::Closed),
            None => {
                let mut state = self.state();
                state.waiting.remove(&id);
                state.given_up.insert(id);
                Err(Failure::Timeout)
            }
        }
    }

    fn send(&self, (id, method): (u64, Method), line: &[u8]) -> Result<oneshot::Receiver<Answer>, Failure> {
        let (answer, answered) = oneshot::channel();
        let mut state = self.state();
        let listed = state.agent.listed();
        state.waiting.insert(id, Waiting { method, listed, answer });
        self.write(&mut state, line)?;
        Ok(answered)
    }

    /// Writes a line, or as much of it as the pipe takes; the rest follows what is written before it.
    fn write(&self, state: &mut State, line: &[u8]) -> Result<(), Failure> {
        if state.is_closed {
            return Err(Failure::Closed);
        }
        let written = if state.backlog.is_empty() { self.write_some(state, line) } else { 0 };
        if state.is_closed {
            return Err(Failure::Closed);
        }
        if written < line.len() {
            state.backlog.extend_from_slice(&line[written..]);
            self.backlogged.notify_one();
        }
        Ok(())
    }

    /// Writes what the pipe takes. Returns the number of bytes. Closes the link if the server does not read any more.
    fn write_some(&self, state: &mut State, bytes: &[u8]) -> usize {
        match self.stdin.try_write(bytes) {
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(_) => {
                state.close();
                0
            }
        }
    }

    /// Writes some of the backlog. Returns whether nothing is left.
    fn drain(&self) -> bool {
        let mut state = self.state();
        let backlog = std::mem::take(&mut state.backlog);
        let written = self.write_some(&mut state, &backlog);
        state.backlog = backlog;
        state.backlog.drain(..written);
        state.backlog.is_empty() || state.is_closed
    }

    /// Finds the request that a line answers, and checks the answer.
    fn receive(&self, at: Mono, line: &[u8]) {
        if line.trim_ascii().is_empty() {
            return;
        }
        let Ok(message) = serde_json::from_slice::<Message<'_>>(line) else {
            return self.strays.stray(Stray::Unreadable, at, line);
        };
        if message.method.is_some() {
            return self.strays.notification();
        }
        let found = match message.id {
            Some(Id::Number(id)) => self.state().find(id).map(|waiting| (id, waiting)),
            Some(Id::Other) | None => Err(Stray::Unknown),
        };
        match found {
            Ok((id, Waiting { method, listed, answer })) => {
                let asked = Asked { method, id, listed, workload: &self.workload };
                let checked = asked.check(message).map(|page| page.map(Page::into_owned));
                let checked = checked.map_err(|wrong| (wrong, excerpt(line)));
                // A user whose timeout has just passed does not wait for it any more.
                drop(answer.send(Answer { at, checked }));
            }
            Err(stray) => self.strays.stray(stray, at, line),
        }
    }

    fn close(&self) {
        self.state().close();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes the request with this identifier that waits for its answer, or says why there is none.
    fn find(&mut self, id: u64) -> Result<Waiting, Stray> {
        if let Some(waiting) = self.waiting.remove(&id) {
            return Ok(waiting);
        }
        if self.given_up.remove(&id) {
            return Err(Stray::Late);
        }
        Err(if (1..=self.agent.last_id()).contains(&id) { Stray::Repeated } else { Stray::Unknown })
    }

    /// Lets all requests fail that are under way.
    fn close(&mut self) {
        self.is_closed = true;
        self.waiting.clear();
    }
}

/// Reads the lines of the server until it closes its stdout.
async fn read_all(link: Arc<Link>, stdout: pipe::Receiver) {
    let (mut lines, mut chunk) = (Lines::default(), vec![0; CHUNK]);
    while stdout.readable().await.is_ok() && lines.pending() <= LONGEST {
        match stdout.try_read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => {
                let at = Mono::now();
                lines.split(&chunk[..length], |line| link.receive(at, line));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    link.close();
}

/// Writes what the pipe did not take at once, when it can take more.
async fn write_backlog(link: Arc<Link>) {
    loop {
        link.backlogged.notified().await;
        while !link.drain() {
            if link.stdin.writable().await.is_err() {
                return link.close();
            }
        }
    }
}
