//! The requests of a scenario, as written, with bodies read from their files.

use serde::{Deserialize, Serialize};

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
    /// How the upstream's count must agree with ours.
    pub upstream_hits: LedgerRule,
}

impl Expect {
    /// Whether the body has to be looked into.
    pub fn looks_into_body(&self) -> bool {
        !self.present.is_empty() || !self.absent.is_empty()
    }
}
