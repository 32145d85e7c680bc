//! Finds the messages in the bytes of a connection or stream.
//!
//! A message begins with [`MAGIC`], its whole length as a number of 32 bits and a number of 64 bits, both in little endian. Bytes of clients that send
//! something else are sent back as they are.

use super::state::Fate;

/// The first bytes of a message. They begin no record of TLS.
const MAGIC: [u8; 4] = *b"Echo";
/// The length of magic, length and number.
const HEADER: usize = 16;

/// Where in the messages of one connection or stream the next byte is.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    /// The beginning of a header, which is held back until it is complete.
    header: Vec<u8>,
    /// Bytes of the present message that have not arrived.
    left: usize,
    fate: Option<Fate>,
    /// Whether the client sends no messages.
    is_foreign: bool,
}

impl Messages {
    /// Writes what is sent back of `input` into `out`. Asks `next` what becomes of each message that begins. Returns whether one began.
    pub(crate) fn pass(&mut self, mut input: &[u8], out: &mut Vec<u8>, mut next: impl FnMut() -> Fate) -> bool {
        let mut began = false;
        while !input.is_empty() {
            if self.is_foreign {
                out.extend_from_slice(input);
                return began;
            }
            let at_header = self.left == 0;
            let wanted = if at_header { HEADER - self.header.len() } else { self.left };
            let (part, rest) = input.split_at(wanted.min(input.len()));
            input = rest;
            if at_header {
                began |= self.begin(part, out, &mut next);
            } else {
                self.left -= part.len();
                self.send(part, out);
            }
        }
        began
    }

    /// Takes a part of a header. Returns whether it is complete.
    fn begin(&mut self, part: &[u8], out: &mut Vec<u8>, next: &mut impl FnMut() -> Fate) -> bool {
        self.header.extend_from_slice(part);
        let known = self.header.len().min(MAGIC.len());
        if self.header[..known] != MAGIC[..known] {
            self.is_foreign = true;
            out.append(&mut self.header);
            return false;
        }
        if self.header.len() < HEADER {
            return false;
        }
        let header = std::mem::take(&mut self.header);
        let length = header.get(4..8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
        self.left = (length as usize).saturating_sub(HEADER);
        self.fate = Some(next());
        self.send(&header, out);
        true
    }

    /// Sends back a part of the present message, as its fate has it.
    fn send(&self, part: &[u8], out: &mut Vec<u8>) {
        match self.fate {
            Some(Fate::Swallowed) => {}
            Some(Fate::Corrupted) if self.left == 0 => {
                out.extend_from_slice(part);
                if let Some(last) = out.last_mut() {
                    *last ^= 0xff;
                }
            }
            _ => out.extend_from_slice(part),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: usize) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(u32::try_from(length).unwrap().to_le_bytes());
        bytes.extend(7_u64.to_le_bytes());
        bytes.resize(length, b'x');
        bytes
    }

    /// Passes `input` in parts of `size` bytes.
    fn passed(input: &[u8], size: usize, fates: &[Fate]) -> (Vec<u8>, usize) {
        let (mut messages, mut out, mut fates) = (Messages::default(), Vec::new(), fates.iter().copied());
        let began =
            input.chunks(size).map(|part| messages.pass(part, &mut out, || fates.next().unwrap())).filter(|b| *b);
        let began = began.count();
        assert_eq!(fates.next(), None, "every message is asked about");
        (out, began)
    }

    #[test]
    fn messages_are_found_however_they_are_cut() {
        let input = [message(20), message(16), message(40)].concat();
        for size in 1..=input.len() {
            let (out, _) = passed(&input, size, &[Fate::Echoed; 3]);
            assert_eq!(out, input, "in parts of {size}");
            let (out, _) = passed(&input, size, &[Fate::Echoed, Fate::Swallowed, Fate::Echoed]);
            assert_eq!(out, [message(20), message(40)].concat(), "in parts of {size}");
            let (out, _) = passed(&input, size, &[Fate::Corrupted; 3]);
            let changed: Vec<usize> = (0..input.len()).filter(|at| out[*at] != input[*at]).collect();
            assert_eq!(changed, [19, 35, 75], "in parts of {size}");
        }
        assert_eq!(passed(&input, 18, &[Fate::Echoed; 3]).1, 3, "the first two parts and the third begin one each");
    }

    #[test]
    fn other_bytes_are_sent_back_as_they_are() {
        for text in [&b"hello"[..], b"E", b"Echa and more than sixteen bytes"] {
            let (out, began) = passed(text, 3, &[]);
            // The beginning of what can be a header is held back.
            assert_eq!(out, if text == b"E" { &b""[..] } else { text });
            assert_eq!(began, 0);
        }
    }
}
