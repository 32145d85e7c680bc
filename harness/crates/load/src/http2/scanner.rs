//! Finds the frames of HTTP/2 (RFC 9113, section 4.1) in the bytes of one direction of a connection.
//!
//! It looks at headers of frames alone and leaves their meaning to the `h2` crate, so that the parts of an answer are stamped when they
//! are read from the socket, however much else the same task has to do before the user of the stream runs.

/// The length of the header of a frame.
const HEADER: usize = 9;

/// How many of the first bytes of a payload are kept.
const KEPT: usize = 8;

const PADDED: u8 = 0x8;

/// The kinds of frames that are stamped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    Headers,
    Settings,
    GoAway,
    Continuation,
    Other,
}

/// A frame of which at least the header has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) flags: u8,
    pub(super) stream: u32,
    length: usize,
    /// The first bytes of the payload; zeros where it is shorter or has not passed.
    pub(super) begin: [u8; KEPT],
}

/// The part of a frame that has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Header,
    /// The first byte of the content of a DATA frame, without padding.
    Content,
    End,
}

#[derive(Debug)]
pub(super) struct Scanner {
    /// How many bytes precede the next frame: those of the preface.
    skip: usize,
    header: [u8; HEADER],
    /// How many bytes of the header have passed.
    known: usize,
    frame: Frame,
    /// How many bytes of the payload have passed.
    passed: usize,
}

impl Frame {
    const NONE: Self = Self { kind: Kind::Other, flags: 0, stream: 0, length: 0, begin: [0; KEPT] };

    fn new(header: [u8; HEADER]) -> Self {
        let [a, b, c, kind, flags, stream @ ..] = header;
        let kind = match kind {
            0 => Kind::Data,
            1 => Kind::Headers,
            4 => Kind::Settings,
            7 => Kind::GoAway,
            9 => Kind::Continuation,
            _ => Kind::Other,
        };
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        Self { kind, flags, stream: u32::from_be_bytes(stream) & 0x7fff_ffff, length, ..Self::NONE }
    }

    /// Returns whether it ends a head.
    pub(super) fn ends_head(&self) -> bool {
        matches!(self.kind, Kind::Headers | Kind::Continuation) && self.flags & 0x4 != 0
    }

    /// Returns whether it has the flag END_STREAM.
    pub(super) fn ends_stream(&self) -> bool {
        matches!(self.kind, Kind::Data | Kind::Headers) && self.flags & 0x1 != 0
    }

    /// Returns whether it is the first frame of a server: SETTINGS that are no acknowledgement.
    pub(super) fn is_greeting(&self) -> bool {
        self.kind == Kind::Settings && self.flags & 0x1 == 0 && self.stream == 0
    }

    /// Returns the number at `from` in the payload.
    pub(super) fn number(&self, from: usize) -> u32 {
        let bytes = self.begin.get(from..from + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_be_bytes)
    }

    /// Returns the range of the content of a DATA frame within the payload. The length of its padding must have passed.
    fn content(&self) -> std::ops::Range<usize> {
        if self.kind != Kind::Data {
            return 0..0;
        }
        if self.flags & PADDED == 0 { 0..self.length } else { 1..self.length.saturating_sub(self.begin[0].into()) }
    }
}

impl Scanner {
    /// Creates a scanner of a direction whose first `skip` bytes are no frame.
    pub(super) const fn after(skip: usize) -> Self {
        Self { skip, header: [0; HEADER], known: 0, frame: Frame::NONE, passed: 0 }
    }

    /// Scans the next bytes, and calls `seen` with each part that has passed.
    pub(super) fn scan(&mut self, mut bytes: &[u8], mut seen: impl FnMut(Part, &Frame)) {
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        bytes = &bytes[skipped..];
        while !bytes.is_empty() {
            if self.known < HEADER {
                let taken = bytes.len().min(HEADER - self.known);
                self.header[self.known..self.known + taken].copy_from_slice(&bytes[..taken]);
                self.known += taken;
                bytes = &bytes[taken..];
                if self.known < HEADER {
                    return;
                }
                (self.frame, self.passed) = (Frame::new(self.header), 0);
                seen(Part::Header, &self.frame);
            }
            bytes = self.payload(bytes, &mut seen);
        }
    }

