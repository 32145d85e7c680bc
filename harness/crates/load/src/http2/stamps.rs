//! The instants at which the parts of requests and answers passed the socket of a connection.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::scanner::{Frame, Kind, Part};
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The state of a connection that the task that drives it shares with the users of its streams.
#[derive(Debug, Default)]
pub(super) struct Connection {
    /// Whether the peer ends it, so that it takes no more requests.
    ended: AtomicBool,
    /// Whether this side uses it no more.
    retired: AtomicBool,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    greeting: Option<Greeting>,
    /// When the last bytes were received.
    received: Mono,
    /// The last stream that the peer has processed, and why it ends the connection.
    go_away: Option<GoAway>,
    closed: bool,
    /// By the number of the stream, in ascending order, because streams are opened in that order.
    streams: Vec<(u32, Stream)>,
}

/// The first frame of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Greeting {
    Settings,
    /// It does not speak HTTP/2.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GoAway {
    pub(super) last_stream: u32,
    pub(super) code: u32,
}

/// The instants of one request and its answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stream {
    /// Just before its first byte was written.
    pub(super) sent: Option<Mono>,
    /// The last two heads, the later one at the end. Heads are informational ones, that of the answer, and trailers.
    pub(super) heads: [Option<Mono>; 2],
    pub(super) first_content: Option<Mono>,
    pub(super) last: Option<Mono>,
    /// When the kernel received the last bytes of the read that ended it, by the wall clock; known for a sample of the reads.
    pub(super) arrived: Option<Nanos>,
    /// Whether the head that is passing ends the answer.
    ending: bool,
}

impl Connection {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether it takes no more requests.
    pub(super) fn is_ended(&self) -> bool {
        self.ended.load(Relaxed) || self.retired.load(Relaxed)
    }

    /// Returns whether the peer ended it before this side did.
    pub(super) fn is_lost(&self) -> bool {
        self.ended.load(Relaxed) && !self.retired.load(Relaxed)
    }

    /// Records that the peer ends it.
    pub(super) fn end(&self) {
        self.ended.store(true, Relaxed);
    }

    /// Gives it no more requests. Those under way continue.
    pub(super) fn retire(&self) {
        self.retired.store(true, Relaxed);
    }

    pub(super) fn greeting(&self) -> Option<Greeting> {
        self.seen().greeting
    }

    pub(super) fn go_away(&self) -> Option<GoAway> {
        self.seen().go_away
    }

    /// Returns whether the peer has closed the socket.
    pub(super) fn is_closed(&self) -> bool {
        self.seen().closed
    }

    /// Returns whether nothing was received since `instant`.
    pub(super) fn is_silent_since(&self, instant: Mono) -> bool {
        self.seen().received < instant
    }

    /// Returns when bytes were last read from the socket. What a user takes from its stream was read then, or earlier if this side is late.
    pub(super) fn last_read(&self) -> Mono {
        self.seen().received
    }

    /// Removes and returns the instants of a stream; without any if nothing of it has passed.
    pub(super) fn take(&self, stream: u32) -> Stream {
        let streams = &mut self.seen().streams;
        let place = streams.binary_search_by_key(&stream, |(number, _)| *number);
        place.map_or_else(|_| Stream::default(), |place| streams.remove(place).1)
    }

    /// Records the end of the socket.
    pub(super) fn close(&self) {
        self.end();
        self.seen().closed = true;
    }

    /// Stamps parts of frames that were written at `at`. `scan` calls its argument with each of them.
    pub(super) fn sent(&self, at: Mono, scan: impl FnOnce(&mut dyn FnMut(Part, &Frame))) {
        let streams = &mut self.seen().streams;
        scan(&mut |part, frame| {
            if part == Part::Header && frame.kind == Kind::Headers {
                let stream = Stream { sent: Some(at), ..Stream::default() };
                match streams.binary_search_by_key(&frame.stream, |(number, _)| *number) {
                    // Trailers, which are never sent.
                    Ok(_) => {}
                    Err(place) => streams.insert(place, (frame.stream, stream)),
                }
            }
        });
    }

    /// Stamps parts of frames that were read at `at` and, if that is known, arrived at `arrived`. `scan` calls its argument with each of
    /// them.
    pub(super) fn received(
        &self,
        (at, arrived): (Mono, Option<Nanos>),
        scan: impl FnOnce(&mut dyn FnMut(Part, &Frame)),
    ) {
        let mut seen = self.seen();
        seen.received = at;
        scan(&mut |part, frame| {
            if seen.greeting.is_none() {
                seen.greeting = Some(if frame.is_greeting() { Greeting::Settings } else { Greeting::Other });
            }
            if part == Part::End && frame.kind == Kind::GoAway {
                self.end();
                let last_stream = frame.number(0) & 0x7fff_ffff;
                seen.go_away = Some(GoAway { last_stream, code: frame.number(4) });
            }
            if let Ok(place) = seen.streams.binary_search_by_key(&frame.stream, |(number, _)| *number) {
                seen.streams[place].1.received(part, frame, (at, arrived));
            }
        });
    }
}

impl Stream {
    fn received(&mut self, part: Part, frame: &Frame, (at, arrived): (Mono, Option<Nanos>)) {
        match part {
            Part::Header if frame.kind == Kind::Headers => self.ending = frame.ends_stream(),
            Part::Header => {}
            Part::Content => drop(self.first_content.get_or_insert(at)),
            Part::End => {
                if frame.ends_head() {
                    self.heads = [self.heads[1], Some(at)];
                }
                if frame.ends_head() && self.ending || frame.kind == Kind::Data && frame.ends_stream() {
                    (self.last, self.arrived) = (Some(at), arrived);
                }
            }
        }
    }
}
