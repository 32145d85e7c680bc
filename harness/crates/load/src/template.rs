//! Bodies with seeded fields: `{{seq}}`, `{{uuid}}`, `{{int 1 100}}`, `{{text 16}}`.
//!
//! A template is split into pieces once. The random values depend only on the job's seed, the user and the number of requests that
//! the user has sent, so each user sends the same bytes in every run.

use std::io::Write;

use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The largest N of `{{text N}}`.
const LONGEST_TEXT: usize = 1 << 20;

/// A body's text, split at its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
    length: usize,
}

/// The reason why a text is not a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("{{{{{0} has no closing }}}}")]
    Unclosed(String),
    #[error("{{{{{field}}}}}: {word:?} is not a whole number")]
    NoNumber { field: String, word: String },
    #[error("{{{{{field}}}}}: {low} is above {high}")]
    Reversed { field: String, low: i64, high: i64 },
    #[error("{{{{{field}}}}}: a length from 0 to {LONGEST_TEXT} is expected")]
    Length { field: String },
    #[error(
        "{{{{{field}}}}} is not a field; there are {{{{seq}}}}, {{{{uuid}}}}, {{{{int LOW HIGH}}}} and {{{{text LENGTH}}}}"
    )]
    Unknown { field: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Seq,
    Uuid,
    Int(i64, i64),
    Text(usize),
}

/// The source of one user's field values.
#[derive(Debug, Clone)]
pub struct Fields {
    random: ChaCha8Rng,
    next: u64,
    step: u64,
}

impl Fields {
    /// Creates the fields of user `user` of `users`. Its sequence numbers are `user`, `user + users`, …, so that no two users share
    /// one.
    pub fn new(seed: u64, user: u64, users: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(user);
        Self { random, next: user, step: users.max(1) }
    }
}

impl Template {
    /// Splits `text` at its fields.
    ///
    /// # Errors
    /// Returns an error with the field that is unknown or incomplete.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (field, after) = after.split_once("}}").ok_or_else(|| TemplateError::Unclosed(after.to_owned()))?;
            pieces.push(Piece::Literal(before.to_owned()));
            pieces.push(Piece::parse(field)?);
            rest = after;
        }
        pieces.push(Piece::Literal(rest.to_owned()));
        pieces.retain(|piece| *piece != Piece::Literal(String::new()));
        let length = pieces.iter().map(Piece::length).sum();
        Ok(Self { pieces, length })
    }

    /// Appends the body of the user's next request to `body`.
    pub fn fill(&self, fields: &mut Fields, body: &mut Vec<u8>) {
        body.reserve(self.length);
        let seq = fields.next;
        fields.next = fields.next.wrapping_add(fields.step);
        for piece in &self.pieces {
            piece.append(seq, &mut fields.random, body);
        }
    }
}

impl Piece {
    fn parse(text: &str) -> Result<Self, TemplateError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let field = || text.to_owned();
        let number = |word: &str| {
            word.parse::<i64>().map_err(|_| TemplateError::NoNumber { field: field(), word: word.to_owned() })
        };
        match words.as_slice() {
            ["seq"] => Ok(Self::Seq),
            ["uuid"] => Ok(Self::Uuid),
            ["int", low, high] => {
                let (low, high) = (number(low)?, number(high)?);
                if low <= high {
                    Ok(Self::Int(low, high))
                } else {
                    Err(TemplateError::Reversed { field: field(), low, high })
                }
            }
            ["text", length] => usize::try_from(number(length)?)
                .ok()
                .filter(|length| *length <= LONGEST_TEXT)
                .map(Self::Text)
                .ok_or_else(|| TemplateError::Length { field: field() }),
            _ => Err(TemplateError::Unknown { field: field() }),
        }
    }

    /// Returns an upper estimate of its length.
    fn length(&self) -> usize {
        match self {
            Self::Literal(text) => text.len(),
            Self::Seq | Self::Int(..) => 20,
            Self::Uuid => 36,
            Self::Text(length) => *length,
        }
    }

    /// Appends the value.
    fn append(&self, seq: u64, random: &mut ChaCha8Rng, body: &mut Vec<u8>) {
        match self {
            Self::Literal(text) => body.extend_from_slice(text.as_bytes()),
            Self::Seq => body.extend_from_slice(itoa::Buffer::new().format(seq).as_bytes()),
            Self::Int(low, high) => {
                body.extend_from_slice(itoa::Buffer::new().format(random.random_range(*low..=*high)).as_bytes());
            }
            Self::Uuid => append_uuid(random, body),
            Self::Text(length) => {
                body.extend((0..*length).map(|_| LETTERS[(random.next_u32() as usize) % LETTERS.len()]));
            }
        }
    }
}

/// 32 letters, so that the remainder is uniform. None needs an escape in JSON.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Appends a version 4 UUID (RFC 9562, section 5.4). The result is dropped because writing to a `Vec` cannot fail.
fn append_uuid(random: &mut ChaCha8Rng, body: &mut Vec<u8>) {
    let bits = (u128::from(random.next_u64()) << 64) | u128::from(random.next_u64());
    let bits = (bits & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let part = |shift: u32, digits: u32| (bits >> shift) & ((1u128 << (digits * 4)) - 1);
    let (a, b, c, d, e) = (part(96, 8), part(80, 4), part(64, 4), part(48, 4), part(0, 12));
    let _ = write!(body, "{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, user: u64, requests: usize) -> Vec<String> {
        let template = Template::parse(text).unwrap();
        let mut fields = Fields::new(42, user, 10);
        let mut next = || {
            let mut body = Vec::new();
            template.fill(&mut fields, &mut body);
            String::from_utf8(body).unwrap()
        };
        (0..requests).map(|_| next()).collect()
    }

    #[test]
    fn a_user_draws_the_same_again_and_another_user_something_else() {
        let text = r#"{"id":{{seq}},"key":"{{uuid}}","n":{{int -5 5}},"t":"{{text 16}}"}"#;
        assert_eq!(filled(text, 3, 50), filled(text, 3, 50));
        assert!(filled(text, 3, 50).iter().zip(filled(text, 4, 50)).all(|(one, other)| *one != other));
        for body in filled(text, 3, 50) {
            let read: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert!((-5..=5).contains(&read["n"].as_i64().unwrap()));
            assert_eq!(read["t"].as_str().unwrap().len(), 16);
            let uuid = read["key"].as_str().unwrap();
            assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"));
            assert!("89ab".contains(&uuid[19..20]), "{uuid}");
        }
    }

    #[test]
    fn sequence_numbers_are_shared_by_no_two_users() {
        let mut all: Vec<u64> =
            (0..10).flat_map(|user| filled("{{seq}}", user, 7)).map(|seq| seq.parse().unwrap()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..70).collect::<Vec<u64>>());
    }

    #[test]
    fn text_without_fields_stays_and_mistakes_are_named() {
        assert_eq!(filled("{\"a\": {}}", 0, 1), ["{\"a\": {}}"]);
        for (text, word) in
            [("{{uid}}", "{{uid}}"), ("{{int 5}}", "{{int 5}}"), ("{{int 5 1}}", "above"), ("{{seq", "closing")]
        {
            let message = Template::parse(text).unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        }
    }
}
