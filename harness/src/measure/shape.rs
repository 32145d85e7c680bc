//! Defines the schemas of texts with a fixed format.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

macro_rules! shapes {
    ($($(#[$about:meta])* $Shape:ident: $schema:tt,)+) => {$(
        $(#[$about])*
        pub(crate) struct $Shape;

        impl JsonSchema for $Shape {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($Shape).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )+};
}

shapes! {
    /// An instant: RFC 3339 in UTC, to the second.
    Utc: {
        "type": "string",
        "format": "date-time",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
    },
    /// An instant that other tools write too, with fractions of a second or with an offset.
    Instant: { "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}" },
    /// A SHA-256 in hexadecimal.
    Sha256: { "type": "string", "pattern": "^[0-9a-f]{64}$" },
    /// The id of a metric.
    MetricId: { "type": "string", "pattern": "^[^/]+/.+$" },
}
