//! Simulates clients that send continuously and read very slowly, like slowhttptest's slow read: a small receive
//! window, pipelined requests, a few bytes per read.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::Span;
use crate::stages::faults::facts::{FaultKind, FaultRecord};
use harness_base::clock::Mono;

const PAUSE: Duration = Duration::from_millis(50);

/// Bytes per read.
const SIP: usize = 64;

/// Largest amount that is sent over one connection; a target that keeps accepting requests must store all answers.
const MOST: usize = 4 << 20;

/// Size of the receive buffer: the smallest that the kernel allows.
const WINDOW: u32 = 1024;

/// Segment size, as on a network: on loopback the kernel would buffer megabytes of answers per connection, and the
/// target would never have to wait.
const SEGMENT: u32 = 536;

/// Runs `readers` clients for `span`, which send `request` continuously and read very slowly.
pub(super) async fn read_slowly(address: SocketAddr, request: Vec<u8>, readers: u64, span: Span) -> FaultRecord {
    let request: Arc<[u8]> = request.into();
    tokio::time::sleep(span.from.remaining().duration()).await;
    let began = Mono::now();
    let mut clients = JoinSet::new();
    for _ in 0..readers {
        clients.spawn(client(address, Arc::clone(&request), span.until));
    }
    let answered = clients.join_all().await.into_iter().filter(|answered| *answered).count();
    let since = |at: Mono| at.since(span.start).0;
    FaultRecord {
        kind: FaultKind::SlowReaders,
        began_ns: since(began),
        ended_ns: Some(since(Mono::now())),
        made: Some(answered as u64),
        exit: None,
        streams: None,
    }
}

/// Runs one client until `until`, and returns whether it received an answer. A connection that the target closes is
/// opened again.
async fn client(address: SocketAddr, request: Arc<[u8]>, until: Mono) -> bool {
    let mut answered = false;
    while until.remaining().0 > 0 {
        if let Ok(Ok(stream)) = tokio::time::timeout(until.remaining().duration(), connect(address)).await {
            answered |= sip(&stream, &request, until).await;
        }
        tokio::time::sleep(PAUSE.min(until.remaining().duration())).await;
    }
    answered
}

/// Opens a connection with a small receive buffer.
async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_recv_buffer_size(WINDOW)?;
    setsockopt(&socket, sockopt::TcpMaxSeg, &SEGMENT)?;
    socket.connect(address).await
}

/// Sends as much as the target accepts, reads a few bytes at a time, and returns whether anything was read.
async fn sip(stream: &TcpStream, request: &[u8], until: Mono) -> bool {
    let (mut sent, mut answered) = (0, false);
    while until.remaining().0 > 0 {
        while sent < MOST {
            match stream.try_write(&request[sent % request.len()..]) {
                Ok(written) => sent += written,
                Err(_) => break,
            }
        }
        match stream.try_read(&mut [0; SIP]) {
            Ok(0) => break,
            Ok(_) => answered = true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
        tokio::time::sleep(PAUSE.min(until.remaining().duration())).await;
    }
    answered
}
