//! The streams that the bundled upstream is asked for.

use crate::spec::{Expect, Request};
use harness_base::units::{Bytes, Nanos};

/// The field of a request by which the bundled upstream answers with a stream.
const FIELD: &str = "x-upstream-stream";

/// A kind of streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskedStream {
    /// Events of each stream.
    pub events: u64,
    /// Mean time from one event to the next; each is drawn from half to one and a half of it.
    pub interval: Nanos,
    /// Mean size of the text of an event.
    pub size: Bytes,
    /// Events after which the generator leaves the stream; absent if it reads it to its end.
    pub leave_after: Option<u64>,
}

impl AskedStream {
    /// Returns how long a stream takes on average.
    pub const fn length(&self) -> Nanos {
        self.interval.times(self.events)
    }

    /// Makes a request ask for a stream instead of the answer of its path, and wait for its end.
    pub fn ask(&self, request: &mut Request) {
        let Self { events, interval, size, leave_after } = *self;
        request
            .headers
            .push((FIELD.to_owned(), format!("events={events}, interval={}ns, size={}B", interval.0, size.0)));
        let Expect { status, headers, upstream_hits, .. } = std::mem::take(&mut request.expect);
        let stamped = Some(events);
        request.expect = Expect { status, headers, upstream_hits, stamped, leave_after, ..Expect::default() };
        // Each time between two events is at most one and a half of the interval.
        request.timeout = request.timeout.plus(self.length().times(3));
    }
}
