//! Writes a request: its text, and then a body that is streamed.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

use super::Exchange;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// How many chunks of a streamed body are written in one turn of its user.
const PARTS: usize = 16;
/// How long a body waits for the interim answer 100; a server that does not send it may still want the body (RFC 9110, section 10.1.1).
const CONTINUE: Nanos = Nanos::from_secs(1);

impl<'e> Exchange<'e> {
    /// Writes what the socket takes of the request.
    pub(super) fn write<S: AsyncWrite + Unpin>(&mut self, socket: &mut S, cx: &mut Context<'_>) {
        let mut parts = 0;
        while self.broken.is_none()
            && let Some(part) = self.next_part(cx)
        {
            parts += 1;
            if parts > PARTS {
                // The other users and the answer have their turn.
                cx.waker().wake_by_ref();
                return;
            }
            // The preparation before it, which takes microseconds on an idle CPU, is not the peer's time.
            self.sent.get_or_insert_with(Mono::now);
            self.flushed = false;
            match Pin::new(&mut *socket).poll_write(cx, part) {
                Poll::Ready(Ok(length)) => self.written += length,
                Poll::Ready(Err(error)) => self.broken = Some(error),
                Poll::Pending => return,
            }
        }
        if !self.flushed && self.broken.is_none() {
            match Pin::new(&mut *socket).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.flushed = true,
                Poll::Ready(Err(error)) => self.broken = Some(error),
                Poll::Pending => {}
            }
        }
    }

    /// Returns what is to be written next; `None` at the end of the request, and while its body waits, in which case the task is woken.
    #[inline]
    fn next_part(&mut self, cx: &mut Context<'_>) -> Option<&'e [u8]> {
        let text = self.message.text;
        if self.written < text.len() {
            return Some(&text[self.written..]);
        }
        let body = self.message.body?;
        let at = self.written - text.len();
        let part = Some(body.part(at)).filter(|part| !part.is_empty())?;
        // Its first write comes before.
        let begun = self.sent?;
        if body.awaits_continue && !self.continued {
            self.continued = !self.waits_until(begun.after(CONTINUE), cx);
            return self.continued.then_some(part);
        }
        (!self.waits_until(body.due(at, begun), cx)).then_some(part)
    }

    /// Returns whether `instant` is to be waited for; then the task is woken at it, in steps of a millisecond.
    fn waits_until(&mut self, instant: Mono, cx: &mut Context<'_>) -> bool {
        if instant <= Mono::now() {
            self.pause = None;
            return false;
        }
        let begin = || Box::pin(tokio::time::sleep(instant.remaining().duration()));
        let waits = self.pause.get_or_insert_with(begin).as_mut().poll(cx).is_pending();
        if !waits {
            self.pause = None;
        }
        waits
    }

    /// Returns whether the answer says that the request succeeded, although its body was not sent to the end. A refusal may come as early.
    pub(super) fn is_early(&self) -> bool {
        self.message.body.is_some() && !self.is_sent() && (200..300).contains(&self.judge.status())
    }

    /// Returns whether the whole request has left this process.
    pub(super) fn is_sent(&self) -> bool {
        let Some(of_body) = self.written.checked_sub(self.message.text.len()) else { return false };
        self.flushed && self.message.body.is_none_or(|body| body.part(of_body).is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::super::{Answer, Deadline, Judge, Message, Reason, Streamed};
    use super::*;
    use crate::judge::Expected;
    use crate::spec::{Expect, Framing, StreamedBody};
    use harness_base::units::Bytes;

    const TEXT: &[u8] = b"POST / HTTP/1.1\r\nhost: a\r\n\r\n";
    const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    const BODY: StreamedBody = StreamedBody {
        size: Bytes(100_000),
        chunk: Bytes(10_000),
        per_second: None,
        framing: Framing::Length,
        awaits_continue: false,
    };

    /// Sends `body` to `peer` over a connection that holds few bytes. Returns the answer and whether the whole request was sent.
    async fn send<F: Future>(
        body: &StreamedBody,
        peer: impl FnOnce(DuplexStream) -> F,
    ) -> (Result<Answer, Reason>, bool, F::Output) {
        let (mut near, far) = duplex(1_000);
        let expected = Expected::new(&Expect::default()).unwrap();
        let (mut judge, mut deadline, body) = (Judge::default(), Deadline::new(), Streamed::new(body));
        let now = Mono::now();
        deadline.set(now, now.after(Nanos::from_secs(60)));
        let message = Message { text: TEXT, body: Some(&body), is_head: false, expected: &expected };
        let mut exchange = Exchange::new(message, &mut judge);
        let exchanged = poll_fn(|cx| exchange.poll(&mut near, &mut deadline, cx));
        let (answer, seen) = tokio::join!(exchanged, peer(far));
        (answer, exchange.is_sent(), seen)
    }

    async fn head(socket: &mut DuplexStream) {
        let mut head = vec![0; TEXT.len()];
        socket.read_exact(&mut head).await.unwrap();
        assert_eq!(head, TEXT);
    }

    /// Reads a body, answers it, and returns when its first and its last byte came, since the end of the head.
    async fn read_body(socket: &mut DuplexStream) -> (Nanos, Nanos) {
        let begun = Mono::now();
        let mut first = [0];
        socket.read_exact(&mut first).await.unwrap();
        let began = Mono::now().since(begun);
        let mut rest = vec![0; 99_999];
        socket.read_exact(&mut rest).await.unwrap();
        let ended = Mono::now().since(begun);
        socket.write_all(OK).await.unwrap();
        (began, ended)
    }

    #[tokio::test]
    async fn a_peer_that_takes_little_at_a_time_gets_the_whole_body() {
        let (answer, is_sent, _) = send(&BODY, |mut socket| async move {
            head(&mut socket).await;
            read_body(&mut socket).await
        })
        .await;
        assert!(answer.is_ok() && is_sent);
    }

    #[tokio::test]
    async fn a_body_at_a_rate_takes_its_time() {
        let body = StreamedBody { per_second: Some(Bytes(200_000)), ..BODY };
        let (answer, _, (began, ended)) = send(&body, |mut socket| async move {
            head(&mut socket).await;
            read_body(&mut socket).await
        })
        .await;
        answer.unwrap();
        // Nine chunks come after the first, one every 50 ms.
        let expected = Nanos::from_millis(450);
        assert!(began < Nanos::from_millis(50) && ended >= expected, "{began} to {ended}");
        assert!(ended < expected.times(10), "{ended}");
    }

    #[tokio::test]
    async fn a_body_waits_for_the_interim_answer() {
        let body = StreamedBody { awaits_continue: true, ..BODY };
        let waited = Nanos::from_millis(100);
        let (answer, is_sent, (began, _)) = send(&body, |mut socket| async move {
            head(&mut socket).await;
            let (mut ours, mut read) = (socket, [0]);
            let early = tokio::time::timeout(waited.duration(), ours.read(&mut read)).await;
            assert!(early.is_err(), "the body did not wait");
            ours.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
            read_body(&mut ours).await
        })
        .await;
        let answer = answer.unwrap();
        assert!(is_sent && began < CONTINUE, "{began}");
        let continued = answer.continued.unwrap().since(answer.sent.unwrap());
        assert!(continued >= waited && continued < waited.times(5), "{continued}");
    }

    #[tokio::test]
    async fn a_body_does_not_wait_for_long() {
        let body = StreamedBody { awaits_continue: true, ..BODY };
        let (answer, _, (began, _)) = send(&body, |mut socket| async move {
            head(&mut socket).await;
            read_body(&mut socket).await
        })
        .await;
        assert_eq!(answer.unwrap().continued, None);
        assert!(began >= CONTINUE.minus(Nanos::from_millis(100)), "{began}");
    }

    #[tokio::test]
    async fn a_success_before_the_end_of_the_body_is_an_error() {
        let (answer, _, _) = send(&BODY, |mut socket| async move {
            head(&mut socket).await;
            socket.write_all(OK).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        })
        .await;
        assert!(matches!(answer, Err(Reason::Early)), "{answer:?}");
    }

    #[tokio::test]
    async fn an_answer_may_come_before_the_end_of_the_body() {
        let (answer, is_sent, _) = send(&BODY, |mut socket| async move {
            head(&mut socket).await;
            socket.write_all(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        })
        .await;
        assert!(answer.is_ok() && !is_sent, "the connection cannot be used again");
    }
}
