//! JSON-RPC messages as they arrive in the body of a POST request.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The most messages of one batch.
const MAX_BATCH: usize = 1_000;

/// The body of a POST request.
#[derive(Debug)]
pub(super) enum Body<'a> {
    One(Message<'a>),
    Batch(Vec<Message<'a>>),
}

/// Why a body is not JSON-RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Malformed {
    /// It is not JSON.
    Json,
    /// It is JSON, but not a message, or no batch of 1 to 1,000 messages.
    Message,
}

/// One message.
#[derive(Debug)]
pub(super) enum Message<'a> {
    /// Expects an answer with this id, which is a JSON string or number.
    Request {
        id: &'a str,
        method: Cow<'a, str>,
        params: Params<'a>,
    },
    Notification {
        method: Cow<'a, str>,
    },
    /// Answers a request of the server. This server sends none.
    Response,
}

/// The parameters that the server reads. `valid` is false where they are no object or have members of a wrong type.
#[derive(Debug, Default)]
pub(super) struct Params<'a> {
    pub(super) valid: bool,
    pub(super) read: Read<'a>,
}

/// The members that the server reads; others are ignored.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Read<'a> {
    #[serde(borrow, default)]
    pub(super) name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) uri: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) cursor: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "protocolVersion")]
    pub(super) protocol_version: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(super) notifications: Option<Filter>,
    #[serde(borrow, default, rename = "_meta")]
    pub(super) meta: Option<Meta<'a>>,
}

/// What a client of `subscriptions/listen` asks for. The server has tools only, so the other types are ignored.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct Filter {
    #[serde(default, rename = "toolsListChanged")]
    pub(super) tools_list_changed: bool,
}

/// The metadata of a request.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Meta<'a> {
    #[serde(borrow, default, rename = "progressToken")]
    pub(super) progress_token: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "io.modelcontextprotocol/protocolVersion")]
    pub(super) protocol_version: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "io.modelcontextprotocol/clientCapabilities")]
    pub(super) client_capabilities: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    jsonrpc: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// Keeps `"id": null`, which is not the same as no id, as `Some`.
fn present<'de, D: Deserializer<'de>>(input: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(input).map(Some)
}

impl<'a> Body<'a> {
    /// Parses a body.
    ///
    /// # Errors
    /// Returns [`Malformed`] if it is not JSON, or not a message or a batch of messages.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        if first(body) != Some(b'[') {
            return Message::parse(body).map(Self::One);
        }
        let parts: Vec<&RawValue> = serde_json::from_slice(body).map_err(|_| Malformed::Json)?;
        if parts.is_empty() || parts.len() > MAX_BATCH {
            return Err(Malformed::Message);
        }
        let messages = parts.into_iter().map(|part| Message::parse(part.get().as_bytes()));
        messages.collect::<Result<_, _>>().map(Self::Batch)
    }
}

impl<'a> Message<'a> {
    fn parse(text: &'a [u8]) -> Result<Self, Malformed> {
        let raw: Raw<'a> = match serde_json::from_slice(text) {
            Ok(raw) => raw,
            Err(error) if error.is_data() => return Err(Malformed::Message),
            Err(_) => return Err(Malformed::Json),
        };
        // A struct can be read from an array, and a message is none.
        if raw.jsonrpc != "2.0" || first(text) != Some(b'{') {
            return Err(Malformed::Message);
        }
        let answers = raw.result.is_some() || raw.error.is_some();
        match (raw.method, raw.id) {
            (Some(method), None) => Ok(Self::Notification { method }),
            (Some(method), Some(id)) if is_id(id.get()) => {
                Ok(Self::Request { id: id.get(), method, params: Params::parse(raw.params) })
            }
            (None, Some(id)) if is_id(id.get()) && answers => Ok(Self::Response),
            _ => Err(Malformed::Message),
        }
    }

    /// Returns the name of its method; that of an answer is absent.
    pub(super) fn method(&self) -> Option<&str> {
        match self {
            Self::Request { method, .. } | Self::Notification { method } => Some(method),
            Self::Response => None,
        }
    }
}

impl<'a> Params<'a> {
    fn parse(raw: Option<&'a RawValue>) -> Self {
        let Some(raw) = raw else { return Self { valid: true, read: Read::default() } };
        match serde_json::from_str(raw.get()) {
            Ok(read) if raw.get().starts_with('{') => Self { valid: true, read },
            _ => Self::default(),
        }
    }

    /// Returns the token with which the client asks for progress, as JSON.
    pub(super) fn progress_token(&self) -> Option<&'a str> {
        let token = self.read.meta.as_ref()?.progress_token?;
        is_id(token.get()).then(|| token.get())
    }
}

/// Returns whether a JSON value is a string or a number.
fn is_id(json: &str) -> bool {
    json.starts_with(|first: char| matches!(first, '"' | '-') || first.is_ascii_digit())
}

fn first(text: &[u8]) -> Option<u8> {
    text.iter().copied().find(|byte| !byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn malformed(body: &str) -> Malformed {
        Body::parse(body.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_request_has_an_id_a_method_and_parameters() {
        let text =
            br#" {"jsonrpc":"2.0","id":"a\"b","method":"tools\/call","params":{"name":"echo","arguments":{"name":7},
            "_meta":{"progressToken":5,"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
        let Ok(Body::One(Message::Request { id, method, params })) = Body::parse(text) else { panic!("no request") };
        assert_eq!((id, &*method), (r#""a\"b""#, "tools/call"));
        assert!(params.valid);
        assert_eq!((params.read.name.as_deref(), params.progress_token()), (Some("echo"), Some("5")));
        assert_eq!(params.read.meta.unwrap().protocol_version.unwrap(), "2026-07-28");
    }

    #[test]
    fn parameters_of_a_wrong_type_are_invalid_and_none_are_valid() {
        for (params, valid) in [("{}", true), ("[]", false), (r#"{"name":7}"#, false), ("null", false), ("7", false)] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{params}}}"#);
            match Body::parse(text.as_bytes()) {
                // JSON's null is the same as no parameters to serde.
                Ok(Body::One(Message::Request { params: read, .. })) => {
                    assert_eq!(read.valid, valid || params == "null", "{params}");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn notifications_and_answers_have_no_id_or_no_method() {
        let parsed = |text: &'static str| match Body::parse(text.as_bytes()) {
            Ok(Body::One(message)) => message,
            other => panic!("{other:?}"),
        };
        let note = parsed(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        assert!(matches!(note, Message::Notification { ref method } if method == "notifications/initialized"));
        assert!(matches!(parsed(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), Message::Response));
    }

    #[test]
    fn a_batch_is_a_list_of_messages() {
        let text = br#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"n"}]"#;
        let Ok(Body::Batch(messages)) = Body::parse(text) else { panic!("no batch") };
        let methods: Vec<_> = messages.iter().map(Message::method).collect();
        assert_eq!(methods, [Some("ping"), Some("n")]);
        assert_eq!(malformed("[]"), Malformed::Message);
        assert_eq!(malformed("[1]"), Malformed::Message);
    }

    #[test]
    fn other_bodies_are_malformed() {
        assert_eq!([malformed("{"), malformed(""), malformed("[1")], [Malformed::Json; 3]);
        for body in [
            r#"["2.0",1,"ping"]"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            "7",
        ] {
            assert_eq!(malformed(body), Malformed::Message, "{body}");
        }
    }
}
