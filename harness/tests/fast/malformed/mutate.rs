//! Breaks a text: as text, and where it is JSON, as JSON, which gets further.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Inputs that have broken readers before: borders of numbers, empty and huge things, other alphabets.
const WORDS: [&str; 24] = [
    "0",
    "-1",
    "1e308",
    "-1e308",
    "1e-320",
    "9223372036854775807",
    "18446744073709551616",
    "0.1.2",
    "nan",
    "inf",
    "\"\"",
    "''",
    "[]",
    "{}",
    "null",
    "true",
    "\"999999999999h\"",
    "\"-5ms\"",
    "\"0/s\"",
    "\"100000%\"",
    "=",
    "[stage.overhead]",
    "\u{fffd}",
    "ß𝔘\u{202e}",
];

/// Returns a broken copy.
pub fn broken(seed: &str, random: &mut ChaCha8Rng) -> String {
    let mut value: Option<Value> =
        serde_json::from_str(seed).ok().filter(|value: &Value| value.is_object() || value.is_array());
    if let Some(value) = value.as_mut().filter(|_| random.random_bool(0.8)) {
        for _ in 0..random.random_range(1..4) {
            break_json(value, random);
        }
        return value.to_string();
    }
    let mut text: Vec<char> = seed.chars().collect();
    for _ in 0..random.random_range(1..4) {
        break_text(&mut text, random);
    }
    text.into_iter().collect()
}

fn word(random: &mut ChaCha8Rng) -> Vec<char> {
    WORDS.choose(random).unwrap().chars().collect()
}

fn break_text(text: &mut Vec<char>, random: &mut ChaCha8Rng) {
    let at = |random: &mut ChaCha8Rng, length: usize| random.random_range(0..=length);
    let (one, other) = (at(random, text.len()), at(random, text.len().min(60)));
    let end = (one + other).min(text.len());
    match random.random_range(0..5) {
        // Cut away, cut short, doubled, overwritten.
        0 => drop(text.drain(one..end)),
        1 => text.truncate(one),
        2 => {
            let copy = text[one..end].to_vec();
            text.splice(end..end, copy);
        }
        3 => {
            text.splice(one..end, word(random));
        }
        // The value of a line becomes another.
        _ => {
            let equals: Vec<usize> =
                text.iter().enumerate().filter(|(_, c)| ['=', ':'].contains(c)).map(|(at, _)| at).collect();
            if let Some(from) = equals.choose(random).map(|at| at + 1) {
                let to = text[from..].iter().position(|c| *c == '\n').map_or(text.len(), |length| from + length);
                text.splice(from..to, word(random));
            }
        }
    }
}

/// Walks to some value and puts another in its place, or takes it away.
fn break_json(value: &mut Value, random: &mut ChaCha8Rng) {
    let deeper = random.random_bool(0.85);
    match value {
        Value::Object(map) if deeper && !map.is_empty() => {
            let key = map.keys().nth(random.random_range(0..map.len())).cloned().unwrap();
            if random.random_bool(0.05) {
                map.remove(&key);
            } else {
                break_json(map.get_mut(&key).unwrap(), random);
            }
        }
        Value::Array(list) if deeper && !list.is_empty() => {
            let index = random.random_range(0..list.len());
            match random.random_range(0..20) {
                0 => drop(list.remove(index)),
                1 => list.truncate(index),
                2 => list.push(list[index].clone()),
                _ => break_json(&mut list[index], random),
            }
        }
        Value::Number(number) if random.random_bool(0.8) => {
            *value = other_number(number.as_f64().unwrap_or(0.0), random)
        }
        Value::String(text) if random.random_bool(0.3) => text.push_str(WORDS.choose(random).unwrap()),
        _ => {
            *value = [json!(null), json!(0), json!(-1), json!(""), json!([]), json!({}), json!(1e308)]
                .choose(random)
                .unwrap()
                .clone()
        }
    }
}

fn other_number(number: f64, random: &mut ChaCha8Rng) -> Value {
    let whole = [0_u64, 1, u64::from(u32::MAX), i64::MAX.unsigned_abs(), u64::MAX];
    match random.random_range(0..4) {
        0 => json!(whole.choose(random).unwrap()),
        1 => json!(-number),
        2 => json!(number * 10_f64.powi(random.random_range(-12..12))),
        _ => json!([1e308, -1e308, 5e-324, 0.5].choose(random).unwrap()),
    }
}
