//! Writes requests of agents as HTTP/1.1 text.

use std::io::Write;

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::agent::{Agent, Call, OFFSETS, Request};
use super::method::Method;
use super::tool::{Tool, quoted};
use super::workload::Workload;

/// 32 letters, so that the remainder is uniform. None needs an escape in JSON.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

const CLIENT: &str = concat!("{\"name\":\"harness\",\"version\":\"", env!("CARGO_PKG_VERSION"), "\"}");

/// The parts of requests to one arm that do not change.
pub(super) struct Texts {
    /// The request line of POST, and the fields of the scenario.
    post: Vec<u8>,
    /// The same of DELETE and of GET.
    delete: Vec<u8>,
    get: Vec<u8>,
    /// The name of the argument as a text of JSON.
    argument: String,
    /// The members of `_meta` in a revision whose requests describe themselves; empty in others.
    meta: String,
    letters: Vec<u8>,
}

impl Texts {
    /// Prepares the parts from the request lines of POST, DELETE and GET, with the fields of the scenario.
    pub(super) fn new([post, delete, get]: [Vec<u8>; 3], workload: &Workload) -> Self {
        let revision = workload.revision.word();
        let meta = format!(
            "\"io.modelcontextprotocol/protocolVersion\":\"{revision}\",\"io.modelcontextprotocol/clientInfo\":{CLIENT},\
             \"io.modelcontextprotocol/clientCapabilities\":{{}}"
        );
        let length = usize::try_from(workload.text.largest.0).unwrap_or(usize::MAX).saturating_add(OFFSETS);
        let mut letters = vec![0; length];
        ChaCha8Rng::seed_from_u64(0).fill_bytes(&mut letters);
        letters.iter_mut().for_each(|letter| *letter = LETTERS[usize::from(*letter) % LETTERS.len()]);
        Self {
            post,
            delete,
            get,
            argument: quoted(&workload.argument),
            meta: if workload.revision.has_sessions() { String::new() } else { meta },
            letters,
        }
    }

    /// Writes a request of `agent`, or several as one batch, to `text`, which is emptied first; `body` is memory for its body.
    pub(super) fn write(
        &self,
        requests: &[Request],
        agent: &Agent,
        workload: &Workload,
        (text, body): (&mut Vec<u8>, &mut Vec<u8>),
    ) {
        let Some(first) = requests.first() else { return };
        self.head(first, agent, workload, text);
        body.clear();
        self.messages(requests, agent, workload, body);
        if !body.is_empty() {
            field(text, b"content-length", itoa::Buffer::new().format(body.len()).as_bytes());
        }
        text.extend_from_slice(b"\r\n");
        text.extend_from_slice(body);
    }

    /// Writes the request line and the fields, up to the length of the body.
    fn head(&self, request: &Request, agent: &Agent, workload: &Workload, text: &mut Vec<u8>) {
        let Request { method, .. } = *request;
        text.clear();
        text.extend_from_slice(match method {
            Method::Delete => &self.delete,
            Method::Listen => &self.get,
            _ => &self.post,
        });
        each_field(request, agent, workload, |name, value| field(text, name.as_bytes(), value));
    }

    /// Appends the message of a request, or those of a batch, to `body`.
    pub(super) fn messages(&self, requests: &[Request], agent: &Agent, workload: &Workload, body: &mut Vec<u8>) {
        match requests {
            [request] if matches!(request.method, Method::Delete | Method::Listen) => {}
            [request] => self.body(request, agent, workload, body),
            _ => {
                for (place, request) in requests.iter().enumerate() {
                    body.push(if place == 0 { b'[' } else { b',' });
                    self.body(request, agent, workload, body);
                }
                body.push(b']');
            }
        }
    }

    /// Writes `request` as one line to `line`, which is emptied first.
    pub(super) fn write_line(&self, request: &Request, agent: &Agent, workload: &Workload, line: &mut Vec<u8>) {
        line.clear();
        self.body(request, agent, workload, line);
        line.push(b'\n');
    }

