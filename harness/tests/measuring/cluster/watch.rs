//! Watches: one line for each change, until the time is over, the client leaves, or the stand-in cuts them.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, StreamBody};
use hyper::Response;
use hyper::body::{Bytes, Frame};
use hyper::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::answers::Body;
use super::request::{Asked, Selector};
use super::shared::Shared;
use super::store::Kind;

struct Watch {
    shared: Arc<Shared>,
    kind: Kind,
    selector: Selector,
    /// The version up to which everything is in the queue or was sent.
    seen: u64,
    queue: VecDeque<Value>,
    sent: usize,
    is_cut: bool,
    until: Instant,
    news: tokio::sync::watch::Receiver<u64>,
}

/// Answers a watch. Without a version, or with version 0, it begins with the objects that exist.
pub(super) fn answer(shared: &Arc<Shared>, kind: Kind, selector: Selector, asked: &Asked) -> Response<Body> {
    let number = |key: &str| asked.query.get(key).and_then(|value| value.parse::<u64>().ok());
    let news = shared.news();
    let (queue, seen) = match number("resourceVersion") {
        Some(version) if version > 0 => (VecDeque::new(), version),
        _ => shared.with(|store| {
            let all = store.list(kind, &selector).into_iter();
            (all.map(|object| json!({ "type": "ADDED", "object": object })).collect(), store.version())
        }),
    };
    let until = Instant::now() + Duration::from_secs(number("timeoutSeconds").unwrap_or(1800));
    let (shared, sent, is_cut) = (Arc::clone(shared), 0, false);
    let watch = Watch { shared, kind, selector, seen, queue, sent, is_cut, until, news };
    let lines = futures_util::stream::unfold(watch, |mut watch| async move {
        let line = watch.next().await?;
        Some((line.map(|line| Frame::data(Bytes::from(format!("{line}\n")))), watch))
    });
    Response::builder().header(CONTENT_TYPE, "application/json").body(StreamBody::new(lines).boxed_unsync()).unwrap()
}

impl Watch {
    async fn next(&mut self) -> Option<io::Result<Value>> {
        loop {
            if self.is_cut {
                return None;
            }
            if self.shared.faults.cut_watch_after.is_some_and(|events| self.sent >= events) {
                self.is_cut = true;
                return Some(Err(io::Error::other("the stand-in cuts this watch")));
            }
            if let Some(line) = self.queue.pop_front() {
                self.sent += 1;
                return Some(Ok(line));
            }
            self.news.borrow_and_update();
            let (lines, seen) =
                self.shared.with(|store| (store.since(self.seen, self.kind, &self.selector), store.version()));
            (self.queue, self.seen) = (lines.into(), seen);
            if self.queue.is_empty() {
                // The end of the time, or of the stand-in.
                tokio::time::timeout_at(self.until, self.news.changed()).await.ok()?.ok()?;
            }
        }
    }
}
