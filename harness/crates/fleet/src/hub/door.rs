//! Accepts connections, and lets in who says hello with the right token, protocol and program.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::frame::{self, FrameReader, text};
use crate::hello::{Hello, LONGEST_HELLO, Refusal, Reply, judge};
use crate::order::RefusedPeer;
use crate::secret::Token;
use harness_base::units::Nanos;

/// A peer has this long for the handshake and its hello.
const HELLO: Nanos = Nanos::from_secs(5);

/// Connections that have not said hello, besides one for each node.
const HALF_OPEN: usize = 64;

/// The pause after a connection could not be accepted, for example because no descriptor is left.
const PAUSE: Nanos = Nanos::from_millis(100);

/// What a peer must have.
pub(super) struct Door {
    pub(super) acceptor: TlsAcceptor,
    pub(super) token: Token,
    /// The SHA-256 of the program, hexadecimal.
    pub(super) binary: String,
}

/// A peer that has said hello.
pub(super) enum Knock {
    Guest(Box<Guest>),
    /// It was told so.
    Refused(RefusedPeer),
}

/// A node that may join if there is a place for it.
pub(super) struct Guest {
    pub(super) peer: SocketAddr,
    pub(super) hello: Hello,
    pub(super) stream: TlsStream<TcpStream>,
}

impl Door {
    /// Accepts connections for as long as the future is polled.
    pub(super) async fn keep(self, listener: TcpListener, nodes: usize, knocks: UnboundedSender<Knock>) {
        let (door, half_open) = (Arc::new(self), Arc::new(Semaphore::new(HALF_OPEN.saturating_add(nodes))));
        let mut peers = JoinSet::new();
        loop {
            while peers.try_join_next().is_some() {}
            let Ok((stream, peer)) = listener.accept().await else {
                sleep(PAUSE.duration()).await;
                continue;
            };
            // Without a free place the connection is closed at once.
            let Ok(place) = Arc::clone(&half_open).try_acquire_owned() else { continue };
            let (door, knocks) = (Arc::clone(&door), knocks.clone());
            peers.spawn(async move {
                if let Ok(Some(knock)) = timeout(HELLO.duration() * 3, door.receive(stream, peer)).await {
                    drop(knocks.send(knock));
                }
                drop(place);
            });
        }
    }

    /// Receives a peer; `None` for one that does not speak TLS, and for one that has another certificate in mind.
    async fn receive(&self, stream: TcpStream, peer: SocketAddr) -> Option<Knock> {
        // Without it, small frames would wait for acknowledgements.
        stream.set_nodelay(true).ok()?;
        let mut stream = timeout(HELLO.duration(), self.acceptor.accept(stream)).await.ok()?.ok()?;
        let hello = timeout(HELLO.duration(), FrameReader::new(&mut stream, LONGEST_HELLO).next()).await;
        let judged = match hello {
            Ok(Ok(message)) => judge(&message, &self.token, &self.binary),
            Ok(Err(_)) | Err(_) => Err(Refusal::Malformed),
        };
        match judged {
            Ok(hello) => Some(Knock::Guest(Box::new(Guest { peer, hello, stream }))),
            Err(why) => {
                refuse(stream, why.clone()).await;
                Some(Knock::Refused(RefusedPeer { peer, why }))
            }
        }
    }
}

/// Sends a peer the reason why it may not join, and closes the connection.
pub(super) async fn refuse(mut stream: TlsStream<TcpStream>, why: Refusal) {
    let told = async {
        frame::write(&mut stream, &text(&Reply::Refused(why))).await?;
        stream.shutdown().await
    };
    // A peer that does not listen learns nothing.
    drop(timeout(HELLO.duration(), told).await);
}
