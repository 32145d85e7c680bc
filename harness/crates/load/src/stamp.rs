//! The stamp of an event: which event of which stream it is, and when it was written. The bundled upstream begins the data of an event with
//! it, as three words: the stream in hexadecimal digits, the number of the event from 0, and the instant in nanoseconds.

use harness_base::clock::Mono;

/// The longest stamp with the blanks around it: 16, 20 and 20 digits.
const LONGEST: usize = 60;

/// Identifies an event and the instant at which it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) stream: u64,
    pub(super) index: u64,
    pub(super) written: Mono,
}

/// The first bytes of the data of an event, which contain its stamp.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Default for Beginning {
    fn default() -> Self {
        Self { bytes: [0; LONGEST], length: 0 }
    }
}

impl Beginning {
    /// Keeps a byte, unless a stamp cannot be that long.
    pub(super) fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    /// Returns the stamp; `None` if the data do not begin with one.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        // What follows the stamp can be cut within a character.
        let text = self.bytes[..self.length].utf8_chunks().next()?.valid();
        let mut words = text.split_ascii_whitespace();
        let (stream, index, written) = (words.next()?, words.next()?, words.next()?);
        Some(Stamp {
            stream: u64::from_str_radix(stream, 16).ok()?,
            index: index.parse().ok()?,
            written: Mono(written.parse().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(data: &str) -> Option<Stamp> {
        let mut beginning = Beginning::default();
        data.bytes().for_each(|byte| beginning.push(byte));
        beginning.stamp()
    }

    #[test]
    fn the_largest_stamp_is_read_whatever_follows_it() {
        let largest = Some(Stamp { stream: u64::MAX, index: u64::MAX, written: Mono(u64::MAX) });
        let text = format!("{:016x} {} {}", u64::MAX, u64::MAX, u64::MAX);
        for more in ["", " ", " x", " ä€", &" words".repeat(100)] {
            assert_eq!(stamp(&format!(" {text}{more}")), largest, "{more}");
        }
    }

    #[test]
    fn other_data_have_none() {
        for data in ["", "{\"jsonrpc\":\"2.0\"}", "12 3", "12 -3 4", "xyz 3 4", "ff 3 99999999999999999999999999"] {
            assert_eq!(stamp(data), None, "{data}");
        }
    }
}
