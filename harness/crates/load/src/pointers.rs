//! Checks whether JSON pointers (RFC 6901) exist in a body while it is received, without a tree or a copy of the body.
//!
//! The scanner checks the grammar of JSON (RFC 8259) byte by byte, in chunks of any size. For each open container it keeps only its
//! kind, its position and its node among the wanted pointers. It does not check that strings are valid UTF-8, nor the size of
//! numbers. When a key is repeated the last one counts, as in serde_json.

mod key;
pub(crate) mod object;
mod skip;
mod text;
mod wanted;

use key::Key;
use wanted::{Node, ROOT};
pub use wanted::{PointerError, Wanted};

/// The deepest nesting. A body with deeper nesting counts as not JSON.
const DEEPEST: usize = 4096;

/// The state of a scan. Can be reused: call [`Scan::begin`] for each body.
#[derive(Debug, Clone, Default)]
pub struct Scan {
    state: State,
    open: Vec<Container>,
    /// The node of the next value.
    next: Option<Node>,
    /// For each wanted pointer, whether it exists and is not null.
    found: Vec<bool>,
    key: Key,
}

#[derive(Debug, Clone, Copy)]
struct Container {
    array: bool,
    node: Option<Node>,
    index: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Value,
    /// After `[`.
    ValueOrEnd,
    /// After `,` in an object.
    NextKey,
    /// After `{`.
    KeyOrEnd,
    Colon,
    CommaOrEnd,
    Text {
        key: bool,
    },
    Escape {
        key: bool,
    },
    Hex {
        key: bool,
        digits: u8,
        value: u16,
    },
    Number(Digits),
    /// Within a word, after `seen` of its bytes.
    Word {
        word: Word,
        seen: u8,
    },
    End,
    Broken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    True,
    False,
    Null,
}

/// The position within a number: RFC 8259, section 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Digits {
    Minus,
    Zero,
    Whole,
    Point,
    Fraction,
    Exponent,
    Sign,
    Power,
}

impl Scan {
    pub fn begin(&mut self, wanted: &Wanted) {
        self.state = State::Value;
        self.open.clear();
        self.next = Some(ROOT);
        self.found.clear();
        self.found.resize(wanted.pointers(), false);
    }

    /// Scans the next part of the body.
    pub fn feed(&mut self, wanted: &Wanted, chunk: &[u8]) {
        let mut rest = chunk;
        while let Some((&byte, after)) = rest.split_first() {
            rest = match self.state {
                State::Text { key } => self.text(wanted, key, rest),
                State::Broken => return,
                State::Word { word, seen } => self.word(word, seen, rest),
                State::Number(digits) => match digits.step(byte) {
                    Some(digits) => {
                        self.state = State::Number(digits);
                        after
                    }
                    None => {
                        self.state = if digits.complete() { self.after_value() } else { State::Broken };
                        rest
                    }
                },
                state => {
                    self.state = self.step(wanted, state, byte);
                    match self.state {
                        State::ValueOrEnd | State::KeyOrEnd => self.skip(after),
                        _ => after,
                    }
                }
            };
        }
    }

    /// Ends the scan. Returns whether the body was JSON; only then is [`Scan::found`] valid.
    pub fn finish(&mut self) -> bool {
        if let State::Number(digits) = self.state {
            self.state = if digits.complete() { self.after_value() } else { State::Broken };
        }
        self.state == State::End
    }

    /// Returns whether pointer number `pointer` exists and is not null.
    pub fn found(&self, pointer: usize) -> bool {
        self.found.get(pointer).copied().unwrap_or(false)
    }