    /// Takes the payload from the beginning of `bytes`. Returns what follows.
    fn payload<'b>(&mut self, bytes: &'b [u8], seen: &mut impl FnMut(Part, &Frame)) -> &'b [u8] {
        let taken = bytes.len().min(self.frame.length - self.passed);
        let (payload, rest) = bytes.split_at(taken);
        if self.passed < KEPT {
            let kept = taken.min(KEPT - self.passed);
            self.frame.begin[self.passed..self.passed + kept].copy_from_slice(&payload[..kept]);
        }
        let before = self.passed;
        self.passed += taken;
        let content = self.frame.content();
        if !content.is_empty() && (before..self.passed).contains(&content.start) {
            seen(Part::Content, &self.frame);
        }
        if self.passed == self.frame.length {
            self.known = 0;
            seen(Part::End, &self.frame);
        }
        rest
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::http2) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    }

    /// Scans in parts of `size` bytes. Returns what has passed with the number of bytes until then.
    fn scan(bytes: &[u8], size: usize, skip: usize) -> Vec<(Part, Kind, u32, usize)> {
        let (mut scanner, mut all, mut scanned) = (Scanner::after(skip), Vec::new(), 0);
        for part in bytes.chunks(size) {
            scanned += part.len();
            scanner.scan(part, |part, frame| all.push((part, frame.kind, frame.stream, scanned)));
        }
        all
    }

    #[test]
    fn parts_pass_with_their_last_byte_however_they_arrive() {
        use {Kind::*, Part::*};
        let preface = b"PRI".to_vec();
        let padded = frame(0, 0x8, 3, &[2, b'a', 0, 0]);
        let all =
            [preface, frame(4, 0, 0, &[]), frame(1, 0x4, 1, b"head"), frame(0, 0x1, 1, b"content"), padded].concat();
        let parts = [
            (Header, Settings, 0, 12),
            (End, Settings, 0, 12),
            (Header, Headers, 1, 21),
            (End, Headers, 1, 25),
            (Header, Data, 1, 34),
            (Content, Data, 1, 35),
            (End, Data, 1, 41),
            (Header, Data, 3, 50),
            (Content, Data, 3, 52),
            (End, Data, 3, 54),
        ];
        assert_eq!(scan(&all, 1, 3), parts);
        for size in 2..=all.len() {
            let found: Vec<_> = scan(&all, size, 3);
            let expected = parts.map(|(part, kind, stream, at)| (part, kind, stream, at.div_ceil(size) * size));
            assert_eq!(
                found,
                expected.map(|(part, kind, stream, at)| (part, kind, stream, at.min(all.len()))),
                "{size}"
            );
        }
    }

    #[test]
    fn frames_without_content_have_none() {
        for empty in
            [frame(0, 0x1, 1, &[]), frame(0, 0x9, 1, &[2, 0, 0]), frame(0, 0x8, 1, &[]), frame(0, 0x8, 1, &[9])]
        {
            assert!(scan(&empty, 1, 0).iter().all(|(part, ..)| *part != Part::Content), "{empty:?}");
        }
    }

    #[test]
    fn flags_and_numbers_are_read() {
        let mut seen = Vec::new();
        let all = [frame(7, 0, 0, &[0x80, 0, 0, 5, 0, 0, 0, 11]), frame(9, 0x4, 1, b""), frame(4, 1, 0, b"")].concat();
        Scanner::after(0).scan(&all, |part, frame| {
            if part == Part::End {
                seen.push(*frame)
            }
        });
        assert_eq!((seen[0].kind, seen[0].number(0) & 0x7fff_ffff, seen[0].number(4)), (Kind::GoAway, 5, 11));
        assert!(seen[1].ends_head() && !seen[1].ends_stream() && !seen[2].is_greeting() && !seen[0].ends_head());
    }
}
