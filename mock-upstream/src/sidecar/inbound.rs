//! The body of an answer on its way to the client: passed on as it comes, held, in groups of events, or when it is complete.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::rt::Executor;
use tokio::sync::mpsc;

use super::args::Args;
use super::events::{Events, Plan};
use super::link::Gated;
use super::state::Sidecar;
use crate::clock::Sleeper;

/// Chunks that wait for the client. One that does not read stops the upstream when the connections are full, as without flags.
const WAITING: usize = 16;

pub(crate) enum Inbound {
    Passed(Incoming),
    /// A body of the sidecar itself, or one that was buffered.
    Own(Full<Bytes>),
    /// What a task makes of the upstream's body.
    Shaped(mpsc::Receiver<hyper::Result<Bytes>>),
}

/// How bodies of answers are passed on.
#[derive(Debug, Clone, Copy)]
struct Shape {
    plan: Plan,
    /// The time from the arrival of a chunk until it is passed on.
    hold: Duration,
    /// How long the upstream's answer is read after the client has gone; absent to stop at once.
    cancel_after: Option<Duration>,
    /// Whether the answer may end before the upstream ends it.
    may_end: bool,
}

impl Shape {
    fn of(args: &Args) -> Self {
        let group = args.coalesce.map(|events| usize::try_from(events).unwrap_or(usize::MAX));
        let plan = Plan { group, lose: args.lose_event, repeat: args.repeat_event, swap: args.swap_event };
        Self { plan, hold: args.hold, cancel_after: args.cancel_after, may_end: args.stop.end_answers.is_some() }
    }

    fn is_plain(&self) -> bool {
        self.plan.is_plain() && self.hold.is_zero() && self.cancel_after.is_none() && !self.may_end
    }
}

impl Inbound {
    /// Takes over the body of an answer.
    ///
    /// # Errors
    /// Returns the error of an upstream that does not send all of a body to be buffered.
    pub(crate) async fn new(body: Incoming, sidecar: &Arc<Sidecar>) -> hyper::Result<Self> {
        let shape = Shape::of(&sidecar.args);
        if sidecar.args.buffer {
            return Ok(Self::Own(Full::new(body.collect().await?.to_bytes())));
        }
        if shape.is_plain() {
            return Ok(Self::Passed(body));
        }
        let (send, receive) = mpsc::channel(WAITING);
        let shaping = Shaping { shape, events: Events::new(shape.plan), held: VecDeque::new(), send };
        let (of_task, gated) = (Arc::clone(sidecar), Gated(Arc::clone(sidecar)));
        gated.execute(async move { shaping.run(body, &of_task).await });
        Ok(Self::Shaped(receive))
    }
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Passed(body) => Pin::new(body).poll_frame(cx),
            Self::Own(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Shaped(chunks) => chunks.poll_recv(cx).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Passed(body) => body.is_end_stream(),
            Self::Own(body) => body.is_end_stream(),
            Self::Shaped(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Passed(body) => body.size_hint(),
            Self::Own(body) => body.size_hint(),
            Self::Shaped(_) => SizeHint::default(),
        }
    }
}

/// The task that shapes one body.
struct Shaping {
    shape: Shape,
    events: Events,
    /// Chunks with the instants at which they arrived.
    held: VecDeque<(Mono, Bytes)>,
    send: mpsc::Sender<hyper::Result<Bytes>>,
}

impl Shaping {
    /// Reads the body to its end, and passes it on. Ends when the client is gone.
    async fn run(mut self, mut body: Incoming, sidecar: &Sidecar) {
        let (mut sleeper, mut is_over) = (Sleeper::default(), false);
        let mut ending = std::pin::pin!(sidecar.ending.wait());
        while !is_over || !self.held.is_empty() {
            let due = self.held.front().map(|(arrived, _)| arrived.after(Nanos::of(self.shape.hold)));
            tokio::select! {
                biased;
                () = self.send.closed() => break,
                () = &mut ending => break,
                () = sleeper.sleep_until(due.unwrap_or_default()), if due.is_some() => {
                    if self.pass_on(sidecar).await.is_err() {
                        break;
                    }
                }
                frame = body.frame(), if !is_over => match frame {
                    Some(Ok(frame)) => self.arrived(frame),
                    Some(Err(error)) => {
                        // The client sees that the answer is incomplete.
                        let _ = self.send.send(Err(error)).await;
                        break;
                    }
                    None => {
                        is_over = true;
                        let rest = self.events.finish();
                        self.held.extend(rest.map(|rest| (Mono::now(), rest)));
                    }
                },
            }
        }
        sidecar.truth.events.fetch_add(self.events.count(), Relaxed);
        if let Some(span) = self.shape.cancel_after.filter(|_| !is_over) {
            read_on(body, span).await;
        }
    }

    /// Takes a frame of the body.
    fn arrived(&mut self, frame: Frame<Bytes>) {
        let at = Mono::now();
        // Trailers are not passed on.
        let Ok(data) = frame.into_data() else { return };
        let chunks = if self.shape.plan.is_plain() { vec![data] } else { self.events.feed(&data) };
        self.held.extend(chunks.into_iter().map(|chunk| (at, chunk)));
    }

    /// Passes the first chunk on. Fails if the client is gone.
    async fn pass_on(&mut self, sidecar: &Sidecar) -> Result<(), ()> {
        let Some((arrived, chunk)) = self.held.pop_front() else { return Ok(()) };
        if !self.shape.hold.is_zero() {
            sidecar.truth.held.record(Mono::now().since(arrived));
        }
        self.send.send(Ok(chunk)).await.map_err(drop)
    }
}

/// Reads a body for `span`, or to its end.
async fn read_on(mut body: Incoming, span: Duration) {
    let mut sleeper = Sleeper::default();
    let mut over = std::pin::pin!(sleeper.sleep(span));
    loop {
        tokio::select! {
            _ = &mut over => return,
            frame = body.frame() => if !matches!(frame, Some(Ok(_))) {
                return;
            },
        }
    }
}
