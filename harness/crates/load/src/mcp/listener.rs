//! The stream of an agent on which the server can send at any time: that of a GET request in a session, or of `subscriptions/listen`.
//!
//! It has a connection of its own, which a task reads until the agent drops the listener.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::task::AbortHandle;

use super::answer::Form;
use super::facts::Listened;
use super::message::Message;
use super::stream::Events;
use super::workload::Workload;
use crate::link::{ListenError, Listening};
use crate::wire::Route;
use harness_base::clock::Mono;

/// The status of a server that offers no stream, which the protocol permits.
const METHOD_NOT_ALLOWED: u16 = 405;
const OK: u16 = 200;
/// The first message of a subscription.
const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";
/// The longest event that is read.
const LONGEST: usize = 4 << 20;

/// A stream that is open, or was refused.
pub(super) struct Listener {
    heard: Arc<Heard>,
    reader: Option<AbortHandle>,
}

/// What was read since the last time it was asked for.
#[derive(Debug, Default)]
struct Heard {
    notifications: AtomicU64,
    comments: AtomicU64,
    wrong: AtomicU64,
    ended: AtomicU64,
}

/// What became of the request for a stream.
pub(super) struct Opened {
    pub(super) listener: Listener,
    pub(super) listened: Listened,
    /// Why there is no stream, although the server did not say that it offers none.
    pub(super) failure: Option<String>,
}

impl Listener {
    /// Sends the request, and reads its answer from then on. Waits for the head of the answer until `until`.
    pub(super) async fn open(route: &Route, text: &[u8], workload: &Workload, until: Mono) -> Opened {
        let heard = Arc::<Heard>::default();
        let opened = tokio::time::timeout(until.remaining().duration(), Listening::open(route, text)).await;
        let mut listened = Listened { asked: 1, ..Listened::default() };
        let (mut reader, mut failure) = (None, None);
        match opened {
            Ok(Ok(stream)) if stream.status == METHOD_NOT_ALLOWED && workload.revision.has_sessions() => {
                listened.not_offered = 1;
            }
            Ok(Ok(stream)) if stream.status == OK && Form::of(&stream.content_type) == Form::Events => {
                listened.opened = 1;
                let reading = Reading { heard: Arc::clone(&heard), is_subscription: !workload.revision.has_sessions() };
                reader = Some(tokio::spawn(reading.run(stream)).abort_handle());
            }
            Ok(Ok(stream)) => failure = Some(format!("status {}, and no event stream", stream.status)),
            Ok(Err(error)) => {
                listened.asked = u64::from(error.was_sent());
                failure = Some(error.to_string());
            }
            Err(_) => failure = Some("no answer within the timeout".to_owned()),
        }
        listened.failed = u64::from(failure.is_some());
        Opened { listener: Self { heard, reader }, listened, failure }
    }

    /// Returns what was read since the last call.
    pub(super) fn take(&self) -> Listened {
        let take = |count: &AtomicU64| count.swap(0, Relaxed);
        let Heard { notifications, comments, wrong, ended } = &*self.heard;
        Listened {
            notifications: take(notifications),
            comments: take(comments),
            wrong: take(wrong),
            ended: take(ended),
            ..Listened::default()
        }
    }
}

impl Drop for Listener {
    /// Closes the connection, which cancels the stream.
    fn drop(&mut self) {
        if let Some(reader) = &self.reader {
            reader.abort();
        }
    }
}

/// The task that reads a stream.
struct Reading {
    heard: Arc<Heard>,
    /// Whether the stream begins with the acknowledgement of a subscription.
    is_subscription: bool,
}

