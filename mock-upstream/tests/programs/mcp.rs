//! Tests that the mock upstream speaks both eras of MCP over HTTP, and that its counters are correct.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use mock_upstream::upstream::{McpReport, McpSessions, McpStreams};
use serde_json::{Value, json};

use crate::client::{Answer, Client, Server, ledger, upstream};

const BOTH: &str = "application/json, text/event-stream";
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends a request with these headers beside those that every client of MCP sends.
async fn begin(client: &mut Client, method: Method, headers: &[(&str, &str)], body: String) -> Response<Incoming> {
    let body = Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed();
    let request = Request::builder().method(method).uri("/mcp").header("host", "test");
    let request = request.header("accept", BOTH).header("content-type", "application/json");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    client.begin(request.body(body).unwrap()).await.unwrap()
}

async fn send(client: &mut Client, method: Method, headers: &[(&str, &str)], body: String) -> Answer {
    let (parts, body) = begin(client, method, headers, body).await.into_parts();
    Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
}

async fn post(client: &mut Client, headers: &[(&str, &str)], message: &Value) -> Answer {
    send(client, Method::POST, headers, message.to_string()).await
}

fn request(method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
}

/// Returns the messages of an event stream.
fn events(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.headers["content-type"], "text/event-stream");
    assert_eq!(answer.headers["x-accel-buffering"], "no");
    let text = std::str::from_utf8(&answer.body).unwrap();
    let events = text.split("\n\n").filter(|event| !event.is_empty());
    let data = events.map(|event| event.strip_prefix("event: message\ndata: ").unwrap());
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// Opens a session and returns its id and what was agreed on.
async fn initialize(client: &mut Client, revision: &str) -> (String, Value) {
    let asked =
        json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
    let answer = post(client, &[], &request("initialize", &asked)).await;
    assert_eq!(answer.status, StatusCode::OK);
    let session = answer.headers["mcp-session-id"].to_str().unwrap().to_owned();
    let note = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let noted = post(client, &[("mcp-session-id", &session)], &note).await;
    assert_eq!((noted.status, noted.body.len()), (StatusCode::ACCEPTED, 0));
    (session, answer.json()["result"]["protocolVersion"].clone())
}

/// Returns a modern request and its headers.
fn modern(method: &str, mut params: Value) -> (Vec<(&str, String)>, Value) {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    let name = params["name"].as_str().map(|name| ("mcp-name", name.to_owned()));
    let headers = [("mcp-protocol-version", "2026-07-28".to_owned()), ("mcp-method", method.to_owned())];
    (headers.into_iter().chain(name).collect(), request(method, &params))
}

async fn ask(client: &mut Client, (headers, message): &(Vec<(&str, String)>, Value)) -> Answer {
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    post(client, &headers, message).await
}

async fn counted(server: &Server) -> McpReport {
    ledger(server).await.mcp.unwrap()
}