    /// Writes the message. The results of writing are dropped, because writing to a `Vec` cannot fail.
    fn body(&self, request: &Request, agent: &Agent, workload: &Workload, body: &mut Vec<u8>) {
        body.extend_from_slice(b"{\"jsonrpc\":\"2.0\",");
        if request.method != Method::Initialized {
            body.extend_from_slice(b"\"id\":");
            number(body, request.id);
            body.push(b',');
        }
        body.extend_from_slice(b"\"method\":\"");
        body.extend_from_slice(request.method.name().as_bytes());
        body.push(b'"');
        match request.method {
            Method::Initialize => {
                let revision = workload.revision.word();
                let _ = write!(
                    body,
                    ",\"params\":{{\"protocolVersion\":\"{revision}\",\"capabilities\":{{}},\"clientInfo\":{CLIENT}}}"
                );
            }
            Method::ToolsCall => self.call(request, agent, workload, body),
            Method::ToolsList | Method::Discover => self.list(request.method, agent, body),
            Method::Subscribe => {
                let filter = "\"notifications\":{\"toolsListChanged\":true}";
                let _ = write!(body, ",\"params\":{{{filter},\"_meta\":{{{}}}}}", self.meta);
            }
            Method::Initialized | Method::Delete | Method::Listen => {}
        }
        body.push(b'}');
    }

    /// Writes the parameters of a page of a list, or of a question without any, if there are some.
    fn list(&self, method: Method, agent: &Agent, body: &mut Vec<u8>) {
        let cursor = agent.cursor().filter(|_| method == Method::ToolsList);
        let cursor = cursor.map(|cursor| format!("\"cursor\":{}", quoted(cursor)));
        let meta = (!self.meta.is_empty()).then(|| format!("\"_meta\":{{{}}}", self.meta));
        let params: Vec<String> = cursor.into_iter().chain(meta).collect();
        if !params.is_empty() {
            let _ = write!(body, ",\"params\":{{{}}}", params.join(","));
        }
    }

    fn call(&self, request: &Request, agent: &Agent, workload: &Workload, body: &mut Vec<u8>) {
        let (Some(tool), Some(Call { length, offset, .. })) = (tool(request, agent), request.call) else { return };
        body.extend_from_slice(b",\"params\":{\"name\":");
        body.extend_from_slice(tool.json().as_bytes());
        body.extend_from_slice(b",\"arguments\":{");
        body.extend_from_slice(self.argument.as_bytes());
        body.extend_from_slice(b":\"");
        body.extend_from_slice(self.letters.get(offset..offset + length).unwrap_or_default());
        body.extend_from_slice(b"\"}");
        if workload.progress || !self.meta.is_empty() {
            body.extend_from_slice(b",\"_meta\":{");
            body.extend_from_slice(self.meta.as_bytes());
            if workload.progress {
                body.extend_from_slice(if self.meta.is_empty() { b"" } else { &b","[..] });
                body.extend_from_slice(b"\"progressToken\":");
                number(body, request.id);
            }
            body.push(b'}');
        }
        body.push(b'}');
    }
}

/// Calls `add` with each field that agents write themselves, without the length of the body.
pub(super) fn each_field(
    request: &Request,
    agent: &Agent,
    workload: &Workload,
    mut add: impl FnMut(&'static str, &[u8]),
) {
    let Request { method, .. } = *request;
    match method {
        Method::Delete => {}
        Method::Listen => add("accept", b"text/event-stream"),
        _ => {
            add("content-type", b"application/json");
            add("accept", b"application/json, text/event-stream");
        }
    }
    let revision = workload.revision;
    // Before the answer to `initialize`, no revision has been agreed on.
    if method != Method::Initialize && revision.is_named_in_header() {
        add("mcp-protocol-version", revision.word().as_bytes());
    }
    if !agent.session().is_empty() && method != Method::Initialize {
        add("mcp-session-id", agent.session());
    }
    if !revision.has_sessions() {
        add("mcp-method", method.name().as_bytes());
        if let Some(tool) = tool(request, agent) {
            add("mcp-name", tool.header().as_bytes());
        }
    }
}

fn number(text: &mut Vec<u8>, number: u64) {
    text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn field(text: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    text.extend_from_slice(name);
    text.extend_from_slice(b": ");
    text.extend_from_slice(value);
    text.extend_from_slice(b"\r\n");
}

fn tool<'a>(request: &Request, agent: &'a Agent) -> Option<&'a Tool> {
    agent.tools().get(request.call?.tool)
}

#[cfg(test)]
mod tests;
