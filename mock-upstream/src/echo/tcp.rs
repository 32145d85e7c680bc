//! Echo over TCP, with TLS if the client begins with it.

use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use harness_base::clock::Mono;
use harness_base::units::Nanos;
use nix::sys::socket::{MsgFlags, recv};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};

use super::messages::Messages;
use super::state::{Echo, count};
use crate::clock::Sleeper;
use crate::server::{self, Socket, Stop, Wire};

/// Bytes that are read at once.
pub(super) const CHUNK: usize = 64 << 10;

/// The first byte of a TLS record that begins a handshake.
const HANDSHAKE: u8 = 0x16;

pub(super) async fn serve(socket: Socket, echo: Arc<Echo>, mut stop: Stop) {
    let first = tokio::select! {
        first = first_byte(&socket) => first,
        _ = stop.changed() => return,
    };
    let wire: Wire = match first {
        Some(HANDSHAKE) => match server::accept_tls(&echo.acceptor, socket, &mut stop).await {
            Some(stream) => Box::new(stream),
            None => return,
        },
        Some(_) => Box::new(socket),
        // A probe closes the connection without a byte.
        None => return,
    };
    count(&echo.counts.tcp_connections);
    tokio::select! {
        // The client sees how its connection ended.
        _ = echoing(wire, &echo) => {}
        _ = stop.changed() => {}
    }
}

/// Returns the first byte, which stays unread; `None` if there is none.
async fn first_byte(socket: &Socket) -> Option<u8> {
    loop {
        socket.ready(Interest::READABLE).await.ok()?;
        match socket.try_io(Interest::READABLE, || peek(socket)) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            peeked => return peeked.ok().flatten(),
        }
    }
}

fn peek(socket: &Socket) -> io::Result<Option<u8>> {
    let mut first = [0];
    let length = recv(socket.as_raw_fd(), &mut first, MsgFlags::MSG_PEEK)?;
    Ok((length > 0).then_some(first[0]))
}

async fn echoing(mut wire: Wire, echo: &Echo) -> io::Result<()> {
    let (mut read, mut out) = (vec![0; CHUNK], Vec::new());
    let (mut messages, mut sleeper) = (Messages::default(), Sleeper::default());
    loop {
        let length = wire.read(&mut read).await?;
        if length == 0 {
            return wire.shutdown().await;
        }
        let due = Mono::now().after(Nanos::of(echo.delay));
        echo.counts.bytes.fetch_add(length as u64, Relaxed);
        out.clear();
        if messages.pass(&read[..length], &mut out, || echo.next()) && !echo.delay.is_zero() {
            sleeper.sleep_until(due).await;
        }
        wire.write_all(&out).await?;
        wire.flush().await?;
    }
}