/// Returns the first report of which `reached` holds.
async fn counted_once(server: &Server, reached: impl Fn(&McpReport) -> bool) -> McpReport {
    let until = async {
        loop {
            let report = counted(server).await;
            if reached(&report) {
                return report;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, until).await.unwrap()
}

fn hits(report: &McpReport, method: &str) -> u64 {
    report.methods.iter().find(|row| row.name == method).map_or(0, |row| row.hits)
}

#[tokio::test]
async fn a_session_is_opened_used_and_deleted() {
    let server = upstream(&["--mcp", "--mcp-tools", "3", "--mcp-page", "2", "--body", "600"]).await;
    let mut client = Client::connect(server.address).await;
    let (session, agreed) = initialize(&mut client, "2025-06-18").await;
    assert_eq!(agreed, "2025-06-18");
    let headers = [("mcp-session-id", session.as_str()), ("mcp-protocol-version", "2025-06-18")];
    let page = post(&mut client, &headers, &request("tools/list", &json!({}))).await.json();
    assert_eq!(page["result"]["tools"].as_array().unwrap().len(), 2);
    let rest = request("tools/list", &json!({"cursor": page["result"]["nextCursor"]}));
    let rest = post(&mut client, &headers, &rest).await.json();
    assert_eq!(
        (&rest["result"]["tools"][0]["name"], &rest["result"]["nextCursor"]),
        (&json!("tool_002"), &Value::Null)
    );
    let call = request("tools/call", &json!({"name": "tool_002", "arguments": {"text": "x"}}));
    let called = post(&mut client, &headers, &call).await;
    assert_eq!((called.body.len(), &called.json()["id"]), (600, &json!(7)));
    assert_eq!(called.json()["result"]["resultType"], Value::Null);
    assert_eq!(post(&mut client, &headers, &request("ping", &json!({}))).await.json()["result"], json!({}));
    assert_eq!(post(&mut client, &headers, &request("nope", &json!({}))).await.json()["error"]["code"], -32601);

    let deleted = send(&mut client, Method::DELETE, &headers, String::new()).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    assert_eq!(post(&mut client, &headers, &call).await.status, StatusCode::NOT_FOUND);
    let report = counted(&server).await;
    assert_eq!(report.sessions, McpSessions { opened: 1, deleted: 1, ..McpSessions::default() });
    assert_eq!(
        ["initialize", "tools/list", "tools/call", "DELETE", "<other>"].map(|row| hits(&report, row)),
        [1, 2, 2, 1, 1]
    );
    assert_eq!(report.refused, 1);
}

#[tokio::test]
async fn requests_without_a_valid_session_revision_type_or_origin_are_refused() {
    let server = upstream(&["--mcp"]).await;
    let mut client = Client::connect(server.address).await;
    let (session, agreed) = initialize(&mut client, "1999-01-01").await;
    assert_eq!(agreed, "2025-11-25", "the newest revision with sessions");
    let ping = request("ping", &json!({}));
    let mut status = async |headers: &[(&str, &str)]| post(&mut client, headers, &ping).await.status.as_u16();
    let mine = ("mcp-session-id", session.as_str());
    assert_eq!(status(&[mine]).await, 200);
    assert_eq!(status(&[]).await, 400);
    assert_eq!(status(&[("mcp-session-id", "0123456789abcdef0123456789abcdef")]).await, 404);
    assert_eq!(status(&[mine, ("mcp-protocol-version", "1999-01-01")]).await, 400);
    assert_eq!(status(&[mine, ("origin", "http://example.com")]).await, 403);
    assert_eq!(status(&[mine, ("origin", "http://localhost:1")]).await, 200);
    let batch = format!("[{ping},{ping}]");
    let batch = send(&mut client, Method::POST, &[mine], batch).await;
    assert_eq!((batch.status, batch.json()["error"]["code"].as_i64()), (StatusCode::BAD_REQUEST, Some(-32600)));
    let broken = send(&mut client, Method::POST, &[mine], "{".to_owned()).await;
    assert_eq!((broken.status, broken.json()["error"]["code"].as_i64()), (StatusCode::BAD_REQUEST, Some(-32700)));
    let put = send(&mut client, Method::PUT, &[mine], String::new()).await;
    assert_eq!(
        (put.status, &put.headers["allow"]),
        (StatusCode::METHOD_NOT_ALLOWED, &"POST, GET, DELETE".parse().unwrap())
    );
    let plain = client.post("/mcp", ping.to_string()).await;
    assert_eq!(plain.status, StatusCode::NOT_ACCEPTABLE, "without a header Accept");
}

#[tokio::test]
async fn the_oldest_revision_has_batches() {
    let server = upstream(&["--mcp", "--mcp-progress", "1"]).await;
    let mut client = Client::connect(server.address).await;
    let (session, _) = initialize(&mut client, "2025-03-26").await;
    let mine = [("mcp-session-id", session.as_str())];
    let call = |id: u32, meta: Value| json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "echo", "_meta": meta}});
    let note = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 9}});
    let answer = post(&mut client, &mine, &json!([call(1, json!({})), note, call(2, json!({}))])).await;
    let ids: Vec<_> = answer.json().as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    assert_eq!(ids, [1, 2]);
    let answer = post(&mut client, &mine, &json!([call(1, json!({})), call(2, json!({"progressToken": 5}))])).await;
    let streamed = events(&answer);
    assert_eq!(streamed.iter().map(|one| &one["id"]).collect::<Vec<_>>(), [&json!(1), &Value::Null, &json!(2)]);
    assert_eq!(post(&mut client, &mine, &json!([note])).await.status, StatusCode::ACCEPTED);
    assert_eq!(hits(&counted(&server).await, "tools/call"), 4);
}

