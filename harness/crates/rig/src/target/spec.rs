//! The target's and the upstream's part of a scenario, as written: placeholders are still in the texts.

mod pod;

use std::net::IpAddr;
use std::path::PathBuf;

use harness_base::units::{Bytes, Nanos, Ratio};
use serde_json::Value;

pub use pod::{AppSpec, BUNDLED_SIDECAR, ContainerLimits, MadePod, PodShape, PodSpec};

/// `[target]`: what is measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// A launch that is not ready by then has failed.
    pub deadline: Nanos,
    /// Time between SIGTERM and SIGKILL when it is stopped.
    pub stop_within: Nanos,
    /// How it comes to run.
    pub launch: Launch,
    /// Templates rendered into the run directory: name and path of the template.
    pub files: Vec<(String, PathBuf)>,
    pub endpoints: Endpoints,
}

/// How a target comes to run.
#[derive(Debug, Clone, PartialEq)]
pub enum Launch {
    /// `[target.process]`: we start it.
    Process(ProcessSpec),
    /// `[target.container]`: a container engine starts it.
    Container(ContainerSpec),
    /// `[target.external]`: it runs already and is never stopped.
    External(External),
    /// `[target.command]`: it runs to its end, once per measurement.
    Command(CommandSpec),
    /// `[target.stdio]`: it stands between its stdin and stdout and those of a server that it starts.
    Stdio(StdioSpec),
    /// `[target.pod]`: Kubernetes starts it beside its upstream.
    Pod(PodSpec),
}

/// Where the pipes of such a target are asked for.
pub const STDIO_URL: &str = "unix://{socket.stdio}";

/// The word of a command that stands for the server and its arguments.
pub const SERVER: &str = "{server}";

/// The server of a scenario that names none: the bundled one, with the whole of MCP.
pub const BUNDLED_SERVER: [&str; 3] = ["builtin:upstream", "--stdio", "--mcp"];

#[derive(Debug, Clone, PartialEq)]
pub struct StdioSpec {
    /// The command that is measured, in which [`SERVER`] stands for the server.
    pub shim: ProcessSpec,
    /// The server's program and arguments.
    pub server: Vec<String>,
}

impl StdioSpec {
    /// Returns the server without the shim, with the same environment and the same CPUs.
    #[must_use]
    pub fn alone(&self) -> Self {
        let shim = ProcessSpec { command: vec![SERVER.to_owned()], ..self.shim.clone() };
        Self { shim, server: self.server.clone() }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct ProcessSpec {
    /// Program and arguments; never handed to a shell.
    pub command: Vec<String>,
    /// Environment, on top of PATH, HOME and TMPDIR.
    pub env: Vec<(String, String)>,
    /// CPUs it may run on; all if absent.
    pub cpuset: Option<Vec<u64>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CommandSpec {
    /// The measured command.
    pub run: ProcessSpec,
    /// The command before each run, outside of the measurement; empty if there is none.
    pub prepare: Vec<String>,
    /// The command after each run, outside of the measurement; empty if there is none.
    pub cleanup: Vec<String>,
    /// Working folder of all runs, absolute; a new and empty one for each run if absent.
    pub folder: Option<PathBuf>,
    /// Files and folders with generated content: name and content.
    pub inputs: Vec<(String, Input)>,
}

/// A file with generated content, or a folder of such files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input {
    /// Size of each file.
    pub size: Bytes,
    /// Number of the files of a folder; absent for a single file.
    pub files: Option<u64>,
    pub content: Content,
}

/// The content of a generated file. It depends on the seed of the scenario and on the name of the file only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Random bytes, which cannot be compressed.
    Random,
    /// Lines of words, which can be compressed to about a third.
    Text,
}

impl Content {
    pub const ALL: [Self; 2] = [Self::Random, Self::Text];

    /// Returns its word in a scenario.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Text => "text",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct ContainerSpec {
    /// Its image.
    pub image: ImageSpec,
    /// Arguments: behind the program of `binary`, or instead of the image's own command.
    pub command: Vec<String>,
    pub network: Network,
    /// User, or user and group, that it runs as; the image's own if absent.
    pub user: Option<String>,
    /// Environment, on top of the image's own.
    pub env: Vec<(String, String)>,
    /// Files that belong into the image: baked in with `binary`, mounted read-only otherwise.
    pub files: Vec<Placed>,
    /// Files and folders of this host, mounted read-only.
    pub mounts: Vec<Placed>,
    /// Limits of its processes by their names, for example `nofile`; soft and hard alike.
    pub ulimits: Vec<(String, u64)>,
    /// Names of the Linux capabilities that it keeps, without `CAP_`; all others are dropped.
    pub capabilities: Vec<String>,
    /// CPUs it may run on; all if absent.
    pub cpuset: Option<Vec<u64>>,
}

/// The image of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageSpec {
    /// An image that the engine has.
    Image(String),
    /// A program of this host, of which an image is made.
    Binary(String),
}

