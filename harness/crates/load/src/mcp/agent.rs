//! Decides what an agent does next. It uses no clock and no socket.

use std::borrow::Cow;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::answer::Page;
use super::facts::Sessions;
use super::method::Method;
use super::tool::Tool;
use super::workload::{TextSize, Workload};
use crate::outcome::Outcome;
use harness_base::units::{Nanos, Ratio};

/// The number of places among the prepared letters at which the text of a call can begin.
pub(super) const OFFSETS: usize = 4096;
/// The status of an answer to a session that the server does not know.
const NOT_FOUND: u16 = 404;

/// An agent and its session with one arm.
pub(super) struct Agent {
    random: ChaCha8Rng,
    /// The identifier of its last request.
    id: u64,
    place: Place,
    /// The calls that are left until the session ends.
    left: u64,
    /// The calls of the next burst; 0 until they are drawn.
    burst: u64,
    /// Whether they are sent as one batch.
    batched: bool,
    /// Whether a stream is open on which the server can send.
    listens: bool,
    /// The identifier of the session; empty without one.
    session: Vec<u8>,
    tools: Vec<Tool>,
    /// The tools of the pages of a list that is not complete, and where it goes on.
    listed: Vec<String>,
    cursor: Option<String>,
    /// Calls of tools that a later list does not have.
    former: Vec<(String, u64)>,
}

/// Where an agent is in its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first request.
    Begin,
    /// After `initialize`.
    Initialized,
    List,
    Call,
    /// Before DELETE.
    End,
}

/// What an agent does next: one request, or the calls of a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) method: Method,
    pub(super) requests: u64,
    /// Whether they are sent as one batch.
    pub(super) batched: bool,
}

/// A request that an agent is about to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) id: u64,
    /// The place of the tool that is called, and the length of its text in bytes and where it begins among the prepared ones.
    pub(super) call: Option<Call>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) tool: usize,
    pub(super) length: usize,
    pub(super) offset: usize,
}

/// The end of a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    /// The outcome of its request; of a burst, that of any of its calls that failed.
    pub(super) outcome: Outcome,
    /// The status of that answer; 0 without one.
    pub(super) status: u16,
}

impl Agent {
    /// Creates the agent of user `index`. The agents of both arms of a user draw the same values.
    pub(super) fn new(seed: u64, index: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(index);
        Self {
            random,
            id: 0,
            place: Place::Begin,
            left: 0,
            burst: 0,
            batched: false,
            listens: false,
            session: Vec::new(),
            tools: Vec::new(),
            listed: Vec::new(),
            cursor: None,
            former: Vec::new(),
        }
    }

    pub(super) fn session(&self) -> &[u8] {
        &self.session
    }

    pub(super) fn tools(&self) -> &[Tool] {
        &self.tools
    }

    /// Returns the identifier of its last request; 0 before the first.
    pub(super) const fn last_id(&self) -> u64 {
        self.id
    }

    /// Returns what is next. Returns the same until [`Agent::after`] is called.
    pub(super) fn step(&mut self, workload: &Workload) -> Step {
        let one = |method| Step { method, requests: 1, batched: false };
        match self.place {
            Place::Begin if workload.revision.has_sessions() => one(Method::Initialize),
            Place::Begin if workload.discover => one(Method::Discover),
            Place::Initialized => one(Method::Initialized),
            Place::Begin | Place::List => one(Method::ToolsList),
            Place::Call => {
                if self.burst == 0 {
                    let (fewest, most) = workload.burst;
                    self.burst = self.random.random_range(fewest..=most);
                    self.batched = workload.revision.has_batches() && self.draws(workload.batches);
                }
                let requests = self.burst.min(self.left).max(1);
                Step { method: Method::ToolsCall, requests, batched: self.batched && requests > 1 }
            }
            Place::End => one(Method::Delete),
        }
    }

    /// Returns the next request of a step.
    pub(super) fn request(&mut self, method: Method, workload: &Workload) -> Request {
        self.id += 1;
        let call = (method == Method::ToolsCall).then(|| {
            let largest = usize::try_from(workload.text.largest.0).unwrap_or(usize::MAX);
            Call {
                tool: if self.tools.len() > 1 { self.random.random_range(0..self.tools.len()) } else { 0 },
                length: self.draw_length(&workload.text).min(largest),
                offset: self.random.random_range(0..OFFSETS),
            }
        });
        Request { method, id: self.id, call }
    }

    /// Draws a length from the lognormal distribution: the exponential of a normal value (Box and Muller).
    fn draw_length(&mut self, text: &TextSize) -> usize {
        if text.sigma == 0.0 {
            return usize::try_from(text.median.0).unwrap_or(usize::MAX);
        }
        let (one, other): (f64, f64) = (self.random.random(), self.random.random());
        let normal = (-2.0 * (1.0 - one).ln()).sqrt() * (std::f64::consts::TAU * other).cos();
        (text.median.0 as f64 * (text.sigma * normal).exp()).round() as usize
    }

    /// Draws whether something belongs to a share. Nothing is drawn for an empty share.
    fn draws(&mut self, share: Ratio) -> bool {
        share.0 > 0.0 && self.random.random_bool(share.0.min(1.0))
    }

    /// Returns whether the agent holds a stream open on which the server can send.
    pub(super) const fn listens(&self) -> bool {
        self.listens
    }

    /// Returns the request that opens this stream.
    pub(super) fn listen(&mut self, workload: &Workload) -> Request {
        let method = if workload.revision.has_sessions() { Method::Listen } else { Method::Subscribe };
        self.request(method, workload)
    }