    /// Skips the container that was opened last, if nothing in it is wanted and all of it is in `rest`. Within a container that could not be
    /// skipped, no other is tried.
    fn skip<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        let [outer @ .., opened] = self.open.as_slice() else { return rest };
        let unwanted = |container: &Container| container.node.is_none();
        if !unwanted(opened) || outer.last().is_some_and(unwanted) || self.open.len() + skip::DEEPEST > DEEPEST {
            return rest;
        }
        let Some(length) = skip::container(opened.array, rest) else { return rest };
        self.state = self.close();
        &rest[length..]
    }

    /// Scans one byte that is neither in a string nor in a number.
    fn step(&mut self, wanted: &Wanted, state: State, byte: u8) -> State {
        match (state, byte) {
            (State::ValueOrEnd, b']') | (State::KeyOrEnd, b'}') => self.close(),
            (State::NextKey | State::KeyOrEnd, b'"') => self.begin_key(),
            (State::Colon, b':') => self.name_value(wanted),
            (State::Escape { key }, _) => self.escape(key, byte),
            (State::Hex { key, digits, value }, _) => self.hex(key, digits, value, byte),
            (_, b' ' | b'\t' | b'\n' | b'\r') => state,
            (State::Value | State::ValueOrEnd, _) => self.value(wanted, byte),
            (State::CommaOrEnd, _) => self.comma_or_end(wanted, byte),
            _ => State::Broken,
        }
    }

    /// Scans a string up to its end, an escape or the end of the chunk. Also consumes what usually follows a string (`":"`, `","`),
    /// which avoids most of the dispatching in objects of strings.
    fn text<'a>(&mut self, wanted: &Wanted, mut key: bool, mut rest: &'a [u8]) -> &'a [u8] {
        loop {
            let (text, special) = rest.split_at(text::plain(rest));
            self.key.push(key, text);
            let Some((&special, after)) = special.split_first() else {
                self.state = State::Text { key };
                return special;
            };
            match (special, after) {
                (b'"', [b':', b'"', after @ ..]) if key => {
                    self.name_value(wanted);
                    self.state = self.value(wanted, b'"');
                    (key, rest) = (false, after);
                }
                (b'"', _) if key => {
                    self.state = State::Colon;
                    return after;
                }
                (b'"', [b',', b'"', after @ ..]) if self.open.last().is_some_and(|container| !container.array) => {
                    self.begin_key();
                    (key, rest) = (true, after);
                }
                _ => {
                    self.state = match special {
                        b'"' => self.after_value(),
                        b'\\' => State::Escape { key },
                        _ => State::Broken,
                    };
                    return after;
                }
            }
        }
    }

    fn begin_key(&mut self) -> State {
        self.key.begin(self.open.last().is_some_and(|container| container.node.is_some()));
        State::Text { key: true }
    }

    /// Sets the node of the value after the colon.
    fn name_value(&mut self, wanted: &Wanted) -> State {
        let parent = self.open.last().and_then(|container| container.node);
        self.next = parent.and_then(|node| wanted.member(node, self.key.as_bytes()?));
        State::Value
    }

    fn escape(&mut self, key: bool, byte: u8) -> State {
        match (byte, text::unescaped(byte)) {
            (b'u', _) => State::Hex { key, digits: 0, value: 0 },
            (_, Some(plain)) => {
                self.key.push(key, &[plain]);
                State::Text { key }
            }
            (_, None) => State::Broken,
        }
    }

    /// Scans `true`, `false` or `null`.
    fn word<'a>(&mut self, word: Word, seen: u8, rest: &'a [u8]) -> &'a [u8] {
        let missing = &word.bytes()[usize::from(seen)..];
        let (part, after) = rest.split_at(missing.len().min(rest.len()));
        self.state = match (missing.strip_prefix(part), seen + part.len() as u8) {
            (Some([]), _) => self.after_value(),
            (Some(_), seen) => State::Word { word, seen },
            (None, _) => State::Broken,
        };
        after
    }

    fn hex(&mut self, key: bool, digits: u8, value: u16, byte: u8) -> State {
        let Some(digit) = (byte as char).to_digit(16) else {
            return State::Broken;
        };
        let value = (value << 4) | digit as u16;
        if digits < 3 {
            return State::Hex { key, digits: digits + 1, value };
        }
        self.key.push_unit(key, value);
        State::Text { key }
    }

    /// Scans the first byte of a value.
    fn value(&mut self, wanted: &Wanted, byte: u8) -> State {
        let node = self.next.take();
        if let Some(node) = node {
            wanted.pointers_below(node).for_each(|pointer| self.found[pointer] = false);
            wanted.pointers_at(node).iter().for_each(|pointer| self.found[*pointer] = byte != b'n');
        }
        match byte {
            b'{' => self.open(false, node, wanted),
            b'[' => self.open(true, node, wanted),
            b'"' => State::Text { key: false },
            b'-' => State::Number(Digits::Minus),
            b'0' => State::Number(Digits::Zero),
            b'1'..=b'9' => State::Number(Digits::Whole),
            b't' => State::Word { word: Word::True, seen: 1 },
            b'f' => State::Word { word: Word::False, seen: 1 },
            b'n' => State::Word { word: Word::Null, seen: 1 },
            _ => State::Broken,
        }
    }

    fn open(&mut self, array: bool, node: Option<Node>, wanted: &Wanted) -> State {
        if self.open.len() >= DEEPEST {
            return State::Broken;
        }
        let node = node.filter(|node| wanted.goes_deeper(*node));
        self.open.push(Container { array, node, index: 0 });
        if array {
            self.next = node.and_then(|node| wanted.element(node, 0));
            return State::ValueOrEnd;
        }
        State::KeyOrEnd
    }

    fn close(&mut self) -> State {
        self.open.pop();
        self.next = None;
        self.after_value()
    }

    fn after_value(&self) -> State {
        if self.open.is_empty() { State::End } else { State::CommaOrEnd }
    }

    fn comma_or_end(&mut self, wanted: &Wanted, byte: u8) -> State {
        let Some(container) = self.open.last_mut() else {
            return State::Broken;
        };
        match (byte, container.array) {
            (b']', true) | (b'}', false) => self.close(),
            (b',', false) => State::NextKey,
            (b',', true) => {
                container.index += 1;
                self.next = container.node.and_then(|node| wanted.element(node, container.index));
                State::Value
            }
            _ => State::Broken,
        }
    }
}

impl Word {
    const fn bytes(self) -> &'static [u8] {
        match self {
            Self::True => b"true",
            Self::False => b"false",
            Self::Null => b"null",
        }
    }
}

impl Digits {
    const fn step(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Minus, b'0') => Self::Zero,
            (Self::Minus, b'1'..=b'9') | (Self::Whole, b'0'..=b'9') => Self::Whole,
            (Self::Zero | Self::Whole, b'.') => Self::Point,
            (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
            (Self::Zero | Self::Whole | Self::Fraction, b'e' | b'E') => Self::Exponent,
            (Self::Exponent, b'+' | b'-') => Self::Sign,
            (Self::Exponent | Self::Sign | Self::Power, b'0'..=b'9') => Self::Power,
            _ => return None,
        })
    }

    const fn complete(self) -> bool {
        matches!(self, Self::Zero | Self::Whole | Self::Fraction | Self::Power)
    }
}

#[cfg(test)]
mod tests;
