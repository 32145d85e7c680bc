//! Event streams: the answers to requests, and streams that stay open.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use hyper::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::counts::OpenStream;
use crate::clock::Sleeper;
use crate::upstream::reply::{self, Reply};

const EVENT: &[u8] = b"event: message\ndata: ";
const END: &[u8] = b"\n\n";
/// A comment, which keeps connections open that close when they are idle.
const COMMENT: &[u8] = b":\n\n";
/// Asks proxies not to hold events back.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Answers with messages, each as an event, and then ends. Waits for `every` before each but the first.
pub(super) fn answer(messages: Vec<Bytes>, every: Duration) -> Reply {
    let (send, receive) = mpsc::channel(messages.len().max(1));
    if every.is_zero() {
        for message in &messages {
            // The channel has room for all of them.
            let _ = send.try_send(event(message));
        }
        return events(receive);
    }
    tokio::spawn(async move {
        let mut sleeper = Sleeper::default();
        for (index, message) in messages.iter().enumerate() {
            if index > 0 {
                sleeper.sleep(every).await;
            }
            if send.send(event(message)).await.is_err() {
                return;
            }
        }
    });
    events(receive)
}

/// What is sent on a stream that stays open.
#[derive(Debug)]
pub(super) struct Open {
    /// The first message; a comment where absent.
    pub(super) first: Option<Bytes>,
    /// The time between two comments.
    pub(super) keep_alive: Duration,
    /// A message that is sent again and again, and the time between two of them.
    pub(super) again: Option<(Bytes, Duration)>,
}

/// Answers with a stream that stays open until the client closes it or `ended` is closed.
pub(super) fn open(open: Open, ended: Option<watch::Receiver<()>>, counted: OpenStream) -> Reply {
    let Open { first, keep_alive, again } = open;
    let (send, receive) = mpsc::channel(2);
    // The channel has room for it.
    let _ = send.try_send(first.map_or(Bytes::from_static(COMMENT), |message| event(&message)));
    tokio::spawn(async move {
        let mut over = std::pin::pin!(over(ended));
        let mut comments = every(keep_alive);
        let mut messages = again.as_ref().map(|(_, span)| every(*span));
        loop {
            let sent = tokio::select! {
                () = send.closed() => return,
                () = &mut over => return,
                _ = comments.tick() => Bytes::from_static(COMMENT),
                () = next(&mut messages) => again.as_ref().map(|(message, _)| event(message)).unwrap_or_default(),
            };
            let is_message = sent != COMMENT;
            // A client that does not read gets no more.
            if send.try_send(sent).is_ok() && is_message {
                counted.notified();
            }
        }
    });
    events(receive)
}

/// Creates a timer whose first tick comes after `span`.
fn every(span: Duration) -> Interval {
    let mut interval = tokio::time::interval_at(Instant::now() + span, span);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Waits for the next message; for ever if there is none.
async fn next(messages: &mut Option<Interval>) {
    match messages {
        Some(messages) => drop(messages.tick().await),
        None => std::future::pending().await,
    }
}

/// Resolves when the session has ended; never without a session.
async fn over(ended: Option<watch::Receiver<()>>) {
    if let Some(mut ended) = ended { while ended.changed().await.is_ok() {} } else { std::future::pending().await }
}

fn events(receive: mpsc::Receiver<Bytes>) -> Reply {
    let mut reply = reply::stream(HeaderValue::from_static("text/event-stream"), receive);
    let headers = reply.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(BUFFERING, HeaderValue::from_static("no"));
    reply
}

/// Writes a message, which has no line breaks, as an event.
fn event(message: &[u8]) -> Bytes {
    let mut text = BytesMut::with_capacity(EVENT.len() + message.len() + END.len());
    for part in [EVENT, message, END] {
        text.put_slice(part);
    }
    text.freeze()
}
