//! Relays one TCP connection.
//!
//! The kernel completes the handshakes of TCP on both sides without the relay, so only data, the ends of streams and resets are delayed.

use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;
use harness_base::clock::Mono;
use harness_base::timer::Timer;
use nix::sys::socket::{Shutdown, shutdown};
use tokio::net::TcpStream;

use super::counts::{Lags, count};
use super::line::{CHUNK, Line, until};
use super::queue::{Due, Item, Queue};
use super::state::Route;
use crate::server::{Socket, Stop};

/// How a direction of a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The end of the stream was passed on.
    Closed,
    /// The receiver takes nothing more. The other direction may still have something for it to be passed on.
    Broken,
    /// The sender reset the connection.
    Reset,
    /// The relay resets the connection, as its flags demand.
    Demanded,
}

/// Relays a connection until both directions have ended, or the relay stops.
pub(crate) async fn serve(socket: Socket, route: Arc<Route>, mut stop: Stop) {
    let Socket::Tcp(client) = socket else { return };
    count(&route.counts.connections);
    let server = match TcpStream::connect(route.to).await {
        Ok(server) => server,
        Err(_) => {
            count(&route.counts.refused);
            // A client cannot be refused any more after it has connected, so it is reset.
            let _ = client.set_zero_linger();
            return;
        }
    };
    // This fails on a socket that is already closed, which the relay notices when it reads.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ending = tokio::select! {
        ending = both(&client, &server, &route) => ending,
        _ = stop.changed() => Ending::Closed,
    };
    if ending == Ending::Demanded {
        count(&route.counts.reset);
    }
    if ending != Ending::Closed {
        let _ = (client.set_zero_linger(), server.set_zero_linger());
    }
}

/// Relays both directions. Returns as soon as one is reset.
async fn both(client: &TcpStream, server: &TcpStream, route: &Route) -> Ending {
    let reset_after = route.forward.reset_after();
    let carried = AtomicU64::new(0);
    let of = |line| Direction { line, lags: &route.lags, carried: &carried, reset_after };
    let mut forward = pin!(pass(client, server, of(&route.forward)));
    let mut backward = pin!(pass(server, client, of(&route.backward)));
    let (first, is_forward) = tokio::select! {
        ending = &mut forward => (ending, true),
        ending = &mut backward => (ending, false),
    };
    if matches!(first, Ending::Reset | Ending::Demanded) {
        return first;
    }
    let other = if is_forward { backward.await } else { forward.await };
    match other {
        Ending::Demanded => Ending::Demanded,
        Ending::Closed if first == Ending::Closed => Ending::Closed,
        // A side that takes nothing more has reset its connection, even if a read does not report it any more.
        _ => Ending::Reset,
    }
}

/// What one direction of a connection needs.
#[derive(Clone, Copy)]
struct Direction<'a> {
    line: &'a Line,
    lags: &'a Lags,
    /// Bytes that were written in both directions.
    carried: &'a AtomicU64,
    reset_after: Option<u64>,
}

async fn pass(from: &TcpStream, to: &TcpStream, direction: Direction<'_>) -> Ending {
    let queue = Queue::default();
    tokio::select! {
        ending = write(to, &queue, direction) => ending,
        never = read(from, &queue, direction.line) => never,
    }
}

/// Reads until the sender ends the stream, and then waits.
async fn read(from: &TcpStream, queue: &Queue, line: &Line) -> Ending {
    let (room, chunk) = (line.room(), line.chunk());
    // What arrives later departs later, whatever its jitter is.
    let mut last = Mono(0);
    let mut push = |item: Item| {
        let arrived = Mono::now();
        let bytes = if let Item::Chunk(bytes) = &item { bytes.len() } else { 0 };
        last = line.due(bytes, arrived).max(last);
        queue.push(Due { item, arrived, due: last });
    };
    loop {
        queue.room(room).await;
        match read_chunk(from, chunk).await {
            Ok(bytes) if bytes.is_empty() => break push(Item::End),
            Ok(bytes) => push(Item::Chunk(bytes)),
            Err(_) => break push(Item::Reset),
        }
    }
    std::future::pending().await
}

/// Reads what has arrived, at most `most` bytes; nothing at the end of the stream.
async fn read_chunk(from: &TcpStream, most: usize) -> io::Result<Bytes> {
    loop {
        from.readable().await?;
        match try_read(from, most) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            read => return read,
        }
    }
}

/// Reads without waiting. The buffer is on the stack, so that an idle connection has none.
fn try_read(from: &TcpStream, most: usize) -> io::Result<Bytes> {
    let mut buffer = [0; CHUNK];
    let read = from.try_read(&mut buffer[..most.min(CHUNK)])?;
    Ok(Bytes::copy_from_slice(&buffer[..read]))
}

/// Writes what is due until the end of the stream.
async fn write(to: &TcpStream, queue: &Queue, direction: Direction<'_>) -> Ending {
    let mut timer = Timer::default();
    // Until then the receiver took nothing, which is not the relay's lateness.
    let mut blocked = Mono(0);
    loop {
        let Due { item, arrived, due } = queue.next().await;
        until(&mut timer, due).await;
        let chunk = match item {
            Item::Chunk(chunk) => chunk,
            Item::End => {
                // This fails if the receiver is gone, which the other direction notices.
                let _ = shutdown(to.as_raw_fd(), Shutdown::Write);
                return Ending::Closed;
            }
            Item::Reset => return Ending::Reset,
        };
        let carried = direction.carried.fetch_add(chunk.len() as u64, Relaxed) + chunk.len() as u64;
        if direction.reset_after.is_some_and(|after| carried > after) {
            return Ending::Demanded;
        }
        let now = Mono::now();
        direction.lags.record(now.since(due.max(blocked)));
        match write_all(to, &chunk).await {
            Ok(true) => blocked = Mono::now(),
            Ok(false) => {}
            Err(_) => return Ending::Broken,
        }
        direction.line.counts.pass(chunk.len(), now.since(arrived));
        queue.passed(chunk.len());
    }
}

/// Writes a whole chunk. Returns whether it had to wait for the receiver.
async fn write_all(to: &TcpStream, chunk: &[u8]) -> io::Result<bool> {
    let (mut rest, mut waited) = (chunk, false);
    loop {
        match to.try_write(rest) {
            Ok(written) if written == rest.len() => return Ok(waited),
            Ok(written) => rest = &rest[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                waited = true;
                to.writable().await?;
            }
            Err(error) => return Err(error),
        }
    }
}
