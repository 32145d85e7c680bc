use super::*;
use crate::mcp::answer::Page;
use crate::mcp::workload::Revision;
use serde_json::{Value, json};

fn workload(revision: Revision) -> Workload {
    Workload { argument: "te\"xt".to_owned(), ..Workload::plain(revision) }
}

/// Writes a request in a session, and returns its head and its message.
fn written(revision: Revision, method: Method) -> (String, Value) {
    let workload = workload(revision);
    let mut agent = Agent::new(1, 0);
    let session: &[u8] = if revision.has_sessions() { b"s-1" } else { b"" };
    agent.open(session);
    agent.learn(&Page { tools: vec!["größe".into()], cursor: None }, &workload);
    agent.learn(&Page { tools: vec!["a".into()], cursor: Some("ne\"xt".into()) }, &workload);
    let lines = ["POST", "DELETE", "GET"].map(|method| format!("{method} /mcp HTTP/1.1\r\n").into_bytes());
    let texts = Texts::new(lines, &workload);
    let request = agent.request(method, &workload);
    let (mut text, mut body) = (b"before".to_vec(), b"before".to_vec());
    texts.write(&[request], &agent, &workload, (&mut text, &mut body));
    let text = String::from_utf8(text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    if matches!(method, Method::Delete | Method::Listen) {
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
    assert_eq!((params["name"].as_str(), params["arguments"]["te\"xt"].as_str().unwrap().len()), (Some("größe"), 10));
    let (head, body) = written(Revision::March2025, Method::Initialized);
    assert!(!head.contains("mcp-protocol-version"), "{head}");
    assert_eq!(body, json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    let (head, _) = written(Revision::June2025, Method::Delete);
    assert!(head.starts_with("DELETE ") && head.contains("mcp-session-id: s-1"), "{head}");
    let (head, _) = written(Revision::June2025, Method::Listen);
    assert!(head.starts_with("GET ") && head.contains("accept: text/event-stream\r\n"), "{head}");
    assert!(head.contains("mcp-session-id: s-1") && !head.contains("content-length"), "{head}");
}

#[test]
fn a_batch_is_one_request_with_a_list_of_messages() {
    let workload = workload(Revision::March2025);
    let mut agent = Agent::new(1, 0);
    agent.open(b"s-1");
    agent.learn(&Page { tools: vec!["a".into()], cursor: None }, &workload);
    let lines = ["POST", "DELETE", "GET"].map(|method| format!("{method} /mcp HTTP/1.1\r\n").into_bytes());
    let texts = Texts::new(lines, &workload);
    let requests: Vec<Request> = (0..3).map(|_| agent.request(Method::ToolsCall, &workload)).collect();
    let (mut text, mut body) = (Vec::new(), Vec::new());
    texts.write(&requests, &agent, &workload, (&mut text, &mut body));
    let text = String::from_utf8(text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.ends_with(&format!("content-length: {}", body.len())), "{text}");
    let messages: Vec<Value> = serde_json::from_str(body).unwrap();
    let ids: Vec<_> = messages.iter().map(|message| message["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [1, 2, 3]);
    assert!(messages.iter().all(|message| message["method"] == "tools/call"), "{text}");
}

#[test]
fn requests_without_a_session_describe_themselves() {
    for method in [Method::Discover, Method::ToolsList, Method::ToolsCall, Method::Subscribe] {
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
