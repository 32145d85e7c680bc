//! JSON-RPC messages as they are sent.

use std::fmt::Write;

use bytes::{BufMut, Bytes, BytesMut};

/// Members with which a result begins. The modern era adds its kind and the identity of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    Legacy,
    Modern,
}

const OPEN: &[u8] = br#"{"jsonrpc":"2.0","id":"#;
const RESULT: &[u8] = br#","result":"#;
const CLOSE: &[u8] = b"}";

/// The identity of the server, as a member without its name.
pub(super) const SERVER: &str = concat!(r#"{"name":"mock-upstream","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);

const MODERN_OPEN: &[u8] = concat!(
    r#"{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"mock-upstream","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""}},"#
)
.as_bytes();

/// An error of JSON-RPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: i32,
    pub(super) message: &'static str,
    /// JSON of the member `data`.
    pub(super) data: Option<String>,
}

impl Failure {
    pub(super) const PARSE: Self = Self::new(-32_700, "the body is not JSON");
    pub(super) const REQUEST: Self = Self::new(-32_600, "the body is not a message of JSON-RPC 2.0");
    pub(super) const BATCH: Self = Self::new(-32_600, "this revision has no batches");
    pub(super) const METHOD: Self = Self::new(-32_601, "there is no such method");
    pub(super) const PARAMS: Self = Self::new(-32_602, "a parameter is missing or has a wrong type");
    pub(super) const TOOL: Self = Self::new(-32_602, "there is no such tool");
    pub(super) const CURSOR: Self = Self::new(-32_602, "there is no such cursor");
    pub(super) const INJECTED: Self = Self::new(-32_603, "an injected error");

    pub(super) const fn new(code: i32, message: &'static str) -> Self {
        Self { code, message, data: None }
    }
}

impl Era {
    /// Returns how the object of a result begins.
    pub(super) const fn open(self) -> &'static [u8] {
        match self {
            Self::Legacy => b"{",
            Self::Modern => MODERN_OPEN,
        }
    }
}

/// Writes a result; `value` is the JSON of its object, in parts.
pub(super) fn result(id: &str, value: &[&[u8]]) -> Bytes {
    let size: usize = value.iter().map(|part| part.len()).sum();
    let mut text = BytesMut::with_capacity(envelope(id) + size);
    for part in [OPEN, id.as_bytes(), RESULT] {
        text.put_slice(part);
    }
    for part in value {
        text.put_slice(part);
    }
    text.put_slice(CLOSE);
    text.freeze()
}

/// Returns the bytes around the value of a result.
pub(super) fn envelope(id: &str) -> usize {
    OPEN.len() + id.len() + RESULT.len() + CLOSE.len()
}

/// Writes an error about the request `id`, or about a message whose id is unknown.
pub(super) fn error(id: Option<&str>, failure: &Failure) -> Bytes {
    let Failure { code, message, data } = failure;
    let id = id.unwrap_or("null");
    let mut text = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":"{message}""#);
    if let Some(data) = data {
        // Writing to a String cannot fail.
        let _ = write!(text, r#","data":{data}"#);
    }
    text.push_str("}}");
    text.into()
}

/// Writes a notification about the progress of the request with this token.
pub(super) fn progress(token: &str, progress: u64, total: u64) -> Bytes {
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{progress},"total":{total}}}}}"#
    )
    .into()
}

/// Writes a notification that the list of tools has changed; `subscription` is the id of the request that asked for it.
pub(super) fn changed(subscription: Option<&str>) -> Bytes {
    let params = subscription.map_or_else(String::new, |id| {
        format!(r#","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}}}"#)
    });
    format!(r#"{{"jsonrpc":"2.0","method":"notifications/tools/list_changed"{params}}}"#).into()
}

/// Writes several messages as one batch.
pub(super) fn batch(messages: &[Bytes]) -> Bytes {
    let size: usize = messages.iter().map(|message| message.len() + 1).sum();
    let mut text = BytesMut::with_capacity(size + 1);
    for (index, message) in messages.iter().enumerate() {
        text.put_u8(if index == 0 { b'[' } else { b',' });
        text.put_slice(message);
    }
    text.put_u8(b']');
    text.freeze()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn value(text: &Bytes) -> Value {
        serde_json::from_slice(text).unwrap()
    }

    #[test]
    fn a_result_has_the_id_of_its_request() {
        let text = result(r#""a-7""#, &[Era::Modern.open(), br#""tools":[]}"#]);
        assert_eq!(text.len(), envelope(r#""a-7""#) + Era::Modern.open().len() + br#""tools":[]}"#.len());
        let value = value(&text);
        assert_eq!((&value["id"], &value["result"]["resultType"]), (&json!("a-7"), &json!("complete")));
        let server = &value["result"]["_meta"]["io.modelcontextprotocol/serverInfo"];
        assert_eq!(*server, serde_json::from_str::<Value>(SERVER).unwrap());
    }

    #[test]
    fn an_error_has_a_code_and_may_have_data() {
        let failure = Failure { data: Some(r#"{"a":1}"#.to_owned()), ..Failure::METHOD };
        let text = value(&error(Some("5"), &failure));
        assert_eq!(
            text,
            json!({"jsonrpc": "2.0", "id": 5, "error": {"code": -32601, "message": failure.message, "data": {"a": 1}}})
        );
        assert_eq!(value(&error(None, &Failure::PARSE))["id"], Value::Null);
    }

    #[test]
    fn a_batch_is_a_list() {
        let two = [Bytes::from_static(b"1"), Bytes::from_static(b"2")];
        assert_eq!(batch(&two), "[1,2]");
        assert_eq!(value(&progress("\"t\"", 1, 3))["params"]["progressToken"], "t");
    }
}
