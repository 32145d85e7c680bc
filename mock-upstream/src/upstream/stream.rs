//! Streams of events that say when they were written, so that a client on the same host knows how long each was under way.
//!
//! A request asks for one with the field `x-upstream-stream: events=40, interval=5ms, size=64B`, whatever its path is. The time between two
//! events, their sizes, ids and texts are drawn from the seed. The data of an event begin with three words: the stream as 16 hexadecimal digits, the
//! number of the event from 0, and the instant of the monotonic clock, in nanoseconds, at which the event was handed to the connection.

use std::convert::Infallible;
use std::fmt::Write;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use harness_base::clock::Mono;
use harness_base::timer::Timer;
use harness_base::units::Nanos;
use hyper::StatusCode;
use hyper::body::Frame;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::cancels::Cancels;
use crate::flags::{FlagError, parse_duration, parse_size};

/// The field that asks for a stream.
pub(crate) const FIELD: HeaderName = HeaderName::from_static("x-upstream-stream");

/// The most events of a stream, and the largest mean size of one in bytes.
const MOST_EVENTS: u64 = 1_000_000;
const LARGEST: usize = 1 << 20;

/// A stream that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Events of the stream.
    events: u64,
    /// The mean time from one event to the next, and from the head of the answer to the first event.
    interval: Duration,
    /// The mean number of bytes of the text after the stamp.
    size: usize,
}

/// Why a request cannot have its stream. The text is the body of the answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("{part:?} in x-upstream-stream is none of events=N, interval=SPAN and size=SIZE\n")]
    Part { part: String },
    #[error("x-upstream-stream: {0}\n")]
    Value(#[from] FlagError),
    #[error("x-upstream-stream: events={0} is not 1 to {MOST_EVENTS}\n")]
    Events(String),
    #[error("x-upstream-stream: size={0} is more than {LARGEST} bytes\n")]
    Size(usize),
}

impl Asked {
    /// Reads what the head of a request asks for; `None` if it asks for no stream.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Result<Self, Refused>> {
        let value = headers.get(FIELD)?;
        Some(Self::parse(&String::from_utf8_lossy(value.as_bytes())))
    }

    fn parse(text: &str) -> Result<Self, Refused> {
        let mut asked = Self { events: 10, interval: Duration::from_millis(10), size: 64 };
        for part in text.split(',') {
            match part.trim().split_once('=') {
                Some(("events", number)) => {
                    let events = number.parse().ok().filter(|events| (1..=MOST_EVENTS).contains(events));
                    asked.events = events.ok_or_else(|| Refused::Events(number.to_owned()))?;
                }
                Some(("interval", span)) => asked.interval = parse_duration(span)?,
                Some(("size", size)) => asked.size = parse_size(size)?,
                _ => return Err(Refused::Part { part: part.trim().to_owned() }),
            }
        }
        if asked.size > LARGEST { Err(Refused::Size(asked.size)) } else { Ok(asked) }
    }
}

impl Refused {
    /// Returns status, type and body of the answer.
    pub(crate) fn answer(&self) -> (StatusCode, HeaderValue, Bytes) {
        (StatusCode::BAD_REQUEST, HeaderValue::from_static("text/plain"), self.to_string().into())
    }
}

/// The body of a stream. Each event is made and stamped when the connection takes it, just before it is written.
pub(crate) struct Stamped {
    asked: Asked,
    random: ChaCha8Rng,
    /// Identifies the stream among those of a run.
    id: u64,
    /// The number of the next event, and when it is due.
    next: u64,
    due: Mono,
    clock: Clock,
    cancels: Arc<Cancels>,
}

/// The timer of a stream, or its wait for the next event.
enum Clock {
    Idle(Timer),
    Waiting(Pin<Box<dyn Future<Output = Timer> + Send>>),
    /// Holds the place of a timer that is being moved.
    Moved,
}