impl Reading {
    async fn run(self, mut stream: Listening) {
        let (mut content, mut is_first) = (Vec::new(), true);
        loop {
            let read: Result<bool, ListenError> = stream.read(&mut content).await;
            let complete = complete(&content);
            self.hear(&content[..complete], &mut is_first);
            content.drain(..complete);
            if content.len() > LONGEST || !matches!(read, Ok(true)) {
                self.heard.wrong.fetch_add(u64::from(content.len() > LONGEST), Relaxed);
                self.heard.ended.fetch_add(1, Relaxed);
                return;
            }
        }
    }

    /// Counts events and comments.
    fn hear(&self, events: &[u8], is_first: &mut bool) {
        let comments = events.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b":")).count();
        self.heard.comments.fetch_add(comments as u64, Relaxed);
        for data in Events::of(events) {
            let is_right = self.is_right(&data, std::mem::take(is_first));
            let count = if is_right { &self.heard.notifications } else { &self.heard.wrong };
            count.fetch_add(1, Relaxed);
        }
    }

    /// Returns whether a message may come on this stream: a notification; in a session also a request of the server.
    fn is_right(&self, data: &[u8], is_first: bool) -> bool {
        let Ok(message) = serde_json::from_slice::<Message<'_>>(data) else { return false };
        let Some(method) = message.method.as_deref() else { return false };
        if !self.is_subscription {
            return true;
        }
        message.id.is_none() && (!is_first || method == ACKNOWLEDGED)
    }
}

/// Returns the length of the complete events at the beginning of a stream: up to the end of the last empty line.
fn complete(content: &[u8]) -> usize {
    let ends_line = |byte: u8| matches!(byte, b'\n' | b'\r');
    let mut end = 0;
    for at in 1..content.len() {
        let (before, byte) = (content[at - 1], content[at]);
        // A carriage return and a line feed end one line.
        let is_empty =
            ends_line(byte) && ends_line(before) && !(before == b'\r' && byte == b'\n' && !after_line(content, at - 1));
        if is_empty {
            end = at + 1;
        }
    }
    end
}

/// Returns whether the byte at `at` follows the end of a line.
fn after_line(content: &[u8], at: usize) -> bool {
    at > 0 && matches!(content[at - 1], b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(subscription: bool, parts: &[&str]) -> (u64, u64, u64) {
        let reading = Reading { heard: Arc::default(), is_subscription: subscription };
        let (mut content, mut is_first) = (Vec::new(), true);
        for part in parts {
            content.extend_from_slice(part.as_bytes());
            let complete = complete(&content);
            reading.hear(&content[..complete], &mut is_first);
            content.drain(..complete);
        }
        let count = |count: &AtomicU64| count.load(Relaxed);
        (count(&reading.heard.notifications), count(&reading.heard.comments), count(&reading.heard.wrong))
    }

    #[test]
    fn events_end_with_an_empty_line_in_any_notation() {
        for (text, expected) in
            [("a\n\nb", 3), ("a\r\n\r\nb", 5), ("a\r\rb", 3), ("a\nb", 0), ("a\r\nb", 0), ("\n\n", 2), ("", 0)]
        {
            assert_eq!(complete(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn notifications_and_comments_are_counted_and_answers_are_wrong() {
        let note = |method: &str| format!("data: {{\"jsonrpc\":\"2.0\",\"method\":\"{method}\"}}\n\n");
        let (ack, change) = (note(ACKNOWLEDGED), note("notifications/tools/list_changed"));
        let (one, two) = change.split_at(9);
        assert_eq!(heard(false, &[":\n\n", one, two, ": alive\n\n"]), (1, 2, 0));
        assert_eq!(heard(true, &[&ack, &change, ":\n\n"]), (2, 1, 0));
        assert_eq!(heard(true, &[&change, &change]), (1, 0, 1), "the acknowledgement comes first");
        let answer = "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n";
        assert_eq!(heard(false, &[answer, "data: x\n\n"]), (0, 0, 2));
        let request = "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n\n";
        assert_eq!((heard(false, &[request]), heard(true, &[&ack, request])), ((1, 0, 0), (1, 0, 1)));
    }
}
