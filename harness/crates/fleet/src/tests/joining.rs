//! Who may join a hub, over TCP and TLS.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::listening::{BINARY, Listening};
use super::support::{Fake, control};
use crate::frame::text;
use crate::hello::{Hello, PROTOCOL, Refusal, Reply, Role, Welcome};
use crate::hub::serve;
use crate::order::{HubEvent, HubOrder, RefusedPeer};
use crate::secret::HubSecret;
use crate::tls::{ConnectError, connect, connector};
use harness_base::units::Nanos;

#[tokio::test]
async fn another_protocol_token_or_program_is_refused_by_name() {
    let mut hub = Listening::start(2, Nanos::from_secs(60), None).await;
    let fine = hub.way.hello("a");
    let old = Hello { protocol: PROTOCOL + 1, ..fine.clone() };
    assert_eq!(hub.refused(&old).await, Refusal::Protocol { node: PROTOCOL + 1, hub: PROTOCOL });
    let program = Hello { binary: "cd34".to_owned(), ..fine.clone() };
    let why = Refusal::Binary { node: "cd34".to_owned(), hub: BINARY.to_owned() };
    assert_eq!(hub.refused(&program).await, why);
    let stranger = Hello { token: HubSecret::generate().unwrap().token(), ..fine.clone() };
    assert_eq!(hub.refused(&stranger).await, Refusal::Token);

    let wrong = connector(&HubSecret::generate().unwrap().node()).unwrap();
    let refused = connect(&wrong, TcpStream::connect(hub.way.address).await.unwrap()).await;
    assert!(matches!(refused, Err(ConnectError::Certificate)));

    // An agent has nothing to watch before the fleet is complete.
    let agent = Hello { role: Role::Agent, ..fine.clone() };
    assert_eq!(hub.refused(&agent).await, Refusal::Full);

    let (mut stream, reply) = hub.way.knock(&fine).await;
    assert_eq!(reply, Reply::Welcome(Welcome { index: 0, of: 2 }));
    assert!(matches!(hub.event().await, HubEvent::Joined(node) if node.name == "a" && node.cpus == 1.5));
    // A node that leaves before the fleet is complete frees its place.
    stream.shutdown().await.unwrap();
    drop(stream);
    assert!(matches!(hub.event().await, HubEvent::Left { index: 0, .. }));

    for (index, name) in ["b", "c"].into_iter().enumerate() {
        let (stream, reply) = hub.way.knock(&hub.way.hello(name)).await;
        assert_eq!(reply, Reply::Welcome(Welcome { index: index as u64, of: 2 }));
        assert!(matches!(hub.event().await, HubEvent::Joined(node) if node.address == "127.0.0.1"));
        tokio::spawn(Fake::default().serve(stream));
    }
    let HubEvent::Assembled { nodes } = hub.event().await else { panic!("it is not complete") };
    assert_eq!(nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(), ["b", "c"]);
    let (_stream, reply) = hub.way.knock(&fine).await;
    assert_eq!(reply, Reply::Refused(Refusal::Full));
}

#[tokio::test]
async fn what_is_no_hello_is_refused_and_too_few_nodes_are_reported() {
    let mut hub = Listening::start(2, Nanos::from_secs(2), None).await;
    let node = connector(&hub.way.secret.node()).unwrap();
    let mut stream = connect(&node, TcpStream::connect(hub.way.address).await.unwrap()).await.unwrap();
    // A frame that claims to be as long as no frame is.
    stream.write_all(&[0xff; 8]).await.unwrap();
    stream.flush().await.unwrap();
    let HubEvent::Refused(RefusedPeer { why, .. }) = hub.event().await else { panic!("not reported") };
    assert_eq!(why, Refusal::Malformed);
    let (_stream, _) = hub.way.knock(&hub.way.hello("a")).await;
    assert!(matches!(hub.event().await, HubEvent::Joined(_)));
    let HubEvent::TooFew { joined, wanted, refused, waited } = hub.event().await else { panic!("it still waits") };
    assert_eq!((joined, wanted, refused.len()), (1, 2, 1));
    assert!(waited >= Nanos::from_secs(2));
}

#[tokio::test]
async fn an_order_that_cannot_be_carried_out_is_reported() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let secret = HubSecret::generate().unwrap();
    let listen = taken.local_addr().unwrap();
    let order = |nodes, secret: &str| HubOrder {
        listen,
        nodes,
        secret: secret.to_owned(),
        wait: Nanos::from_secs(1),
        run_id: String::new(),
        now: None,
    };
    for (order, said) in [
        (order(1, &secret.text()), "cannot listen at 127.0.0.1"),
        (order(0, &secret.text()), "a fleet of 0 nodes"),
        (order(1, &secret.node().text()), "begins with `hub-`"),
    ] {
        let (mut streams, commands, answers) = control();
        streams.commands.write_all(&[text(&order), b"\n".to_vec()].concat()).await.unwrap();
        assert!(serve(BINARY, commands, answers).await.is_err());
        let line = streams.answers.next_line().await.unwrap().unwrap();
        let HubEvent::Failed { message } = serde_json::from_str(&line).unwrap() else { panic!("{line}") };
        assert!(message.contains(said), "{message}");
    }
}
