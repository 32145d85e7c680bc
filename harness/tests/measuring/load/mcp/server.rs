//! Provides a small MCP server of both eras that checks what it is sent, counts it, and answers wrongly on command.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

/// What is wrong with an answer to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    Nothing,
    Id,
    IsError,
    Error,
    NoResultType,
    NoSuchSession,
    /// The stream ends before the answer.
    CutStream,
}

/// How the server answers.
#[derive(Debug, Clone, Copy)]
pub struct Script {
    pub tools: usize,
    pub wrong: Wrong,
    /// One of this many calls is answered wrongly.
    pub every: u64,
    /// One of this many calls is answered by a stream with two notifications; 0 for none.
    pub streams_every: u64,
    /// How long each call takes.
    pub delay: Duration,
}

#[derive(Default)]
struct State {
    sessions: BTreeSet<String>,
    hits: BTreeMap<String, u64>,
    /// What clients did that the protocol forbids.
    violations: Vec<String>,
}

pub struct McpServer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<tokio::runtime::Runtime>,
}

struct Shared {
    script: Script,
    state: Mutex<State>,
    calls: AtomicU64,
    wrong: AtomicU64,
    streams: AtomicU64,
    opened: AtomicU64,
    in_flight: AtomicU64,
    most_in_flight: AtomicU64,
}

