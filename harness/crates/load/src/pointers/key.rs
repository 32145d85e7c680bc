//! The current key, unescaped, as far as it can match a wanted one.

/// The longest key that is kept. Pointers with longer segments are refused.
pub(super) const LONGEST: usize = 256;

#[derive(Debug, Clone, Default)]
pub(super) struct Key {
    bytes: Vec<u8>,
    kept: bool,
    /// The first half of a surrogate pair.
    high: Option<u16>,
}

impl Key {
    /// Begins a key; `kept` is false inside containers in which nothing is wanted.
    pub(super) fn begin(&mut self, kept: bool) {
        self.bytes.clear();
        self.kept = kept;
        self.high = None;
    }

    /// Adds text, if it belongs to a key that is kept.
    #[inline]
    pub(super) fn push(&mut self, key: bool, text: &[u8]) {
        if key && self.kept && !text.is_empty() {
            self.append(text);
        }
    }

    fn append(&mut self, text: &[u8]) {
        self.kept = self.high.is_none() && self.bytes.len() + text.len() <= LONGEST;
        if self.kept {
            self.bytes.extend_from_slice(text);
        }
    }

    /// Adds a UTF-16 unit from a `\u` escape. A key with an unpaired surrogate matches nothing.
    pub(super) fn push_unit(&mut self, key: bool, unit: u16) {
        if !(key && self.kept) {
            return;
        }
        match (self.high.take(), unit) {
            (None, 0xd800..=0xdbff) => self.high = Some(unit),
            (high, _) => {
                let decoded = char::decode_utf16(high.into_iter().chain([unit])).next();
                match decoded {
                    Some(Ok(character)) => self.push(key, character.encode_utf8(&mut [0; 4]).as_bytes()),
                    _ => self.kept = false,
                }
            }
        }
    }

    /// Returns the key; `None` when it was not kept or is too long to be wanted.
    pub(super) fn as_bytes(&self) -> Option<&[u8]> {
        (self.kept && self.high.is_none()).then_some(self.bytes.as_slice())
    }
}
