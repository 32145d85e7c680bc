//! Compares an answer with the expectation while it is received.

use http::header::{HeaderName, HeaderValue};

use super::child_error::RequestError;
use super::events::{EventScan, ReadEvents};
use super::header::header;
use super::pointers::{Scan, Wanted};
use super::spec::Expect;
use super::values::{self, Values};
use super::watch::{self, Watched};
use crate::outcome::Outcome;
use harness_base::clock::Mono;

/// The number of bytes of a wrong body that are kept for messages.
const EXCERPT: usize = 120;

/// The expectation of a valid answer.
pub(super) struct Expected {
    status: Option<u16>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The pointers that must exist, then those that must not; absent when the body is not checked.
    wanted: Option<Wanted>,
    present: usize,
    /// The pointers as written.
    pointers: Vec<String>,
    values: Option<Values>,
    length: Option<u64>,
    /// The number of server-sent events; absent if any number is valid.
    events: Option<u64>,
    /// Whether the body and the fields that describe it are kept for a closer look.
    kept: bool,
    /// The number of events with a stamp that were asked for; absent if stamps are not read.
    stamped: Option<u64>,
    /// The number of events after which the answer is left.
    leave_after: Option<u64>,
    /// The value whose changes are reported.
    watched: Option<Watched>,
}

/// The state of judging one answer after the other.
#[derive(Default)]
pub(super) struct Judge {
    scan: Scan,
    head_holds: bool,
    status: u16,
    excerpt: Vec<u8>,
    /// The whole body, if its values are compared or it is kept.
    body: Vec<u8>,
    /// The `content-type` and the `mcp-session-id` of an answer that is kept; empty without them.
    content_type: Vec<u8>,
    session: Vec<u8>,
    length: u64,
    events: EventScan,
    /// The expectation that was not met.
    why: String,
    /// The watched header field of the last answer, as a number; absent without one.
    field: Option<u64>,
}

impl Expected {
    pub(super) fn new(expect: &Expect) -> Result<Self, RequestError> {
        let status = |code: u16| (100..1000).contains(&code).then_some(code).ok_or(RequestError::ExpectedStatus(code));
        let headers = expect.headers.iter().map(|(name, value)| {
            let refused = || RequestError::ExpectedHeader { name: name.clone(), value: value.clone() };
            header(name, value).ok_or_else(refused)
        });
        let pointers = expect.present.iter().chain(&expect.absent).map(String::as_str);
        let wanted =
            expect.looks_for_pointers().then(|| Wanted::new(pointers)).transpose().map_err(RequestError::Pointer)?;
        Ok(Self {
            status: expect.status.map(status).transpose()?,
            headers: headers.collect::<Result<_, _>>()?,
            wanted,
            present: expect.present.len(),
            pointers: expect.present.iter().chain(&expect.absent).cloned().collect(),
            values: Values::new(expect)?,
            length: expect.length,
            events: expect.events,
            kept: false,
            stamped: expect.stamped,
            leave_after: expect.leave_after,
            watched: expect.watch.as_ref().map(Watched::new).transpose()?,
        })
    }

    /// Creates an expectation of answers whose bodies are kept.
    pub(super) fn kept(expect: &Expect) -> Result<Self, RequestError> {
        Ok(Self { kept: true, ..Self::new(expect)? })
    }

    /// Returns whether the answer is kept.
    pub(super) const fn keeps(&self) -> bool {
        self.kept
    }

    fn looks_into_body(&self) -> bool {
        let checked = self.wanted.is_some() || self.values.is_some() || self.length.is_some() || self.reads_events();
        checked || self.keeps_body()
    }

    /// Returns whether the whole body is needed at its end.
    fn keeps_body(&self) -> bool {
        self.kept || self.values.is_some() || self.watched.as_ref().is_some_and(Watched::is_in_body)
    }

    /// Returns the header field whose value is watched.
    pub(super) fn watched_field(&self) -> Option<&HeaderName> {
        self.watched.as_ref()?.field()
    }

    /// Returns whether changes of a value are reported.
    pub(super) const fn watches(&self) -> bool {
        self.watched.is_some()
    }

    const fn reads_events(&self) -> bool {
        self.events.is_some() || self.stamped.is_some()
    }

    /// Returns the number of events with a stamp that were asked for.
    pub(super) const fn stamped(&self) -> Option<u64> {
        self.stamped
    }

    fn head_holds(&self, status: u16, has_field: impl Fn(&HeaderName, &HeaderValue) -> bool) -> bool {
        self.status.map_or((200..300).contains(&status), |expected| expected == status)
            && self.headers.iter().all(|(name, value)| has_field(name, value))
    }
}

impl Judge {
    /// Checks the status and, with `has_field`, the header fields.
    pub(super) fn head(
        &mut self,
        expected: &Expected,
        status: u16,
        has_field: impl Fn(&HeaderName, &HeaderValue) -> bool,
    ) {
        self.status = status;
        self.head_holds = expected.head_holds(status, has_field);
        self.excerpt.clear();
        self.body.clear();
        self.length = 0;
        self.events.begin(expected.stamped.is_some());
        if let Some(wanted) = &expected.wanted {
            self.scan.begin(wanted);
        }
    }

