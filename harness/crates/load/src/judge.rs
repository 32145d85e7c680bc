//! Compares an answer with the expectation while it is received.

use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::child_error::RequestError;
use super::header::header;
use super::pointers::{Scan, Wanted};
use super::spec::Expect;
use crate::outcome::Outcome;

/// The number of bytes of a wrong body that are kept for messages.
const EXCERPT: usize = 120;

/// The expectation of a valid answer.
pub(super) struct Expected {
    status: Option<StatusCode>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The pointers that must exist, then those that must not; absent when the body is not checked.
    wanted: Option<Wanted>,
    present: usize,
    /// The pointers as written.
    pointers: Vec<String>,
}

/// The state of judging one answer after the other.
#[derive(Default)]
pub(super) struct Judge {
    scan: Scan,
    head_holds: bool,
    status: u16,
    excerpt: Vec<u8>,
    /// The expectation that was not met.
    why: String,
}

impl Expected {
    pub(super) fn new(expect: &Expect) -> Result<Self, RequestError> {
        let status = |code: u16| StatusCode::from_u16(code).map_err(|_| RequestError::ExpectedStatus(code));
        let headers = expect.headers.iter().map(|(name, value)| {
            let refused = || RequestError::ExpectedHeader { name: name.clone(), value: value.clone() };
            header(name, value).ok_or_else(refused)
        });
        let pointers = expect.present.iter().chain(&expect.absent).map(String::as_str);
        let wanted =
            expect.looks_into_body().then(|| Wanted::new(pointers)).transpose().map_err(RequestError::Pointer)?;
        Ok(Self {
            status: expect.status.map(status).transpose()?,
            headers: headers.collect::<Result<_, _>>()?,
            wanted,
            present: expect.present.len(),
            pointers: expect.present.iter().chain(&expect.absent).cloned().collect(),
        })
    }

    fn head_holds(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        self.status.map_or(status.is_success(), |expected| expected == status)
            && self.headers.iter().all(|(name, value)| headers.get_all(name).iter().any(|found| found == value))
    }
}

impl Judge {
    /// Checks status and headers.
    pub(super) fn head(&mut self, expected: &Expected, status: StatusCode, headers: &HeaderMap) {
        self.status = status.as_u16();
        self.head_holds = expected.head_holds(status, headers);
        self.excerpt.clear();
        if let Some(wanted) = &expected.wanted {
            self.scan.begin(wanted);
        }
    }

    /// Checks the next part of the body.
    pub(super) fn chunk(&mut self, expected: &Expected, chunk: &[u8]) {
        let may_be_shown = !self.head_holds || expected.wanted.is_some();
        if may_be_shown && self.excerpt.len() < EXCERPT {
            self.excerpt.extend_from_slice(&chunk[..chunk.len().min(EXCERPT - self.excerpt.len())]);
        }
        if let Some(wanted) = &expected.wanted {
            self.scan.feed(wanted, chunk);
        }
    }

    pub(super) fn outcome(&mut self, expected: &Expected) -> Outcome {
        self.why.clear();
        if !self.head_holds {
            return Outcome::WrongStatus;
        }
        let Some(wanted) = &expected.wanted else {
            return Outcome::Ok;
        };
        if !self.scan.finish() {
            self.why.push_str(", not a JSON document");
            return Outcome::WrongBody;
        }
        let broken = (0..wanted.pointers()).find(|pointer| self.scan.found(*pointer) != (*pointer < expected.present));
        match broken {
            None => Outcome::Ok,
            Some(pointer) => {
                self.why.push_str(if pointer < expected.present { ", without " } else { ", with " });
                self.why.push_str(&expected.pointers[pointer]);
                Outcome::WrongBody
            }
        }
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