/// Where requests meet a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// In the network of this host.
    Host,
    /// At its own address on a bridge.
    Bridge,
}

impl Network {
    /// Returns its name in a scenario and in a record.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Bridge => "bridge",
        }
    }
}

/// Something of this host and its place in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub from: PathBuf,
    pub to: PathBuf,
}

/// A target that runs already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum External {
    Pid(u64),
    /// The TCP port it listens on.
    Port(u64),
}

/// `[target.endpoints]`: URLs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Endpoints {
    /// Where requests to be proxied go.
    pub proxy: String,
    /// Answers 2xx once it is alive.
    pub health: Option<String>,
    /// Answers 2xx once it can serve.
    pub ready: Option<String>,
    /// Others: the key of the scenario at which each is written, and the URL.
    pub others: Vec<(String, String)>,
}

/// `[upstream]`: what stands behind the target.
#[derive(Debug, Clone, PartialEq)]
pub enum Upstream {
    /// `[upstream.builtin]`: the bundled mock upstream.
    Builtin(Builtin),
    /// `[upstream.process]`: a program of the author's, and the URL it answers at.
    Process { process: ProcessSpec, url: String },
    /// `[upstream.url]`: it runs already.
    Url(String),
    /// The server of `[target.stdio]` without the shim.
    Stdio(StdioSpec),
}

/// Settings of the bundled upstream.
#[derive(Debug, Clone, PartialEq)]
pub struct Builtin {
    /// Size of its response bodies.
    pub body: Bytes,
    /// Constant delay of every response.
    pub delay: Nanos,
    /// Whether it speaks TLS, with the certificate of the run.
    pub tls: bool,
    /// Whether it listens at a unix socket in the run's scratch folder, instead of a port.
    pub unix: bool,
    /// The loopback address that it listens on; 127.0.0.1 if absent.
    pub address: Option<IpAddr>,
    /// Its MCP server; absent: the minimal one, without sessions and streams.
    pub mcp: Option<McpServer>,
    /// More flags of `harness __upstream`, as on its command line.
    pub args: Vec<String>,
    /// CPUs it may run on; all if absent.
    pub cpuset: Option<Vec<u64>>,
}

/// Settings of the MCP server of the bundled upstream.
#[derive(Debug, Clone, PartialEq)]
pub struct McpServer {
    /// Tools that `tools/list` answers.
    pub tools: u64,
    /// Share of the answers to `tools/call` that are event streams; absent: those whose request has a progress token.
    pub sse: Option<Ratio>,
    /// Progress notifications before the result in an event stream whose request has a progress token.
    pub progress: u64,
    /// Time before each event of such a stream except the first.
    pub progress_every: Nanos,
}

impl Default for McpServer {
    fn default() -> Self {
        Self { tools: 10, sse: None, progress: 3, progress_every: Nanos::ZERO }
    }
}

/// `[egress.NAME]`: a foreign HTTPS host that the harness plays.
#[derive(Debug, Clone, PartialEq)]
pub struct EgressHost {
    pub name: String,
    /// Its DNS name, in lower case.
    pub host: String,
    pub answers: EgressAnswers,
    /// The time from a request for approval until the approval is given.
    pub approve_after: Nanos,
    /// Whether a container finds the host by its name, without the proxy.
    pub direct: bool,
}

/// What a foreign host answers.
#[derive(Debug, Clone, PartialEq)]
pub enum EgressAnswers {
    /// The part of Slack's API that approvals need; the approval is this reaction to a message.
    Slack {
        reaction: String,
    },
    Routes(Vec<EgressRoute>),
}

/// A route of a foreign host.
#[derive(Debug, Clone, PartialEq)]
pub struct EgressRoute {
    pub method: String,
    /// The path without a query.
    pub path: String,
    pub status: u64,
    /// The body of the answer.
    pub json: Value,
    /// The body from the last approval on; absent if it does not change.
    pub approved: Option<Value>,
    /// Whether a request to it asks for approval.
    pub asks: bool,
}

impl EgressHost {
    /// Returns whether it can be asked for approval.
    pub fn is_asked(&self) -> bool {
        match &self.answers {
            EgressAnswers::Slack { .. } => true,
            EgressAnswers::Routes(routes) => routes.iter().any(|route| route.asks),
        }
    }
}

impl Upstream {
    /// Returns the delay of its responses, where it is known.
    pub const fn delay(&self) -> Option<Nanos> {
        match self {
            Self::Builtin(builtin) => Some(builtin.delay),
            _ => None,
        }
    }
}

impl Default for Builtin {
    fn default() -> Self {
        Self {
            body: Bytes(1024),
            delay: Nanos::ZERO,
            tls: false,
            unix: false,
            address: None,
            mcp: None,
            args: Vec::new(),
            cpuset: None,
        }
    }
}
