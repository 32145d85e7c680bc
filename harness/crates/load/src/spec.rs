//! The requests of a scenario, as written, with bodies read from their files.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::echo::workload::Workload as EchoWorkload;
use crate::facts::LedgerRule;
use crate::mcp::workload::Workload;
use harness_base::units::{Bytes, Nanos};

/// `[generator]`: the process that sends the requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GeneratorSpec {
    /// CPUs it may run on; all where absent.
    pub cpuset: Option<Vec<u64>>,
    /// Worker threads; 0 for as many as measured to be best.
    pub workers: u64,
    /// What is spoken with the endpoints; HTTP/1.1 by the scheme of the endpoint where absent.
    pub wire: Option<WireSpec>,
    pub http2: Http2,
    pub tls: TlsSpec,
}

/// `[generator.tls]`: how the generator speaks TLS with `https` endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSpec {
    /// Certificates that are trusted besides the authority of the run, as PEM.
    pub authority: String,
    /// The name that servers must have; the host of the URL where absent, or `localhost` for an IP address.
    pub server_name: Option<String>,
    /// The only version that is offered; absent for TLS 1.2 and 1.3.
    pub version: Option<TlsVersion>,
    /// Whether a new connection resumes an earlier session.
    pub resumption: bool,
}

impl Default for TlsSpec {
    fn default() -> Self {
        Self { authority: String::new(), server_name: None, version: None, resumption: true }
    }
}

/// What is spoken with the endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireSpec {
    /// HTTP/1.1.
    H1,
    /// HTTP/1.1 over TLS.
    Tls,
    /// HTTP/2 with prior knowledge.
    H2c,
    /// HTTP/2 over TLS.
    H2,
}

impl WireSpec {
    pub const ALL: [Self; 4] = [Self::H1, Self::Tls, Self::H2c, Self::H2];

    /// Returns the word in scenarios.
    pub const fn word(self) -> &'static str {
        match self {
            Self::H1 => "h1",
            Self::Tls => "tls",
            Self::H2c => "h2c",
            Self::H2 => "h2",
        }
    }

    /// Returns what is spoken, for people.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::H1 => "HTTP/1.1",
            Self::Tls => "HTTP/1.1 over TLS",
            Self::H2c => "HTTP/2 with prior knowledge",
            Self::H2 => "HTTP/2 over TLS",
        }
    }

    pub const fn is_tls(self) -> bool {
        matches!(self, Self::Tls | Self::H2)
    }

    pub const fn is_http2(self) -> bool {
        matches!(self, Self::H2c | Self::H2)
    }

    /// Returns the same version of HTTP with TLS, or without.
    #[must_use]
    pub const fn with_tls(self, tls: bool) -> Self {
        match (self.is_http2(), tls) {
            (false, false) => Self::H1,
            (false, true) => Self::Tls,
            (true, false) => Self::H2c,
            (true, true) => Self::H2,
        }
    }
}

/// `[generator.http2]`: how HTTP/2 is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Http2 {
    /// How many users share a connection.
    pub streams: u64,
    /// How many bytes of an answer may be under way on a stream; on a connection, as many times as many as streams share it.
    pub window: u64,
}

impl Default for Http2 {
    fn default() -> Self {
        Self { streams: 1, window: 64 << 10 }
    }
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

impl Request {
    /// Returns whether a hit of the upstream on this method and path can be one of this request.
    pub fn hits(&self, method: &str, path: &str) -> bool {
        let own = self.path.split('?').next().unwrap_or_default();
        // Sessions of agents end with DELETE, and their streams begin with GET.
        let of_agents = matches!(self.body, Body::Mcp(_)) && matches!(method, "DELETE" | "GET");
        path == own && (method == self.method || of_agents)
    }

    /// Returns how many descriptors the connections of a user need: those of its requests, and that of a stream beside them.
    pub fn descriptors(&self) -> u64 {
        let listens = matches!(&self.body, Body::Mcp(workload) if workload.listen.0 > 0.0);
        self.lanes() + u64::from(listens)
    }

    /// Returns how many requests of a user can be under way at the same time.
    pub fn lanes(&self) -> u64 {
        match &self.body {
            Body::Mcp(workload) => workload.lanes(),
            Body::Empty | Body::Fixed(_) | Body::Template(_) | Body::Streamed(_) | Body::Echo(_) => 1,
        }
    }
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
    Streamed(StreamedBody),
    /// Messages of the Model Context Protocol, one after the other, as agents send them.
    Mcp(Box<Workload>),
    /// No request of HTTP, but messages whose every byte the server sends back.
    Echo(EchoWorkload),
}

/// A body of random bytes that is made while it is sent, and never in memory as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamedBody {
    pub size: Bytes,
    /// What is written at once; the last chunk may be shorter.
    pub chunk: Bytes,
    /// How much is sent in a second; as much as the peer takes where absent.
    pub per_second: Option<Bytes>,
    pub framing: Framing,
    /// Whether the request says `expect: 100-continue`, and the body waits for that answer, but at most a second.
    pub awaits_continue: bool,
}

/// How the end of a body is found (RFC 9112, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Framing {
    /// The head gives its length.
    Length,
    /// Each chunk is preceded by its length.
    Chunked,
}

impl Framing {
    pub const ALL: [Self; 2] = [Self::Length, Self::Chunked];

    /// Returns the word in scenarios.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Chunked => "chunked",
        }
    }
}

/// How the generator speaks TLS with an arm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    /// The name that the certificate of the server must have; also its SNI, unless it is an IP address.
    pub server_name: String,
    /// The certificates of the trusted authorities, as PEM.
    pub authority: String,
    /// What is presented to a server that asks for it.
    pub client: Option<ClientCertificate>,
    /// The only version that is offered; absent for TLS 1.2 and 1.3.
    pub version: Option<TlsVersion>,
    /// Whether a new connection resumes an earlier session.
    pub resumption: bool,
}

/// A certificate with its key, as PEM.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCertificate {
    pub certificate: String,
    pub key: String,
}

impl std::fmt::Debug for ClientCertificate {
    /// Leaves the key out.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ClientCertificate").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TlsVersion {
    #[serde(rename = "1.2")]
    Tls12,
    #[serde(rename = "1.3")]
    Tls13,
}

impl TlsVersion {
    pub const ALL: [Self; 2] = [Self::Tls12, Self::Tls13];

    /// Returns the word in scenarios.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }
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
    /// The number of server-sent events of the body.
    #[serde(default)]
    pub events: Option<u64>,
    /// The number of events with a stamp that the bundled upstream was asked for. At least one must arrive; the others are results.
    #[serde(default)]
    pub stamped: Option<u64>,
    /// The number of events after which the generator leaves a stream, by closing its connection or resetting it; absent to read to the end.
    #[serde(default)]
    pub leave_after: Option<u64>,
    /// The value whose changes are reported; absent without.
    #[serde(default)]
    pub watch: Option<Watch>,
    /// How the upstream's count must agree with ours.
    pub upstream_hits: LedgerRule,
}

/// A value of an answer whose changes are reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watch {
    /// The first header field of this name.
    Header(String),
    /// What is at this JSON pointer of the body.
    Pointer(String),
}

impl Expect {
    /// Returns whether the answer's body is checked.
    pub fn looks_into_body(&self) -> bool {
        let reads_events = self.events.is_some() || self.stamped.is_some();
        self.looks_for_pointers() || self.compares_values() || self.length.is_some() || reads_events
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
