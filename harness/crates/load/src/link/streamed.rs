//! A body that is made while it is sent: chunks of the same random bytes, as fast as the peer takes them or at a rate.

use bytes::Bytes;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::spec::{Framing, StreamedBody};
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The bytes of the body on the wire: the same chunk with its framing, then a shorter one, then the end.
pub(crate) struct Streamed {
    chunk: Bytes,
    chunks: usize,
    /// The bytes after the whole chunks.
    rest: Bytes,
    /// The time from one chunk to the next; absent without a rate.
    period: Option<Nanos>,
    /// Whether it waits for the interim answer 100.
    pub(super) awaits_continue: bool,
}

impl Streamed {
    /// Makes the chunks of `body`. Their bytes are random, so that compression does not shorten them, and the same in every run.
    pub(crate) fn new(body: &StreamedBody) -> Self {
        let length = usize::try_from(body.chunk.0.max(1)).unwrap_or(usize::MAX);
        let mut data = vec![0; length];
        ChaCha8Rng::seed_from_u64(0).fill_bytes(&mut data);
        let last = usize::try_from(body.size.0 % length as u64).unwrap_or_default();
        let mut rest = framed(&data[..last], body.framing);
        if body.framing == Framing::Chunked {
            rest.extend_from_slice(b"0\r\n\r\n");
        }
        Self {
            chunk: framed(&data, body.framing).into(),
            chunks: usize::try_from(body.size.0 / length as u64).unwrap_or(usize::MAX),
            rest: rest.into(),
            period: body.per_second.map(|rate| Nanos((length as f64 / rate.0.max(1) as f64 * 1e9) as u64)),
            awaits_continue: body.awaits_continue,
        }
    }

    /// Returns the bytes from position `at` to the end of their chunk; none at the end of the body.
    pub(super) fn part(&self, at: usize) -> &[u8] {
        let (number, within) = (at / self.chunk.len(), at % self.chunk.len());
        if number < self.chunks {
            &self.chunk[within..]
        } else {
            self.rest.get(at - self.chunks * self.chunk.len()..).unwrap_or_default()
        }
    }

    /// Returns the same bytes as [`Streamed::part`] without copying them.
    pub(crate) fn shared(&self, at: usize) -> Bytes {
        let part = self.part(at);
        let whole = if at / self.chunk.len() < self.chunks { &self.chunk } else { &self.rest };
        whole.slice_ref(part)
    }

    /// Returns when the byte at position `at` may be sent, if the first was sent at `begun`.
    pub(crate) fn due(&self, at: usize, begun: Mono) -> Mono {
        let number = (at / self.chunk.len()).min(self.chunks);
        self.period.map_or(begun, |period| begun.after(period.times(number as u64)))
    }
}

/// Returns a chunk as it is sent; nothing for an empty one, which would be the end of the body.
fn framed(data: &[u8], framing: Framing) -> Vec<u8> {
    match framing {
        Framing::Chunked if data.is_empty() => Vec::new(),
        Framing::Chunked => [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat(),
        Framing::Length => data.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use harness_base::units;
    use proptest::prelude::*;

    use super::*;

    fn body(size: u64, chunk: u64, framing: Framing) -> StreamedBody {
        StreamedBody {
            size: units::Bytes(size),
            chunk: units::Bytes(chunk),
            per_second: None,
            framing,
            awaits_continue: false,
        }
    }

    fn whole(body: &StreamedBody) -> Vec<u8> {
        let (streamed, mut sent) = (Streamed::new(body), Vec::new());
        while let part @ [_, ..] = streamed.part(sent.len()) {
            sent.extend_from_slice(part);
        }
        sent
    }

    proptest! {
        #[test]
        fn both_framings_carry_the_same_bytes(size in 0u64..5_000, chunk in 1u64..600) {
            let plain = whole(&body(size, chunk, Framing::Length));
            prop_assert_eq!(plain.len() as u64, size);
            let sent = whole(&body(size, chunk, Framing::Chunked));
            let (mut rest, mut read) = (sent.as_slice(), Vec::new());
            loop {
                let end = rest.iter().position(|byte| *byte == b'\r').unwrap();
                let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
                let (data, after) = rest[end + 2..].split_at(length);
                read.extend_from_slice(data);
                rest = after.strip_prefix(b"\r\n").unwrap();
                if length == 0 {
                    break;
                }
            }
            prop_assert!(rest.is_empty());
            prop_assert_eq!(read, plain);
        }
    }

    #[test]
    fn a_rate_spaces_the_chunks() {
        let body = StreamedBody { per_second: Some(units::Bytes(1_000)), ..body(350, 100, Framing::Length) };
        let (streamed, begun) = (Streamed::new(&body), Mono(5));
        let due = |at| streamed.due(at, begun).since(begun).as_millis_f64();
        assert_eq!([0, 99, 100, 250, 300, 349].map(due), [0.0, 0.0, 100.0, 200.0, 300.0, 300.0]);
    }
}
