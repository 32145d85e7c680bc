//! Sends the body of a request on a stream, while it is made.

use std::future::poll_fn;

use bytes::Bytes;
use h2::SendStream;

use crate::link::Streamed;
use harness_base::clock::Mono;

/// Sends a body at its rate, or as fast as the windows of the peer allow. Ends early if the peer has ended the stream.
pub(super) async fn send(mut stream: SendStream<Bytes>, body: &Streamed) -> Result<(), h2::Error> {
    let (begun, mut at) = (Mono::now(), 0);
    loop {
        let part = body.shared(at);
        if part.is_empty() {
            // A body without a byte; otherwise the last part ends the stream.
            return stream.send_data(part, true);
        }
        let due = body.due(at, begun);
        if due > Mono::now() {
            tokio::time::sleep(due.remaining().duration()).await;
        }
        stream.reserve_capacity(part.len());
        let Some(room) = poll_fn(|cx| stream.poll_capacity(cx)).await else { return Ok(()) };
        let part = part.slice(..room?.min(part.len()));
        at += part.len();
        let is_last = body.shared(at).is_empty();
        stream.send_data(part, is_last)?;
        if is_last {
            return Ok(());
        }
    }
}
