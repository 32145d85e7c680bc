//! Whether an answer is the one that was expected, decided while it streams by.

use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::pointers::{Scan, Wanted};
use super::prepared::header;
use super::spec::Expect;
use crate::outcome::Outcome;

/// How much of a wrong body is kept to be shown.
const EXCERPT: usize = 120;

/// What a valid answer looks like.
pub(super) struct Expected {
    status: Option<StatusCode>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Pointers that must be there, then those that must not; absent when the body is of no interest.
    wanted: Option<Wanted>,
    present: usize,
    /// The pointers as written, for people.
    pointers: Vec<String>,
}

/// The judgement of one answer after the other.
#[derive(Default)]
pub(super) struct Judge {
    scan: Scan,
    head_holds: bool,
    status: u16,
    excerpt: Vec<u8>,
    /// Which expectation did not hold.
    why: String,
}

impl Expected {
    pub(super) fn new(expect: &Expect) -> Result<Self, String> {
        let status = expect.status.map(StatusCode::from_u16).transpose();
        let headers = expect.headers.iter().map(|(name, value)| {
            header(name, value).ok_or_else(|| format!("expect: {name:?} with value {value:?} is no header"))
        });
        let pointers = expect.present.iter().chain(&expect.absent).map(String::as_str);
        let wanted = expect.looks_into_body().then(|| Wanted::new(pointers)).transpose()?;
        Ok(Self {
            status: status.map_err(|_| format!("expect: {:?} is no HTTP status", expect.status))?,
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
    /// Status and headers have come.
    pub(super) fn head(&mut self, expected: &Expected, status: StatusCode, headers: &HeaderMap) {
        self.status = status.as_u16();
        self.head_holds = expected.head_holds(status, headers);
        self.excerpt.clear();
        if let Some(wanted) = &expected.wanted {
            self.scan.begin(wanted);
        }
    }

    /// A part of the body has come.
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

    /// The status of the last answer.
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    /// The status, the expectation that did not hold, and the beginning of the body, for people.
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
