//! A minimal MCP server, without sessions and streams: JSON-RPC 2.0 for proxies that parse MCP.

use std::borrow::Cow;

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The answer to a POST request to the MCP endpoint.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A result, or an error about a well-formed request: HTTP 200.
    Response(Bytes),
    /// A notification: HTTP 202 without a body.
    Accepted,
    /// Not a JSON-RPC request at all: HTTP 400.
    Refused(Bytes),
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    jsonrpc: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Cow<'a, str>,
}

/// Keeps `"id": null`, which is not the same as no id, as `Some`.
fn present<'de, D: Deserializer<'de>>(input: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(input).map(Some)
}

const OPEN: &[u8] = br#"{"jsonrpc":"2.0","id":"#;
const RESULT: &[u8] = br#","result":"#;
const ERROR: &[u8] = br#","error":"#;
const CLOSE: &[u8] = b"}";
const CONTENT_OPEN: &[u8] = br#"{"content":[{"type":"text","text":""#;
const CONTENT_CLOSE: &[u8] = br#""}],"isError":false}"#;
const INITIALIZE: &[u8] = concat!(
    r#"{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"mock-upstream","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""}}"#
)
.as_bytes();
const TOOLS: &[u8] = br#"{"tools":[{"name":"echo","description":"Answers a text of the configured size","inputSchema":{"type":"object"}}]}"#;
const METHOD_NOT_FOUND: &[u8] = br#"{"code":-32601,"message":"method not found"}"#;
const PARSE_ERROR: &[u8] = br#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse error"}}"#;
const INVALID_REQUEST: &[u8] = br#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request"}}"#;

/// Answers one request. `filler` pads a tool's result until the body has `filler.len()` bytes.
pub(crate) fn answer(request: &[u8], filler: &[u8]) -> Answer {
    let call: Call<'_> = match serde_json::from_slice(request) {
        Ok(call) => call,
        Err(error) if error.is_data() => {
            return Answer::Refused(Bytes::from_static(INVALID_REQUEST));
        }
        Err(_) => return Answer::Refused(Bytes::from_static(PARSE_ERROR)),
    };
    let bad_id = call.id.is_some_and(|id| id.get().starts_with(['{', '[', 't', 'f']));
    if call.jsonrpc != "2.0" || bad_id {
        return Answer::Refused(Bytes::from_static(INVALID_REQUEST));
    }
    let Some(id) = call.id.map(|id| id.get().as_bytes()) else {
        return Answer::Accepted;
    };
    Answer::Response(match &*call.method {
        "tools/call" => tool_result(id, filler),
        "tools/list" => response(id, RESULT, &[TOOLS]),
        "initialize" => response(id, RESULT, &[INITIALIZE]),
        "ping" => response(id, RESULT, &[b"{}"]),
        _ => response(id, ERROR, &[METHOD_NOT_FOUND]),
    })
}

fn tool_result(id: &[u8], filler: &[u8]) -> Bytes {
    let around = [OPEN, id, RESULT, CONTENT_OPEN, CONTENT_CLOSE, CLOSE];
    let envelope: usize = around.iter().map(|part| part.len()).sum();
    let text = &filler[..filler.len().saturating_sub(envelope)];
    response(id, RESULT, &[CONTENT_OPEN, text, CONTENT_CLOSE])
}

fn response(id: &[u8], member: &[u8], value: &[&[u8]]) -> Bytes {
    let size: usize = value.iter().map(|part| part.len()).sum();
    let mut body = BytesMut::with_capacity(OPEN.len() + id.len() + member.len() + size + CLOSE.len());
    for part in [OPEN, id, member] {
        body.put_slice(part);
    }
    for part in value {
        body.put_slice(part);
    }
    body.put_slice(CLOSE);
    body.freeze()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn call(request: &Value) -> Value {
        match answer(request.to_string().as_bytes(), &[b'x'; 1024]) {
            Answer::Response(body) => serde_json::from_slice(&body).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn code(answer: Answer) -> i64 {
        let Answer::Refused(body) = answer else { panic!("{answer:?}") };
        let value: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(value["id"], Value::Null);
        value["error"]["code"].as_i64().unwrap()
    }

    #[test]
    fn the_answer_has_the_id_of_the_request() {
        for id in [json!(7), json!("a\"b"), json!(null), json!(-1.5)] {
            let got = call(&json!({"jsonrpc": "2.0", "id": id, "method": "ping"}));
            assert_eq!(got, json!({"jsonrpc": "2.0", "id": id, "result": {}}));
        }
    }

    #[test]
    fn a_tool_result_fills_the_body_exactly() {
        let request = br#"{"jsonrpc":"2.0","id":"abc","method":"tools/call","params":{"name":"echo"}}"#;
        let Answer::Response(body) = answer(request, &[b'x'; 1024]) else { panic!("no response") };
        assert_eq!(body.len(), 1024);
        let value: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(value["result"]["isError"], false);
        assert!(value["result"]["content"][0]["text"].as_str().unwrap().len() > 900);
    }

    #[test]
    fn every_method_has_its_own_result() {
        let result = |method: &str| call(&json!({"jsonrpc": "2.0", "id": 1, "method": method}));
        assert_eq!(result("initialize")["result"]["serverInfo"]["name"], "mock-upstream");
        assert_eq!(result("tools/list")["result"]["tools"][0]["name"], "echo");
        assert_eq!(result("nope")["error"]["code"], -32601);
    }

    #[test]
    fn a_notification_is_accepted() {
        let note = br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        assert_eq!(answer(note, b""), Answer::Accepted);
    }

    #[test]
    fn other_bodies_are_refused() {
        assert_eq!(code(answer(b"{", b"")), -32700);
        assert_eq!(code(answer(b"", b"")), -32700);
        assert_eq!(code(answer(b"[]", b"")), -32600);
        assert_eq!(code(answer(br#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, b"")), -32600);
        assert_eq!(code(answer(br#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, b"")), -32600);
    }
}