#[tokio::test]
async fn a_stream_stays_open_until_its_session_or_its_client_ends() {
    let server = upstream(&["--mcp", "--mcp-keep-alive", "5ms"]).await;
    let mut client = Client::connect(server.address).await;
    let (session, _) = initialize(&mut client, "2025-11-25").await;
    let mine = [("mcp-session-id", session.as_str())];
    let mut listener = Client::connect(server.address).await;
    let mut stream = begin(&mut listener, Method::GET, &mine, String::new()).await.into_body();
    let mut listener = Client::connect(server.address).await;
    let second = begin(&mut listener, Method::GET, &mine, String::new()).await;
    for _ in 0..3 {
        assert_eq!(stream.frame().await.unwrap().unwrap().into_data().unwrap(), ":\n\n");
    }
    assert_eq!(counted(&server).await.streams, McpStreams { open: 2, opened: 2, notified: 0 });
    drop((second, listener));
    counted_once(&server, |report| report.streams.open == 1).await;
    send(&mut client, Method::DELETE, &mine, String::new()).await;
    tokio::time::timeout(PATIENCE, stream.collect()).await.unwrap().unwrap();
    counted_once(&server, |report| report.streams == McpStreams { open: 0, opened: 2, notified: 0 }).await;
    let modern = [("mcp-protocol-version", "2026-07-28")];
    assert_eq!(send(&mut client, Method::GET, &modern, String::new()).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_modern_request_needs_no_session() {
    let server = upstream(&["--mcp", "--mcp-tools", "4", "--mcp-progress", "2", "--mcp-progress-every", "1ms"]).await;
    let mut client = Client::connect(server.address).await;
    let found = ask(&mut client, &modern("server/discover", json!({}))).await;
    assert!(!found.headers.contains_key("mcp-session-id"));
    let found = found.json()["result"].clone();
    assert_eq!((&found["resultType"], &found["supportedVersions"][0]), (&json!("complete"), &json!("2026-07-28")));
    let listed = ask(&mut client, &modern("tools/list", json!({}))).await.json()["result"].clone();
    assert_eq!((listed["tools"].as_array().unwrap().len(), listed["ttlMs"].as_u64()), (4, Some(300_000)));
    let call = json!({"name": "tool_003", "arguments": {}, "_meta": {"progressToken": "t"}});
    let streamed = events(&ask(&mut client, &modern("tools/call", call)).await);
    assert_eq!(streamed.len(), 3);
    assert_eq!(streamed[1]["params"], json!({"progressToken": "t", "progress": 2, "total": 2}));
    assert_eq!(streamed[2]["result"]["resultType"], "complete");
    let report = counted(&server).await;
    assert_eq!((report.sessions.opened, report.event_answers, report.progress, report.refused), (0, 1, 2, 0));
}

#[tokio::test]
async fn a_modern_request_whose_headers_and_body_disagree_is_refused() {
    let server = upstream(&["--mcp"]).await;
    let mut client = Client::connect(server.address).await;
    let call = || modern("tools/call", json!({"name": "echo"}));
    let mut refused = async |(headers, message): (Vec<(&str, String)>, Value)| {
        let answer = ask(&mut client, &(headers, message)).await;
        (answer.status.as_u16(), answer.json()["error"]["code"].as_i64().unwrap_or(0))
    };
    assert_eq!(refused(call()).await, (200, 0));
    for header in 0..3 {
        let (mut headers, message) = call();
        headers[header].1 = "other".to_owned();
        assert_eq!(refused((headers, message)).await, (400, -32020));
        let (mut headers, message) = call();
        headers.remove(header);
        assert_eq!(refused((headers, message)).await, (400, -32020));
    }
    let (mut headers, mut message) = call();
    headers[0].1 = "1900-01-01".to_owned();
    message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "1900-01-01".into();
    assert_eq!(refused((headers, message)).await, (400, -32022));
    let (headers, mut message) = call();
    message["params"]["_meta"] = json!({});
    assert_eq!(refused((headers, message)).await, (400, -32602));
    assert_eq!(refused(modern("ping", json!({}))).await, (404, -32601));
    let (mut headers, message) = modern("tools/call", json!({"name": "no such tööl"}));
    headers[2].1 = "=?base64?bm8gc3VjaCB0w7bDtmw=?=".to_owned();
    assert_eq!(refused((headers, message)).await, (200, -32602), "the name is compared after decoding");
}

#[tokio::test]
async fn a_subscription_is_acknowledged_and_stays_open() {
    let server = upstream(&["--mcp", "--mcp-keep-alive", "5ms"]).await;
    let mut client = Client::connect(server.address).await;
    let (headers, message) = modern("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut stream = begin(&mut client, Method::POST, &headers, message.to_string()).await.into_body();
    let first = stream.frame().await.unwrap().unwrap().into_data().unwrap();
    let first = std::str::from_utf8(&first).unwrap().strip_prefix("event: message\ndata: ").unwrap();
    let first: Value = serde_json::from_str(first).unwrap();
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(first["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 7);
    assert_eq!(first["params"]["notifications"], json!({"toolsListChanged": true}));
    for _ in 0..3 {
        assert_eq!(stream.frame().await.unwrap().unwrap().into_data().unwrap(), ":\n\n");
    }
    drop((stream, client));
    counted_once(&server, |report| report.streams == McpStreams { open: 0, opened: 1, notified: 0 }).await;
}

#[tokio::test]
async fn notifications_come_on_the_streams_of_both_eras_and_are_counted() {
    let server = upstream(&["--mcp", "--mcp-notify", "5ms"]).await;
    let mut client = Client::connect(server.address).await;
    let (session, _) = initialize(&mut client, "2025-11-25").await;
    let mut listener = Client::connect(server.address).await;
    let mine = [("mcp-session-id", session.as_str())];
    let mut legacy = begin(&mut listener, Method::GET, &mine, String::new()).await.into_body();
    let mut subscriber = Client::connect(server.address).await;
    let (headers, message) = modern("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut modern = begin(&mut subscriber, Method::POST, &headers, message.to_string()).await.into_body();
    for (stream, subscription) in [(&mut legacy, Value::Null), (&mut modern, json!(7))] {
        // The first is a comment or an acknowledgement.
        stream.frame().await.unwrap().unwrap();
        let data = stream.frame().await.unwrap().unwrap().into_data().unwrap();
        let text = std::str::from_utf8(&data).unwrap().strip_prefix("event: message\ndata: ").unwrap();
        let message: Value = serde_json::from_str(text.split("\n\n").next().unwrap()).unwrap();
        assert_eq!(message["method"], "notifications/tools/list_changed");
        assert_eq!(message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], subscription);
    }
    counted_once(&server, |report| report.streams.notified >= 2).await;
}

#[tokio::test]
async fn sessions_are_bounded_in_number_and_in_time() {
    let server = upstream(&["--mcp", "--mcp-sessions", "1", "--mcp-session-idle", "50ms"]).await;
    let mut client = Client::connect(server.address).await;
    let opening = request("initialize", &json!({"protocolVersion": "2025-11-25"}));
    let opened = post(&mut client, &[], &opening).await;
    let session = opened.headers["mcp-session-id"].to_str().unwrap();
    counted_once(&server, |report| report.sessions.open == 0).await;
    let answer = post(&mut client, &[("mcp-session-id", session)], &request("ping", &json!({}))).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);

    let full = upstream(&["--mcp", "--mcp-sessions", "1"]).await;
    let mut client = Client::connect(full.address).await;
    initialize(&mut client, "2025-11-25").await;
    assert_eq!(post(&mut client, &[], &opening).await.status, StatusCode::SERVICE_UNAVAILABLE);
    let sessions = counted(&full).await.sessions;
    assert_eq!(sessions, McpSessions { open: 1, opened: 1, refused: 1, ..McpSessions::default() });
}

#[tokio::test]
async fn a_fault_is_counted_where_it_was_injected() {
    let server = upstream(&["--mcp", "--mcp-fault", "no-session:2", "--mcp-fault", "gone:3"]).await;
    let mut client = Client::connect(server.address).await;
    let (session, _) = initialize(&mut client, "2025-11-25").await;
    let again = request("initialize", &json!({"protocolVersion": "2025-11-25"}));
    assert!(!post(&mut client, &[], &again).await.headers.contains_key("mcp-session-id"));
    let call = request("tools/call", &json!({"name": "echo"}));
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(post(&mut client, &[("mcp-session-id", &session)], &call).await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 404, 200, 200, 404]);
    let injected: Vec<_> =
        counted(&server).await.faults.into_iter().map(|fault| (fault.kind, fault.injected)).collect();
    assert_eq!(injected, [("no-session".to_owned(), 1), ("gone".to_owned(), 2)]);
}
