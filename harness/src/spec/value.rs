//! Defines the types of keys.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::tree::{Node, Tree};
use harness_base::units::{BitRate, Bytes, BytesPerDay, CountPerDay, Nanos, Rate, Ratio};

/// A type that can be read from one TOML value.
pub trait Value: Sized + Clone {
    /// Reads the value.
    ///
    /// # Errors
    /// Returns the mistake as a sentence.
    fn read(node: &Node) -> Result<Self, String>;

    /// Returns the JSON Schema of the value.
    fn schema() -> Json;

    /// Returns a substitute for a missing or wrong value, so that reading can continue to the next mistake.
    fn placeholder() -> Self;

    /// Returns the value as a scenario would write it, for the documentation of defaults.
    fn written(&self) -> Json;
}

fn wrong_kind<T>(node: &Node, expected: &str) -> Result<T, String> {
    Err(format!("must be {expected}, is {}", node.tree.kind()))
}

/// Implements values that are strings in a notation of their own.
macro_rules! notation {
    ($type:ty, $placeholder:expr, $expected:literal, $pattern:literal) => {
        impl Value for $type {
            fn read(node: &Node) -> Result<Self, String> {
                match &node.tree {
                    Tree::Text(text) => Self::parse(text).map_err(|error| error.to_string()),
                    _ => wrong_kind(node, $expected),
                }
            }
            fn schema() -> Json {
                json!({ "type": "string", "pattern": $pattern })
            }
            fn placeholder() -> Self {
                $placeholder
            }
            fn written(&self) -> Json {
                json!(self.notation())
            }
        }
    };
}

notation!(Nanos, Self::ZERO, "a duration such as \"30s\"", r"^[0-9._]+ ?(ns|us|µs|ms|s|m|h)$");
notation!(Bytes, Self(0), "a size such as \"128MiB\"", r"^[0-9._]+ ?(B|kB|KB|MB|GB|KiB|MiB|GiB)$");
notation!(BitRate, Self(1), "a bandwidth such as \"10Mbit/s\"", r"^[0-9._]+ ?(bit|kbit|Mbit|Gbit)/s$");
notation!(Rate, Self(1.0), "a rate such as \"1000/s\"", r"^[0-9._]+ ?/(s|m)$");
notation!(
    BytesPerDay,
    Self(0.0),
    "a growth such as \"50MiB/day\"",
    r"^[0-9._]+ ?(B|kB|KB|MB|GB|KiB|MiB|GiB)/(day|h|m)$"
);
notation!(CountPerDay, Self(0.0), "a growth such as \"100/day\"", r"^[0-9._]+ ?/(day|h|m)$");
notation!(Ratio, Self(0.0), "a share such as \"5%\"", r"^[+-]?[0-9.]+ ?%$");

/// Implements values that TOML has natively.
macro_rules! native {
    ($type:ty, $placeholder:expr, $expected:literal, $schema:tt, $($pattern:pat => $value:expr),+) => {
        impl Value for $type {
            fn read(node: &Node) -> Result<Self, String> {
                match &node.tree {
                    $($pattern => $value,)+
                    _ => wrong_kind(node, $expected),
                }
            }
            fn schema() -> Json {
                json!($schema)
            }
            fn placeholder() -> Self {
                $placeholder
            }
            fn written(&self) -> Json {
                json!(self)
            }
        }
    };
}

native!(String, Self::new(), "a string", { "type": "string" }, Tree::Text(text) => Ok(text.clone()));
native!(IpAddr, Self::from(Ipv4Addr::LOCALHOST), "an IP address such as \"127.0.0.1\" or \"::1\"", { "type": "string" },
    Tree::Text(text) => text.parse().map_err(|_| format!("must be an IP address such as \"127.0.0.1\" or \"::1\", is {text:?}")));
native!(PathBuf, Self::new(), "a path", { "type": "string" }, Tree::Text(text) => Ok(Self::from(text)));
native!(bool, false, "true or false", { "type": "boolean" }, Tree::Flag(flag) => Ok(*flag));
native!(u64, 1, "a whole number", { "type": "integer", "minimum": 0 },
    Tree::Whole(number) => Self::try_from(*number).map_err(|_| format!("must not be negative, is {number}")));
native!(f64, 1.0, "a number", { "type": "number" },
    Tree::Whole(number) => Ok(*number as Self), Tree::Real(number) => finite(*number));

/// Any value that JSON has too.
impl Value for Json {
    fn read(node: &Node) -> Result<Self, String> {
        match &node.tree {
            Tree::Text(text) => Ok(json!(text)),
            Tree::Whole(number) => Ok(json!(number)),
            Tree::Real(number) => finite(*number).map(|number| json!(number)),
            Tree::Flag(flag) => Ok(json!(flag)),
            Tree::List(items) => items.iter().map(Self::read).collect::<Result<_, _>>().map(Self::Array),
            Tree::Table(entries) => {
                let member = |(name, node): &(String, Node)| Ok((name.clone(), Self::read(node)?));
                entries.iter().map(member).collect::<Result<_, String>>().map(Self::Object)
            }
            Tree::Other(_) => wrong_kind(node, "a value of JSON"),
        }
    }

    fn schema() -> Json {
        json!(true)
    }

    fn placeholder() -> Self {
        Self::Null
    }

    fn written(&self) -> Json {
        self.clone()
    }
}

impl<T: Value> Value for Vec<T> {
    fn read(node: &Node) -> Result<Self, String> {
        match &node.tree {
            Tree::List(items) => items.iter().map(T::read).collect(),
            _ => wrong_kind(node, "an array"),
        }
    }

    fn schema() -> Json {
        json!({ "type": "array", "items": T::schema() })
    }

    fn placeholder() -> Self {
        Self::new()
    }

    fn written(&self) -> Json {
        Json::Array(self.iter().map(T::written).collect())
    }
}

/// A table of free names, for example headers or environment variables.
impl<T: Value> Value for Vec<(String, T)> {
    fn read(node: &Node) -> Result<Self, String> {
        match &node.tree {
            Tree::Table(entries) => entries
                .iter()
                .map(|(name, node)| Ok((name.clone(), T::read(node).map_err(|message| format!("{name}: {message}"))?)))
                .collect(),
            _ => wrong_kind(node, "a table"),
        }
    }

    fn schema() -> Json {
        json!({ "type": "object", "additionalProperties": T::schema() })
    }

    fn placeholder() -> Self {
        Self::new()
    }

    fn written(&self) -> Json {
        Json::Object(self.iter().map(|(name, value)| (name.clone(), value.written())).collect())
    }
}

fn finite(number: f64) -> Result<f64, String> {
    if number.is_finite() { Ok(number) } else { Err(format!("must be finite, is {number}")) }
}