    /// Draws how long the agent pauses after a burst.
    pub(super) fn draw_pause(&mut self, workload: &Workload) -> Nanos {
        let (shortest, longest) = workload.think;
        Nanos(self.random.random_range(shortest.0..=longest.0.max(shortest.0)))
    }

    /// Begins a session with the identifier that the server gave it; none if that is empty.
    pub(super) fn open(&mut self, session: &[u8]) {
        self.session.clear();
        self.session.extend_from_slice(session);
    }

    /// Returns the number of tools of the pages that were read of a list that is not complete.
    pub(super) fn listed(&self) -> u64 {
        self.listed.len() as u64
    }

    /// Returns where a list goes on that is not complete.
    pub(super) fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// Remembers the tools of a list, or the one that is always called. If there is a next page, it is asked for first.
    pub(super) fn learn(&mut self, page: &Page<'_>, workload: &Workload) {
        let names = page.tools.iter().map(|name| &**name);
        if let Some(cursor) = &page.cursor {
            self.listed.extend(names.map(str::to_owned));
            self.cursor = Some(cursor.clone().into_owned());
            return;
        }
        let listed = std::mem::take(&mut self.listed);
        self.cursor = None;
        let names = listed.iter().map(String::as_str).chain(names);
        if let Some(only) = &workload.tool {
            if self.tools.is_empty() {
                self.tools = vec![Tool::new(only)];
            }
        } else if !self.tools.iter().map(Tool::name).eq(names.clone()) {
            let tools = names.map(Tool::new).collect();
            let before = std::mem::replace(&mut self.tools, tools);
            self.former.extend(before.into_iter().map(|mut tool| (tool.name().to_owned(), tool.take_calls())));
            self.former.retain(|(_, calls)| *calls > 0);
        }
    }

    /// Counts how often a call was written.
    pub(super) fn called(&mut self, request: &Request, writes: u64) {
        if let Some(tool) = request.call.and_then(|call| self.tools.get_mut(call.tool)) {
            tool.called(writes);
        }
    }

    /// Returns the calls of each tool since the last time this was asked.
    pub(super) fn take_calls(&mut self) -> impl Iterator<Item = (Cow<'_, str>, u64)> {
        let former = self.former.drain(..).map(|(name, calls)| (Cow::Owned(name), calls));
        let now = self.tools.iter_mut().map(|tool| (tool.take_calls(), tool));
        former.chain(now.filter(|(calls, _)| *calls > 0).map(|(calls, tool)| (Cow::Borrowed(tool.name()), calls)))
    }

    /// Moves on after a step of `requests`. Returns what became of the session.
    pub(super) fn after(&mut self, step: Step, ended: Ended, workload: &Workload) -> Sessions {
        let mut sessions = Sessions::default();
        let ok = ended.outcome == Outcome::Ok;
        if Self::is_lost(ended.status) && !self.session.is_empty() && step.method != Method::Initialize {
            sessions.lost = 1;
            self.begin();
            return sessions;
        }
        self.place = match step.method {
            Method::Initialize if ok => {
                sessions.begun = u64::from(!self.session.is_empty());
                Place::Initialized
            }
            Method::Initialize => Place::Begin,
            Method::Initialized | Method::Discover => Place::List,
            Method::ToolsList if !ok => {
                self.forget_pages();
                if self.tools.is_empty() { Place::List } else { self.begin_calls(workload) }
            }
            Method::ToolsList if self.cursor.is_some() || self.tools.is_empty() => Place::List,
            Method::ToolsList => self.begin_calls(workload),
            Method::ToolsCall => return self.after_calls(step.requests, workload),
            // These are no steps: they open a stream beside the others.
            Method::Listen | Method::Subscribe => self.place,
            Method::Delete => {
                sessions.deleted = u64::from(ok);
                self.begin();
                return sessions;
            }
        };
        sessions
    }

    fn begin_calls(&mut self, workload: &Workload) -> Place {
        self.left = workload.calls;
        self.listens = self.draws(workload.listen);
        Place::Call
    }

    fn forget_pages(&mut self) {
        self.listed.clear();
        self.cursor = None;
    }

    fn after_calls(&mut self, calls: u64, workload: &Workload) -> Sessions {
        self.burst = 0;
        self.left = self.left.saturating_sub(calls);
        if self.left > 0 {
            return Sessions::default();
        }
        // A server that gives no identifier keeps no session that could be ended.
        let is_kept = workload.revision.has_sessions() && !self.session.is_empty();
        if is_kept && !self.random.random_bool(workload.abandoned.0.clamp(0.0, 1.0)) {
            self.place = Place::End;
            return Sessions::default();
        }
        self.begin();
        Sessions { abandoned: u64::from(is_kept), ..Sessions::default() }
    }

    /// Returns whether an answer with this status says that the session is not known any more.
    pub(super) const fn is_lost(status: u16) -> bool {
        status == NOT_FOUND
    }

    /// Leaves the calls that are left, so that the session ends next.
    pub(super) fn finish(&mut self) {
        self.place = if self.session.is_empty() { Place::Begin } else { Place::End };
    }

    /// Returns whether its session is ended next.
    pub(super) fn ends_session(&self) -> bool {
        self.place == Place::End
    }

    fn begin(&mut self) {
        self.place = Place::Begin;
        self.burst = 0;
        self.listens = false;
        self.session.clear();
        self.forget_pages();
    }
}

#[cfg(test)]
mod tests;
