//! A hub that listens, and who knocks at it.

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::support::{Commands, control};
use crate::frame::{self, FrameReader, text};
use crate::hello::{About, Hello, LONGEST_HELLO, PROTOCOL, Refusal, Reply, Role};
use crate::hub::serve;
use crate::order::{HubEvent, HubOrder, RefusedPeer};
use crate::secret::HubSecret;
use crate::tls::{connect, connector};
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_load::Streams;

/// The program that the hub and its peers have.
pub(super) const BINARY: &str = "ab12";

/// A hub that listens, and what control reads of it.
pub(super) struct Listening {
    pub(super) way: Way,
    pub(super) streams: Streams,
}

/// How a hub is reached.
pub(super) struct Way {
    pub(super) secret: HubSecret,
    pub(super) address: SocketAddr,
}

impl Listening {
    /// Starts a hub for a control whose clock is so far ahead; absent if it is the same clock.
    pub(super) async fn start(nodes: u64, wait: Nanos, ahead_ns: Option<i64>) -> Self {
        let secret = HubSecret::generate().unwrap();
        let (mut streams, commands, answers): (Streams, Commands, _) = control();
        tokio::spawn(async move { serve(BINARY, commands, answers).await });
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let now = ahead_ns.map(|ahead_ns| Mono(Mono::now().0.saturating_add_signed(ahead_ns)));
        let order = HubOrder { listen, nodes, secret: secret.text(), wait, run_id: "run".to_owned(), now };
        streams.commands.write_all(&[text(&order), b"\n".to_vec()].concat()).await.unwrap();
        let mut hub = Self { way: Way { secret, address: listen }, streams };
        let HubEvent::Listening { address } = hub.event().await else { panic!("it does not listen") };
        hub.way.address = address;
        hub
    }

    pub(super) async fn event(&mut self) -> HubEvent {
        let line = self.streams.answers.next_line().await.unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    }

    pub(super) async fn refused(&mut self, hello: &Hello) -> Refusal {
        let (_stream, reply) = self.way.knock(hello).await;
        let Reply::Refused(why) = reply else { panic!("{reply:?}") };
        let HubEvent::Refused(RefusedPeer { why: reported, .. }) = self.event().await else { panic!("not reported") };
        assert_eq!(reported, why);
        why
    }
}

impl Way {
    pub(super) fn hello(&self, name: &str) -> Hello {
        let about = About { name: name.to_owned(), cpus: 1.5, ..About::default() };
        let (token, binary) = (self.secret.token(), BINARY.to_owned());
        Hello { protocol: PROTOCOL, token, binary, role: Role::Node, about }
    }

    pub(super) async fn knock(&self, hello: &Hello) -> (TlsStream<TcpStream>, Reply) {
        let connector = connector(&self.secret.node()).unwrap();
        let stream = TcpStream::connect(self.address).await.unwrap();
        let mut stream = connect(&connector, stream).await.unwrap();
        frame::write(&mut stream, &text(hello)).await.unwrap();
        let reply = FrameReader::new(&mut stream, LONGEST_HELLO).next().await.unwrap();
        (stream, serde_json::from_slice(&reply).unwrap())
    }
}