impl McpServer {
    pub fn start(script: Script) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let count = || AtomicU64::new(0);
        let shared = Arc::new(Shared {
            script,
            state: Mutex::default(),
            calls: count(),
            wrong: count(),
            streams: count(),
            opened: count(),
            in_flight: count(),
            most_in_flight: count(),
        });
        let serving = Arc::clone(&shared);
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let shared = Arc::clone(&serving);
                tokio::spawn(async move {
                    let service = service_fn(|request| serve(request, Arc::clone(&shared)));
                    // Clients that disconnect are ignored.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, shared, runtime: Some(runtime) }
    }

    /// Returns the number of requests of a method.
    pub fn hits(&self, method: &str) -> u64 {
        self.shared.state.lock().unwrap().hits.get(method).copied().unwrap_or(0)
    }

    /// Returns the number of sessions that are open.
    pub fn sessions(&self) -> u64 {
        self.shared.state.lock().unwrap().sessions.len() as u64
    }

    /// Returns what clients did that the protocol forbids.
    pub fn violations(&self) -> Vec<String> {
        self.shared.state.lock().unwrap().violations.clone()
    }

    pub fn opened(&self) -> u64 {
        self.shared.opened.load(SeqCst)
    }

    /// Returns the number of calls that were answered wrongly.
    pub fn wrong(&self) -> u64 {
        self.shared.wrong.load(SeqCst)
    }

    /// Returns the number of calls that were answered by a stream.
    pub fn streams(&self) -> u64 {
        self.shared.streams.load(SeqCst)
    }

    /// Returns the largest number of calls that were under way at the same time.
    pub fn most_in_flight(&self) -> u64 {
        self.shared.most_in_flight.load(SeqCst)
    }
}

impl Drop for McpServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

type Answer = Response<Full<Bytes>>;

fn answer(status: u16, kind: &str, body: impl Into<Bytes>) -> Answer {
    Response::builder().status(status).header("content-type", kind).body(Full::new(body.into())).unwrap()
}

fn json_answer(message: &Value) -> Answer {
    answer(200, "application/json", message.to_string())
}

fn field<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

async fn serve(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Answer, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let session = field(&head.headers, "mcp-session-id").to_owned();
    if head.method == "DELETE" {
        let mut state = shared.state.lock().unwrap();
        *state.hits.entry("DELETE".to_owned()).or_default() += 1;
        let known = state.sessions.remove(&session);
        if !known {
            state.violations.push("DELETE of an unknown session".to_owned());
        }
        return Ok(answer(if known { 204 } else { 404 }, "text/plain", ""));
    }
    let message: Value = serde_json::from_slice(&body).unwrap();
    let method = message["method"].as_str().unwrap().to_owned();
    let violations = violations(&head.headers, &method, &message);
    {
        let mut state = shared.state.lock().unwrap();
        *state.hits.entry(method.clone()).or_default() += 1;
        if let Some(tool) = message["params"]["name"].as_str() {
            *state.hits.entry(format!("tool {tool}")).or_default() += 1;
        }
        state.violations.extend(violations);
        let is_modern = head.headers.contains_key("mcp-method");
        if !is_modern && method != "initialize" && !state.sessions.contains(&session) {
            return Ok(answer(404, "text/plain", "no such session"));
        }
    }
    let result = |result: Value| json!({ "jsonrpc": "2.0", "id": message["id"], "result": result });
    Ok(match method.as_str() {
        "initialize" => {
            let id = format!("session-{}", shared.opened.fetch_add(1, SeqCst));
            shared.state.lock().unwrap().sessions.insert(id.clone());
            let version = &message["params"]["protocolVersion"];
            let mut answer = json_answer(&result(json!({ "protocolVersion": version, "capabilities": {} })));
            answer.headers_mut().insert("mcp-session-id", id.parse().unwrap());
            answer
        }
        "notifications/initialized" => answer(202, "text/plain", ""),
        "server/discover" => {
            json_answer(&result(json!({ "resultType": "complete", "supportedVersions": ["2026-07-28"] })))
        }
        "tools/list" => {
            let tools: Vec<Value> = (0..shared.script.tools).map(|n| json!({ "name": format!("t{n}") })).collect();
            json_answer(&result(json!({ "resultType": "complete", "tools": tools })))
        }
        _ => call(&shared, &message, &session).await,
    })
}

/// Returns what the protocol forbids in a request.
fn violations(headers: &HeaderMap, method: &str, message: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut expect = |holds: bool, what: &str| {
        if !holds {
            found.push(format!("{method}: {what}"));
        }
    };
    expect(field(headers, "accept") == "application/json, text/event-stream", "accept");
    expect(field(headers, "content-type") == "application/json", "content-type");
    expect(message["jsonrpc"] == "2.0", "jsonrpc");
    expect(message["id"].is_u64() != method.starts_with("notifications/"), "id");
    let version = field(headers, "mcp-protocol-version");
    if headers.contains_key("mcp-method") {
        let params = &message["params"];
        expect(field(headers, "mcp-method") == method, "mcp-method");
        expect(params["_meta"]["io.modelcontextprotocol/protocolVersion"] == version, "version in _meta");
        expect(params["_meta"]["io.modelcontextprotocol/clientCapabilities"].is_object(), "capabilities in _meta");
        let is_named = method != "tools/call" || params["name"] == field(headers, "mcp-name");
        expect(is_named, "mcp-name");
        expect(!headers.contains_key("mcp-session-id"), "session");
    } else if method != "initialize" {
        expect(version == "2025-11-25", "mcp-protocol-version");
    }
    if method == "tools/call" {
        expect(message["params"]["arguments"]["text"].is_string(), "text");
        expect(message["params"]["_meta"]["progressToken"] == message["id"], "progressToken");
    }
    found
}

async fn call(shared: &Shared, message: &Value, session: &str) -> Answer {
    let under_way = shared.in_flight.fetch_add(1, SeqCst) + 1;
    shared.most_in_flight.fetch_max(under_way, SeqCst);
    tokio::time::sleep(shared.script.delay).await;
    shared.in_flight.fetch_sub(1, SeqCst);
    let number = shared.calls.fetch_add(1, SeqCst) + 1;
    let script = &shared.script;
    let wrong = if script.every > 0 && number.is_multiple_of(script.every) { script.wrong } else { Wrong::Nothing };
    shared.wrong.fetch_add(u64::from(wrong != Wrong::Nothing), SeqCst);
    let mut answer_of_call = json!({
        "jsonrpc": "2.0",
        "id": message["id"],
        "result": { "resultType": "complete", "content": [{ "type": "text", "text": "done" }], "isError": false },
    });
    match wrong {
        Wrong::Id => answer_of_call["id"] = json!(message["id"].as_u64().unwrap() + 1),
        Wrong::IsError => answer_of_call["result"]["isError"] = json!(true),
        Wrong::Error => {
            answer_of_call =
                json!({ "jsonrpc": "2.0", "id": message["id"], "error": { "code": -32603, "message": "broken" } });
        }
        Wrong::NoResultType => drop(answer_of_call["result"].as_object_mut().unwrap().remove("resultType")),
        Wrong::NoSuchSession => {
            shared.state.lock().unwrap().sessions.remove(session);
            return answer(404, "text/plain", "no such session");
        }
        Wrong::CutStream | Wrong::Nothing => {}
    }
    let streams = script.streams_every > 0 && number.is_multiple_of(script.streams_every);
    if !streams && wrong != Wrong::CutStream {
        return json_answer(&answer_of_call);
    }
    shared.streams.fetch_add(1, SeqCst);
    let progress = |step: u64| {
        let params = json!({ "progressToken": message["id"], "progress": step });
        let notification = json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": params });
        format!("event: message\ndata: {notification}\n\n")
    };
    let mut body = format!(": ping\n\n{}{}", progress(1), progress(2));
    if wrong != Wrong::CutStream {
        body.push_str(&format!("data: {answer_of_call}\n\n"));
    }
    answer(200, "text/event-stream", body)
}