    /// Keeps the watched header field.
    pub(super) fn watch_field(&mut self, value: Option<&[u8]>) {
        self.field = value.map(watch::number);
    }

    /// Returns a number that stands for the watched value of the last answer; `None` without one.
    pub(super) fn watched(&self, expected: &Expected) -> Option<u64> {
        let watched = expected.watched.as_ref()?;
        if watched.is_in_body() { watched.in_body(&self.body) } else { self.field }
    }

    /// Keeps fields of the head.
    pub(super) fn keep_fields(&mut self, content_type: Option<&[u8]>, session: Option<&[u8]>) {
        for (kept, value) in [(&mut self.content_type, content_type), (&mut self.session, session)] {
            kept.clear();
            kept.extend_from_slice(value.unwrap_or_default());
        }
    }

    /// Checks the next part of the body. `at` returns when it was received, and is called only if events are expected.
    pub(super) fn chunk(&mut self, expected: &Expected, chunk: &[u8], at: impl FnOnce() -> Mono) {
        self.length += chunk.len() as u64;
        let may_be_shown = !self.head_holds || expected.looks_into_body();
        if may_be_shown && self.excerpt.len() < EXCERPT {
            self.excerpt.extend_from_slice(&chunk[..chunk.len().min(EXCERPT - self.excerpt.len())]);
        }
        if let Some(wanted) = &expected.wanted {
            self.scan.feed(wanted, chunk);
        }
        if expected.reads_events() {
            self.events.feed(chunk, at());
        }
        if expected.keeps_body() {
            values::keep(&mut self.body, chunk);
        }
    }

    pub(super) fn outcome(&mut self, expected: &Expected) -> Outcome {
        self.why.clear();
        if !self.head_holds {
            return Outcome::WrongStatus;
        }
        match self.wrong_body(expected) {
            None => Outcome::Ok,
            Some(why) => {
                self.why = why;
                Outcome::WrongBody
            }
        }
    }

    /// Returns the expectation of the body that was not met.
    fn wrong_body(&mut self, expected: &Expected) -> Option<String> {
        let pointers = expected.wanted.as_ref().and_then(|wanted| self.wrong_pointer(expected, wanted));
        let values = || Some(format!(", {}", expected.values.as_ref()?.wrong(&self.body)?));
        let length = || {
            let length = expected.length.filter(|length| *length != self.length)?;
            Some(format!(", {} bytes instead of {length}", self.length))
        };
        let events = || {
            let events = expected.events.filter(|events| *events != self.events.count())?;
            Some(format!(", {} events instead of {events}", self.events.count()))
        };
        let stamps = || {
            expected.stamped?;
            let has_one = self.events.read().stamps.iter().any(Option::is_some);
            (!has_one).then(|| format!(", {} events, none of them from the bundled upstream", self.events.count()))
        };
        pointers.or_else(values).or_else(length).or_else(events).or_else(stamps)
    }

    fn wrong_pointer(&mut self, expected: &Expected, wanted: &Wanted) -> Option<String> {
        if !self.scan.finish() {
            return Some(", not a JSON document".to_owned());
        }
        let is_wrong = |pointer: &usize| self.scan.found(*pointer) != (*pointer < expected.present);
        let pointer = (0..wanted.pointers()).find(is_wrong)?;
        let word = if pointer < expected.present { "without" } else { "with" };
        Some(format!(", {word} {}", expected.pointers[pointer]))
    }

    /// Returns whether enough events of the answer have been read to leave it.
    pub(super) fn leaves(&self, expected: &Expected) -> bool {
        expected.leave_after.is_some_and(|events| self.events.count() >= events)
    }

    /// Forgets the events of the last answer.
    pub(super) fn forget_events(&mut self) {
        self.events.begin(false);
    }

    /// Returns what is known of the events of the last answer; none unless events are expected.
    pub(super) fn events(&self) -> ReadEvents<'_> {
        self.events.read()
    }

    /// Returns the body of the last answer, if it was kept.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns whether the body of the last answer was too long to be kept as a whole.
    pub(super) fn is_too_long(&self) -> bool {
        values::is_too_long(&self.body)
    }

    /// Returns the content type of the last answer, if it was kept.
    pub(super) fn content_type(&self) -> &[u8] {
        &self.content_type
    }

    /// Returns the identifier of the session in the last answer, if it was kept.
    pub(super) fn session(&self) -> &[u8] {
        &self.session
    }

    /// Returns the status of the last answer.
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    /// Describes the last answer: its status, the expectation that was not met, and the beginning of the body.
    pub(super) fn example(&self) -> String {
        let body = String::from_utf8_lossy(&self.excerpt);
        let shown: String = body.chars().map(|c| if c.is_control() { ' ' } else { c }).take(EXCERPT).collect();
        if shown.is_empty() {
            format!("status {}{}, no body", self.status, self.why)
        } else {
            format!("status {}{}: {shown}", self.status, self.why)
        }
    }
}
