//! Event streams: the answers to requests, and streams that stay open.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use hyper::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use tokio::sync::{mpsc, watch};

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

/// Answers with a stream that begins with `first` and stays open until the client closes it or `ended` is closed.
pub(super) fn open(
    first: Option<&Bytes>,
    keep_alive: Duration,
    ended: Option<watch::Receiver<()>>,
    counted: OpenStream,
) -> Reply {
    let (send, receive) = mpsc::channel(2);
    // The channel has room for it.
    let _ = send.try_send(first.map_or(Bytes::from_static(COMMENT), |message| event(message)));
    tokio::spawn(async move {
        let _counted = counted;
        let mut over = std::pin::pin!(over(ended));
        loop {
            tokio::select! {
                () = send.closed() => return,
                () = &mut over => return,
                () = tokio::time::sleep(keep_alive) => {}
            }
            // A client that does not read gets no further comments.
            let _ = send.try_send(Bytes::from_static(COMMENT));
        }
    });
    events(receive)
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
