//! Finds the ends of server-sent events in the body of an answer (HTML Living Standard, section 9.2.6), with the instants at which they
//! were read, and the stamps of events that say when they were written.

use super::stamp::{Beginning, Stamp};
use harness_base::clock::Mono;

/// The largest number of events of one answer whose instants are kept.
const KEPT: usize = 100_000;
/// The field that an event must have; blocks of comments and other fields are no events.
const FIELD: &[u8] = b"data";

/// The state of reading one answer after the other.
#[derive(Debug, Default)]
pub(super) struct EventScan {
    line: Line,
    /// Whether the last byte was a carriage return, which a line feed may follow.
    after_return: bool,
    /// Whether the event that is being read has data.
    has_data: bool,
    count: u64,
    ends: Vec<Mono>,
    /// Whether the stamps of the events are read.
    reads_stamps: bool,
    data: Beginning,
    /// As many as ends, if stamps are read.
    stamps: Vec<Option<Stamp>>,
}

/// What is known of the events of one answer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ReadEvents<'r> {
    /// When the end of each event was read. Events whose ends were in one read have the same instant.
    pub(super) ends: &'r [Mono],
    /// The stamp of each event, if stamps were read.
    pub(super) stamps: &'r [Option<Stamp>],
}

/// What has been read of a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Line {
    #[default]
    Empty,
    /// So many bytes, all of them as in [`FIELD`].
    Begins(usize),
    Data,
    Other,
}

impl EventScan {
    /// Begins with another answer, and reads the stamps of its events if `reads_stamps` is set.
    pub(super) fn begin(&mut self, reads_stamps: bool) {
        let (mut ends, mut stamps) = (std::mem::take(&mut self.ends), std::mem::take(&mut self.stamps));
        ends.clear();
        stamps.clear();
        *self = Self { ends, stamps, reads_stamps, ..Self::default() };
    }

    /// Reads the next part of the body, which was received at `at`.
    pub(super) fn feed(&mut self, part: &[u8], at: Mono) {
        for byte in part {
            let follows_return = std::mem::replace(&mut self.after_return, *byte == b'\r');
            match *byte {
                b'\n' if follows_return => {}
                b'\n' | b'\r' => self.end_of_line(at),
                byte => {
                    if self.reads_stamps && self.line == Line::Data {
                        self.data.push(byte);
                    }
                    self.line = self.line.then(byte);
                }
            }
        }
    }

    fn end_of_line(&mut self, at: Mono) {
        match std::mem::take(&mut self.line) {
            Line::Empty if self.has_data => {
                self.has_data = false;
                self.count += 1;
                let data = std::mem::take(&mut self.data);
                if self.ends.len() < KEPT {
                    self.ends.push(at);
                    if self.reads_stamps {
                        self.stamps.push(data.stamp());
                    }
                }
            }
            Line::Data => self.has_data = true,
            Line::Begins(length) => self.has_data |= length == FIELD.len(),
            Line::Empty | Line::Other => {}
        }
    }

    /// Returns the number of events.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// Returns what is known of the events; of the first ones, if there are very many.
    pub(super) fn read(&self) -> ReadEvents<'_> {
        ReadEvents { ends: &self.ends, stamps: &self.stamps }
    }
}

impl Line {
    fn then(self, byte: u8) -> Self {
        let length = match self {
            Self::Empty => 0,
            Self::Begins(length) => length,
            Self::Data | Self::Other => return self,
        };
        match FIELD.get(length) {
            Some(expected) if *expected == byte => Self::Begins(length + 1),
            None if byte == b':' => Self::Data,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns after how many bytes each event ended.
    fn ends(text: &str, size: usize) -> Vec<u64> {
        let mut scan = EventScan::default();
        scan.feed(b"data: of an earlier answer", Mono(0));
        scan.begin(false);
        let mut read = 0;
        for part in text.as_bytes().chunks(size.max(1)) {
            read += part.len() as u64;
            scan.feed(part, Mono(read));
        }
        assert_eq!(scan.count(), scan.ends.len() as u64);
        scan.ends.iter().map(|at| at.0).collect()
    }

    #[test]
    fn an_event_ends_with_the_empty_line_after_its_data() {
        assert_eq!(ends("data: a\n\ndata: b\n\n", 1), [9, 18]);
        assert_eq!(ends("id: 1\r\ndata: a\r\ndata: b\r\n\r\n", 1), [26]);
        assert_eq!(ends("data\r\rdata:\r\r", 1), [6, 13]);
        assert_eq!(ends(": comment\n\nid: 3\n\ndatabase: 1\n\n dat\n\n", 1), [0; 0]);
        assert_eq!(ends("data: without an end\n", 1), [0; 0]);
    }

    #[test]
    fn the_stamp_of_each_event_is_read_from_its_data() {
        let text =
            "id: 7\ndata: 00000000000000ff 3 1234567 abc\n\n: data: 1 2 3\ndata: token\n\ndata:ff 4 99 x\r\n\r\n";
        let stamp = |index, written| Some(Stamp { stream: 0xff, index, written: Mono(written) });
        for size in [1, 2, 7, text.len()] {
            let mut scan = EventScan::default();
            for reads in [true, false, true] {
                scan.begin(reads);
                text.as_bytes().chunks(size).for_each(|part| scan.feed(part, Mono(1)));
                let stamps = scan.read().stamps;
                let expected: &[_] = if reads { &[stamp(3, 1_234_567), None, stamp(4, 99)] } else { &[] };
                assert_eq!(stamps, expected, "parts of {size}");
            }
        }
    }

    proptest! {
        #[test]
        fn parts_do_not_matter(text in "(data|: ?x|id|[a:]|\r\n|\n|\r){0,40}", size in 1usize..9) {
            let whole = ends(&text, 1);
            let parts = ends(&text, size);
            prop_assert_eq!(whole.len(), parts.len());
            // A part is read at once, so the end of an event is that of its part.
            let length = text.len() as u64;
            let rounded = |end: &u64| end.div_ceil(size as u64).saturating_mul(size as u64).min(length);
            prop_assert_eq!(whole.iter().map(rounded).collect::<Vec<_>>(), parts);
        }
    }
}
