//! Reads one JSON-RPC message. Only what is checked is kept, and none of it is copied.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, Visitor};

/// A message from a server.
#[derive(Debug, Deserialize)]
pub(super) struct Message<'m> {
    #[serde(borrow)]
    pub(super) jsonrpc: Option<Text<'m>>,
    pub(super) id: Option<Id>,
    /// Present in requests and notifications.
    #[serde(borrow)]
    pub(super) method: Option<Text<'m>>,
    pub(super) params: Option<Params>,
    #[serde(borrow)]
    pub(super) result: Option<Answer<'m>>,
    #[serde(borrow)]
    pub(super) error: Option<ErrorObject<'m>>,
}

/// A text that is copied only if it has escapes. An optional `Cow` alone would always be copied.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'m>(#[serde(borrow)] pub(super) Cow<'m, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// The identifier of a message. Those of agents are whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Id {
    Number(u64),
    Other,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Params {
    pub(super) progress_token: Option<Id>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'m> {
    #[serde(borrow)]
    pub(super) result_type: Option<Text<'m>>,
    pub(super) is_error: Option<bool>,
    #[serde(borrow)]
    pub(super) protocol_version: Option<Text<'m>>,
    #[serde(borrow)]
    pub(super) supported_versions: Option<Vec<Text<'m>>>,
    #[serde(borrow)]
    pub(super) tools: Option<Vec<Tool<'m>>>,
    /// Where a list goes on.
    #[serde(borrow)]
    pub(super) next_cursor: Option<Text<'m>>,
    pub(super) content: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tool<'m> {
    #[serde(borrow)]
    pub(super) name: Cow<'m, str>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ErrorObject<'m> {
    pub(super) code: i64,
    #[serde(borrow, default)]
    pub(super) message: Cow<'m, str>,
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyId;

        impl Visitor<'_> for AnyId {
            type Value = Id;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a number or a string")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Id, E> {
                Ok(Id::Number(number))
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Id, E> {
                Ok(Id::Other)
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Id, E> {
                Ok(Id::Other)
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<Id, E> {
                Ok(Id::Other)
            }
        }

        deserializer.deserialize_any(AnyId)
    }
}