impl Stamped {
    /// Creates the stream with this number; streams with the same seed and number have the same content, except for the stamps' instants.
    pub(crate) fn new(asked: Asked, seed: u64, number: u64, cancels: Arc<Cancels>) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(number);
        let id = random.random();
        let clock = Clock::Idle(Timer::default());
        let mut stream = Self { asked, random, id, next: 0, due: Mono::now(), clock, cancels };
        stream.draw_due();
        stream
    }

    /// Returns whether all events have been taken.
    pub(crate) const fn is_over(&self) -> bool {
        self.next >= self.asked.events
    }

    /// Returns the next event when it is due.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.is_over() {
            return Poll::Ready(None);
        }
        ready!(self.poll_due(context));
        let event = self.event();
        self.next += 1;
        self.draw_due();
        Poll::Ready(Some(Ok(Frame::data(event))))
    }

    /// Waits until the next event is due. Events that are due already follow each other at once.
    fn poll_due(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.due > Mono::now() {
            let mut wait = match std::mem::replace(&mut self.clock, Clock::Moved) {
                // It may be that for an earlier event, which was taken before the wait was looked at.
                Clock::Waiting(wait) => wait,
                Clock::Idle(timer) => wait_until(timer, self.due),
                Clock::Moved => wait_until(Timer::default(), self.due),
            };
            match wait.as_mut().poll(context) {
                Poll::Ready(timer) => self.clock = Clock::Idle(timer),
                Poll::Pending => {
                    self.clock = Clock::Waiting(wait);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(())
    }

    /// Draws when the next event is due: after half to one and a half of the interval, so that streams do not run in step.
    fn draw_due(&mut self) {
        let interval = self.asked.interval.as_nanos() as f64 * self.random.random_range(0.5..1.5);
        self.due = self.due.after(Nanos(interval as u64));
    }

    /// Makes the next event: an id, the stamp, and a text of half to one and a half of the size.
    fn event(&mut self) -> Bytes {
        let size = self.asked.size;
        let length = if size == 0 { 0 } else { self.random.random_range(size / 2..=size + size / 2) };
        let letters = (0..length).map(|_| char::from(self.random.random_range(b'a'..=b'z')));
        let text: String = letters.collect();
        let id: u32 = self.random.random();
        let mut event = String::with_capacity(length + 96);
        // Writing to a String cannot fail. The stamp is the last thing that takes time.
        let _ = write!(event, "id: {id:08x}\ndata: {:016x} {} ", self.id, self.next);
        let _ = write!(event, "{} {text}\n\n", Mono::now().0);
        event.into()
    }
}

impl Drop for Stamped {
    /// Records how the stream ended. The connection drops the body of one that is not over when it notices that its client is gone.
    fn drop(&mut self) {
        if self.is_over() {
            self.cancels.finish(self.id);
        } else {
            self.cancels.record(self.id);
        }
    }
}

impl std::fmt::Debug for Stamped {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Stamped").field("id", &self.id).field("next", &self.next).finish_non_exhaustive()
    }
}

fn wait_until(mut timer: Timer, due: Mono) -> Pin<Box<dyn Future<Output = Timer> + Send>> {
    Box::pin(async move {
        timer.until(due).await;
        timer
    })
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn events(asked: Asked, number: u64) -> Vec<(Mono, String)> {
        let mut stream = Stamped::new(asked, 42, number, Arc::default());
        let mut events = Vec::new();
        loop {
            let due = stream.due;
            let Some(Ok(frame)) = poll_fn(|context| stream.poll(context)).await else { break };
            assert!(Mono::now() >= due, "event {} comes before it is due", events.len());
            events.push((Mono::now(), String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()));
        }
        assert!(stream.is_over());
        events
    }

    #[test]
    fn a_request_asks_for_a_stream_in_any_order_and_mistakes_are_named() {
        let asked = Asked { events: 3, interval: Duration::from_micros(500), size: 100 };
        assert_eq!(Asked::parse("size=100B, events=3,interval=500us").unwrap(), asked);
        let refused = |text: &str| Asked::parse(text).unwrap_err().to_string();
        assert!(refused("events=0").contains("events=0 is not 1 to"));
        assert!(refused("events=x").contains("events=x is not 1 to"));
        assert!(refused("interval=5").contains("units"), "{}", refused("interval=5"));
        assert!(refused("size=2MiB").contains("more than"));
        assert!(refused("rate=5").contains("rate=5"));
        assert!(Asked::of(&HeaderMap::new()).is_none());
    }

    #[tokio::test]
    async fn every_event_has_the_stamp_of_its_writing_and_a_seeded_text() {
        let asked = Asked { events: 8, interval: Duration::from_millis(2), size: 40 };
        let begun = Mono::now();
        let (one, again, other) = (events(asked, 1).await, events(asked, 1).await, events(asked, 2).await);
        let words = |event: &str| event.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let mut before = begun;
        for (number, (taken, event)) in one.iter().enumerate() {
            assert!(event.starts_with("id: ") && event.ends_with("\n\n"), "{event}");
            let [_, id, _, stream, index, written, text]: [String; 7] = words(event).try_into().unwrap();
            let written = Mono(written.parse().unwrap());
            assert!(before <= written && written <= *taken, "{before:?} {written:?} {taken:?}");
            assert_eq!((stream.len(), index, id.len()), (16, number.to_string(), 8));
            assert!((20..=60).contains(&text.len()), "{text}");
            let (_, twin) = &again[number];
            let twin = words(twin);
            assert_eq!((&twin[1], &twin[3], &twin[6]), (&id, &stream, &text));
            assert_ne!(words(&other[number].1)[3], stream);
            before = written;
        }
        let span = before.since(begun);
        assert!(span >= Nanos::from_millis(8), "eight events, at least 1 ms each: {span:?}");
    }

    #[tokio::test]
    async fn a_stream_that_is_dropped_before_its_end_is_recorded() {
        let (cancels, asked) = (Arc::<Cancels>::default(), Asked { events: 2, interval: Duration::ZERO, size: 0 });
        let mut whole = Stamped::new(asked, 1, 1, Arc::clone(&cancels));
        while poll_fn(|context| whole.poll(context)).await.is_some() {}
        let id = whole.id;
        drop(whole);
        let ended = cancels.take();
        assert!(ended.cancelled.is_empty() && ended.finished == [id], "{ended:?}");
        let left = Stamped::new(asked, 1, 2, Arc::clone(&cancels));
        let id = left.id;
        drop(left);
        assert_eq!(cancels.take().cancelled.iter().map(|left| left.stream).collect::<Vec<_>>(), [id]);
    }
}
