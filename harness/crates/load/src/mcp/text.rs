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
    /// The request line of POST and the fields that every message has.
    post: Vec<u8>,
    /// The same of DELETE.
    delete: Vec<u8>,
    /// The name of the argument as a text of JSON.
    argument: String,
    /// The members of `_meta` in a revision whose requests describe themselves; empty in others.
    meta: String,
    letters: Vec<u8>,
}

impl Texts {
    /// Prepares the parts; `post` and `delete` are request lines with the fields of the scenario.
    pub(super) fn new(mut post: Vec<u8>, delete: Vec<u8>, workload: &Workload) -> Self {
        post.extend_from_slice(b"content-type: application/json\r\naccept: application/json, text/event-stream\r\n");
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
            argument: quoted(&workload.argument),
            meta: if workload.revision.has_sessions() { String::new() } else { meta },
            letters,
        }
    }

    /// Writes `request` of `agent` to `text`, which is emptied first; `body` is memory for its body.
    pub(super) fn write(
        &self,
        request: &Request,
        agent: &Agent,
        workload: &Workload,
        (text, body): (&mut Vec<u8>, &mut Vec<u8>),
    ) {
        let Request { method, .. } = *request;
        text.clear();
        text.extend_from_slice(if method == Method::Delete { &self.delete } else { &self.post });
        let revision = workload.revision;
        // Before the answer to `initialize`, no revision has been agreed on.
        if method != Method::Initialize && revision.is_named_in_header() {
            field(text, b"mcp-protocol-version", revision.word().as_bytes());
        }
        if !agent.session().is_empty() && method != Method::Initialize {
            field(text, b"mcp-session-id", agent.session());
        }
        if !revision.has_sessions() {
            field(text, b"mcp-method", method.name().as_bytes());
            if let Some(tool) = tool(request, agent) {
                field(text, b"mcp-name", tool.header().as_bytes());
            }
        }
        if method == Method::Delete {
            text.extend_from_slice(b"\r\n");
            return;
        }
        body.clear();
        self.body(request, agent, workload, body);
        field(text, b"content-length", itoa::Buffer::new().format(body.len()).as_bytes());
        text.extend_from_slice(b"\r\n");
        text.extend_from_slice(body);
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
            Method::Initialized | Method::Delete => {}
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
mod tests {
    use super::*;
    use crate::mcp::answer::Page;
    use crate::mcp::workload::{Revision, TextSize};
    use harness_base::units::{Bytes, Nanos, Ratio};
    use serde_json::{Value, json};

    fn workload(revision: Revision) -> Workload {
        Workload {
            revision,
            tools: None,
            tool: None,
            argument: "te\"xt".to_owned(),
            text: TextSize { median: Bytes(10), sigma: 0.0, largest: Bytes(10) },
            calls: 4,
            burst: (1, 1),
            think: (Nanos::ZERO, Nanos::ZERO),
            abandoned: Ratio(0.0),
            session_id: true,
            discover: true,
            progress: true,
        }
    }

    /// Writes a request in a session, and returns its head and its message.
    fn written(revision: Revision, method: Method) -> (String, Value) {
        let workload = workload(revision);
        let mut agent = Agent::new(1, 0);
        let session: &[u8] = if revision.has_sessions() { b"s-1" } else { b"" };
        agent.open(session);
        agent.learn(&Page { tools: vec!["größe".into()], cursor: None }, &workload);
        agent.learn(&Page { tools: vec!["a".into()], cursor: Some("ne\"xt".into()) }, &workload);
        let texts = Texts::new(b"POST /mcp HTTP/1.1\r\n".to_vec(), b"DELETE /mcp HTTP/1.1\r\n".to_vec(), &workload);
        let request = agent.request(method, &workload);
        let (mut text, mut body) = (b"before".to_vec(), b"before".to_vec());
        texts.write(&request, &agent, &workload, (&mut text, &mut body));
        let text = String::from_utf8(text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        if method == Method::Delete {
            assert!(body.is_empty(), "{text}");
            return (head.to_owned(), Value::Null);
        }
        assert!(head.ends_with(&format!("content-length: {}", body.len())), "{text}");
        assert!(head.contains("accept: application/json, text/event-stream\r\n"), "{text}");
        (head.to_owned(), serde_json::from_str(body).unwrap())
    }

    #[test]
    fn requests_of_a_session_name_it_and_the_revision() {
        let (head, body) = written(Revision::November2025, Method::Initialize);
        assert!(!head.contains("mcp-session-id") && !head.contains("mcp-protocol-version"), "{head}");
        assert_eq!(body["params"]["protocolVersion"], "2025-11-25");
        let (head, body) = written(Revision::November2025, Method::ToolsCall);
        assert!(head.contains("mcp-protocol-version: 2025-11-25\r\nmcp-session-id: s-1\r\n"), "{head}");
        assert!(!head.contains("mcp-method"), "{head}");
        let params = &body["params"];
        assert_eq!((&body["id"], &params["_meta"]), (&json!(1), &json!({ "progressToken": 1 })));
        assert_eq!(
            (params["name"].as_str(), params["arguments"]["te\"xt"].as_str().unwrap().len()),
            (Some("größe"), 10)
        );
        let (head, body) = written(Revision::March2025, Method::Initialized);
        assert!(!head.contains("mcp-protocol-version"), "{head}");
        assert_eq!(body, json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        let (head, _) = written(Revision::June2025, Method::Delete);
        assert!(head.starts_with("DELETE ") && head.contains("mcp-session-id: s-1"), "{head}");
    }

    #[test]
    fn requests_without_a_session_describe_themselves() {
        for method in [Method::Discover, Method::ToolsList, Method::ToolsCall] {
            let (head, body) = written(Revision::July2026, method);
            assert!(head.contains("mcp-protocol-version: 2026-07-28\r\n"), "{head}");
            assert!(head.contains(&format!("mcp-method: {}\r\n", method.name())), "{head}");
            let meta = &body["params"]["_meta"];
            assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
            assert_eq!(meta["io.modelcontextprotocol/clientInfo"]["name"], "harness");
            assert_eq!(meta["io.modelcontextprotocol/clientCapabilities"], json!({}));
            assert_eq!(body["method"], method.name());
            let cursor = if method == Method::ToolsList { json!("ne\"xt") } else { Value::Null };
            assert_eq!(body["params"]["cursor"], cursor);
        }
        let (head, body) = written(Revision::July2026, Method::ToolsCall);
        assert!(head.contains("mcp-name: =?base64?Z3LDtsOfZQ==?=\r\n"), "{head}");
        assert_eq!(body["params"]["name"], "größe");
    }
}
