//! The requests of a scenario, as written, with bodies read from their files.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::facts::LedgerRule;
use harness_base::units::Nanos;

/// `[generator]`: the process that sends the requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GeneratorSpec {
    /// CPUs it may run on; all where absent.
    pub cpuset: Option<Vec<u64>>,
    /// Worker threads; 0 for as many as measured to be best.
    pub workers: u64,
}

/// One `[request]` or `[request.NAME]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Its name; `request` where there is only one.
    pub name: String,
    /// How often it is sent compared with the others.
    pub weight: u64,
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Body,
    /// What a valid answer looks like.
    pub expect: Expect,
    /// No complete answer within this time is a timeout.
    pub timeout: Nanos,
}

/// The body of a request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Body {
    #[default]
    Empty,
    /// The same bytes each time.
    Fixed(String),
    /// A text with seeded fields: `{{seq}}`, `{{uuid}}`, `{{int 1 100}}`, `{{text 16}}`.
    Template(String),
}

/// What a valid answer looks like. All that is written must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Expect {
    /// Exact status; any 2xx where absent.
    pub status: Option<u16>,
    /// Header fields that must be there with that value.
    pub headers: Vec<(String, String)>,
    /// JSON pointers that must be there and not null.
    pub present: Vec<String>,
    /// JSON pointers that must not be there, or be null.
    pub absent: Vec<String>,
    /// JSON pointers and the values that must be there.
    #[serde(default)]
    pub equals: Vec<(String, Value)>,
    /// JSON pointers and regular expressions that match the text there, or the JSON of a value that is no text.
    #[serde(default)]
    pub matches: Vec<(String, String)>,
    /// The length of the body in bytes.
    #[serde(default)]
    pub length: Option<u64>,
    /// How the upstream's count must agree with ours.
    pub upstream_hits: LedgerRule,
}

impl Expect {
    /// Returns whether the answer's body is checked.
    pub fn looks_into_body(&self) -> bool {
        self.looks_for_pointers() || self.compares_values() || self.length.is_some()
    }

    /// Returns whether JSON pointers must or must not be there.
    pub(crate) fn looks_for_pointers(&self) -> bool {
        !self.present.is_empty() || !self.absent.is_empty()
    }

    /// Returns whether values in the body are compared.
    pub(crate) fn compares_values(&self) -> bool {
        !self.equals.is_empty() || !self.matches.is_empty()
    }
}
