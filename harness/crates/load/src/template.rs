//! Bodies with seeded fields: `{{seq}}`, `{{uuid}}`, `{{int 1 100}}`, `{{text 16}}`.
//!
//! A template is cut into pieces once; filling it in walks the pieces. What is drawn depends on the job's seed, the user and
//! how many requests that user has sent, and on nothing else, so a run can be repeated to the byte per user.

use std::io::Write;

use bytes::Bytes;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Longest `{{text N}}`.
const LONGEST_TEXT: usize = 1 << 20;

/// A body's text, cut at its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
    length: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Seq,
    Uuid,
    Int(i64, i64),
    Text(usize),
}

/// What one user draws its fields from.
#[derive(Debug, Clone)]
pub struct Fields {
    random: ChaCha8Rng,
    next: u64,
    step: u64,
}

impl Fields {
    /// For user `user` of `users`, both counted from the job: its sequence numbers are `user`, `user + users`, …, so no two
    /// users share one.
    pub fn new(seed: u64, user: u64, users: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(user);
        Self { random, next: user, step: users.max(1) }
    }
}

impl Template {
    /// Cuts `text` at its fields.
    ///
    /// # Errors
    /// A sentence naming the field that is not known or not complete.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (field, after) = after.split_once("}}").ok_or_else(|| format!("{{{{{after} has no closing }}}}"))?;
            pieces.push(Piece::Literal(before.to_owned()));
            pieces.push(Piece::parse(field)?);
            rest = after;
        }
        pieces.push(Piece::Literal(rest.to_owned()));
        pieces.retain(|piece| *piece != Piece::Literal(String::new()));
        let length = pieces.iter().map(Piece::length).sum();
        Ok(Self { pieces, length })
    }

    /// Fills in the fields for the user's next request.
    pub fn fill(&self, fields: &mut Fields) -> Bytes {
        let mut body = Vec::with_capacity(self.length);
        let seq = fields.next;
        fields.next = fields.next.wrapping_add(fields.step);
        for piece in &self.pieces {
            piece.append(seq, &mut fields.random, &mut body);
        }
        Bytes::from(body)
    }
}

impl Piece {
    fn parse(field: &str) -> Result<Self, String> {
        let words: Vec<&str> = field.split_whitespace().collect();
        let number =
            |word: &str| word.parse::<i64>().map_err(|_| format!("{{{{{field}}}}}: {word:?} is no whole number"));
        match words.as_slice() {
            ["seq"] => Ok(Self::Seq),
            ["uuid"] => Ok(Self::Uuid),
            ["int", low, high] => {
                let (low, high) = (number(low)?, number(high)?);
                if low <= high {
                    Ok(Self::Int(low, high))
                } else {
                    Err(format!("{{{{{field}}}}}: {low} is above {high}"))
                }
            }
            ["text", length] => usize::try_from(number(length)?)
                .ok()
                .filter(|length| *length <= LONGEST_TEXT)
                .map(Self::Text)
                .ok_or_else(|| format!("{{{{{field}}}}}: a length from 0 to {LONGEST_TEXT} is expected")),
            _ => Err(format!(
                "{{{{{field}}}}} is no field; there are {{{{seq}}}}, {{{{uuid}}}}, {{{{int LOW HIGH}}}} and {{{{text LENGTH}}}}"
            )),
        }
    }

    /// Bytes it takes, or slightly more.
    fn length(&self) -> usize {
        match self {
            Self::Literal(text) => text.len(),
            Self::Seq | Self::Int(..) => 20,
            Self::Uuid => 36,
            Self::Text(length) => *length,
        }
    }

    /// Writing to a `Vec` cannot fail, hence the results that are dropped.
    fn append(&self, seq: u64, random: &mut ChaCha8Rng, body: &mut Vec<u8>) {
        match self {
            Self::Literal(text) => body.extend_from_slice(text.as_bytes()),
            Self::Seq => drop(write!(body, "{seq}")),
            Self::Int(low, high) => drop(write!(body, "{}", random.random_range(*low..=*high))),
            Self::Uuid => append_uuid(random, body),
            Self::Text(length) => {
                body.extend((0..*length).map(|_| LETTERS[(random.next_u32() as usize) % LETTERS.len()]));
            }
        }
    }
}

/// 32 of them, so that the remainder is uniform; none needs an escape in JSON.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A version 4 UUID (RFC 9562, section 5.4).
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
        (0..requests).map(|_| String::from_utf8(template.fill(&mut fields).to_vec()).unwrap()).collect()
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
            let message = Template::parse(text).unwrap_err();
            assert!(message.contains(word), "{message}");
        }
    }
}
