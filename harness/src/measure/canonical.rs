//! Computes canonical JSON and its digest: keys sorted, no white space, strings and numbers as serde_json writes them.
//! Files with equal content have equal digests, regardless of the tool that wrote them.
//!
//! It is parsed from the text without copying strings that have no escapes, so that a result of two megabytes is cheap
//! to read.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use sha2::{Digest, Sha256};

use harness_base::units::hexadecimal;

/// A JSON value that borrows from its text. The keys of an object are sorted and unique.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// Returns the value of a key of an object.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Object(entries) = self else { return None };
        entries.binary_search_by(|(known, _)| known.as_ref().cmp(key)).ok().map(|index| &entries[index].1)
    }

    pub fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Returns the value if it is an unsigned whole number.
    pub fn as_u64(&self) -> Option<u64> {
        if let Self::Number(number) = self { number.as_u64() } else { None }
    }

    /// Removes a key from the outermost object.
    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        if let Self::Object(entries) = &mut self {
            entries.retain(|(known, _)| known != key);
        }
        self
    }

    /// Writes numbers such as `1.0` and `1e3` as whole numbers, like tools that know only one kind of number.
    #[must_use]
    pub fn with_whole_numbers(self) -> Self {
        const WHOLE: f64 = 1e15;
        match self {
            Self::Number(number) => {
                let whole =
                    number.as_f64().filter(|value| number.is_f64() && value.fract() == 0.0 && value.abs() < WHOLE);
                Self::Number(whole.map_or(number, |value| Number::from(value as i64)))
            }
            Self::Array(items) => Self::Array(items.into_iter().map(Self::with_whole_numbers).collect()),
            Self::Object(entries) => {
                Self::Object(entries.into_iter().map(|(key, value)| (key, value.with_whole_numbers())).collect())
            }
            other => other,
        }
    }

    /// Returns the SHA-256 of the canonical form, hexadecimal.
    pub fn digest(&self) -> String {
        self.digest_before("")
    }

    /// Returns the SHA-256 of the canonical form with a newline, like `jq -cS . | sha256sum`.
    pub fn digest_of_line(&self) -> String {
        self.digest_before("\n")
    }

    fn digest_before(&self, end: &str) -> String {
        let mut out = io::BufWriter::with_capacity(1 << 16, Sha256::new());
        // Writing into a hash cannot fail.
        let _ = self.write(&mut out).and_then(|()| out.write_all(end.as_bytes())).and_then(|()| out.flush());
        hexadecimal(&out.get_ref().clone().finalize())
    }

    /// Writes the canonical form.
    ///
    /// # Errors
    /// Returns the errors of `out`.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Null => out.write_all(b"null"),
            Self::Bool(flag) => write!(out, "{flag}"),
            Self::Number(number) => write!(out, "{number}"),
            Self::Text(text) => Ok(serde_json::to_writer(out, text)?),
            Self::Array(items) => list(out, (b"[", b"]"), items, |item, out| item.write(out)),
            Self::Object(entries) => list(out, (b"{", b"}"), entries, |(key, value), out| {
                serde_json::to_writer(&mut *out, key)?;
                out.write_all(b":")?;
                value.write(out)
            }),
        }
    }
}

fn list<T, W: Write>(
    out: &mut W,
    (open, close): (&[u8], &[u8]),
    items: &[T],
    each: impl Fn(&T, &mut W) -> io::Result<()>,
) -> io::Result<()> {
    out.write_all(open)?;
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.write_all(b",")?;
        }
        each(item, out)?;
    }
    out.write_all(close)
}

struct Builder;

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Builder)
    }
}

/// A string, borrowed if it has no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_str(Builder)? {
            Json::Text(text) => Ok(Self(text)),
            _ => Err(D::Error::custom("a key is not a string")),
        }
    }
}

impl<'de> Visitor<'de> for Builder {
    type Value = Json<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json<'de>, E> {
        Number::from_f64(value).map(Json::Number).ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element()? {
            values.push(value);
        }
        Ok(Json::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json<'de>, A::Error> {
        let mut known: Vec<(Cow<'de, str>, Json<'de>)> = Vec::new();
        while let Some((Text(key), value)) = entries.next_entry()? {
            known.push((key, value));
        }
        known.sort_by(|(one, _), (other, _)| one.cmp(other));
        match known.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(A::Error::custom(format!("the key {:?} is given twice in one object", pair[0].0))),
            None => Ok(Json::Object(known)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        serde_json::from_str::<Json<'_>>(text).unwrap().write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn keys_are_sorted_at_any_depth_and_white_space_goes() {
        let text = "{ \"b\": [1, {\"z\": null, \"a\": true}],\n \"a\\u0041\": \"x\\n\\u00e9/\", \"a\": 1.50 }";
        assert_eq!(written(text), "{\"a\":1.5,\"aA\":\"x\\né/\",\"b\":[1,{\"a\":true,\"z\":null}]}");
    }

    #[test]
    fn numbers_are_those_of_serde_json() {
        for number in ["0", "-0", "-1", "18446744073709551615", "1e3", "0.1", "5e-324", "123456789.125", "1E+2"] {
            let value: serde_json::Value = serde_json::from_str(number).unwrap();
            assert_eq!(written(number), value.to_string(), "{number}");
        }
    }

    #[test]
    fn the_digest_is_of_the_canonical_text() {
        let (one, other) = ("{\"a\":1,\"b\":[]}", "{\"b\" : [ ], \"a\": 1}");
        let digest = |text: &str| serde_json::from_str::<Json<'_>>(text).unwrap().digest();
        assert_eq!(digest(one), hexadecimal(&Sha256::digest(one)));
        assert_eq!(digest(one), digest(other));
        assert_ne!(digest(one), digest("{\"a\":2,\"b\":[]}"));
        let line = serde_json::from_str::<Json<'_>>(other).unwrap().digest_of_line();
        assert_eq!(line, hexadecimal(&Sha256::digest(format!("{one}\n"))));
    }

    #[test]
    fn whole_numbers_lose_their_point_and_nothing_else_changes() {
        let json: Json<'_> = serde_json::from_str("[1.0,-2e3,1.5,-0.0,7,1e300,[{\"a\":3.0}],\"1.0\"]").unwrap();
        let mut out = Vec::new();
        json.with_whole_numbers().write(&mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "[1,-2000,1.5,0,7,1e+300,[{\"a\":3}],\"1.0\"]");
    }

    #[test]
    fn no_key_stands_twice() {
        let message = serde_json::from_str::<Json<'_>>("[{\"b\":1,\"\\u0062\":1}]").unwrap_err().to_string();
        assert!(message.contains("the key \"b\" is given twice"), "{message}");
    }

    #[test]
    fn a_key_is_found_or_taken_out() {
        let json: Json<'_> = serde_json::from_str("{\"n\":7,\"t\":\"x\",\"z\":{}}").unwrap();
        assert_eq!(json.get("n").and_then(Json::as_u64), Some(7));
        assert_eq!(json.get("t").and_then(Json::as_str), Some("x"));
        assert_eq!(json.get("m"), None);
        assert_eq!(json.without("n"), serde_json::from_str("{\"t\":\"x\",\"z\":{}}").unwrap());
    }
}
