//! An agent whose hub is the test, on a host that is no pod.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};

use serde_json::json;
use tokio::io::{DuplexStream, duplex};
use tokio::task::JoinHandle;

use super::*;
use crate::frame;
use crate::message::parse;
use harness_base::units::Nanos;
use harness_rig::target::{Endpoints, HttpUrl};

/// The hub's end of an agent.
struct Hub {
    reader: FrameReader<DuplexStream>,
    agent: JoinHandle<Result<(), JoinError>>,
    orders: DuplexStream,
}

impl Hub {
    /// Starts an agent whose target never listens.
    fn start(upstream: Upstream) -> Self {
        let endpoints = Endpoints {
            proxy: HttpUrl::parse("http://127.0.0.1:1").unwrap(),
            health: None,
            ready: None,
            others: Vec::new(),
        };
        let startup = Startup::begin(endpoints, Nanos::from_millis(50), false).unwrap();
        let about = About { name: "pod-a".to_owned(), ..About::default() };
        // Two pipes, so that reading and writing need no lock.
        let ((orders, heard), (said, answers)) = (duplex(1 << 20), duplex(1 << 20));
        let stream = tokio::io::join(heard, said);
        let agent = tokio::spawn(serve(stream, Worker::new(about, startup, upstream)));
        Self { reader: FrameReader::new(answers, LARGEST_MESSAGE), agent, orders }
    }

    async fn send(&mut self, message: ToNode) {
        frame::write(&mut self.orders, &text(&message)).await.unwrap();
    }

    async fn next(&mut self) -> FromNode {
        parse(&self.reader.next().await.unwrap()).unwrap().0
    }

    async fn answer(&mut self) -> FromAgent {
        match self.next().await {
            FromNode::Agent(answer) => *answer,
            other => panic!("{other:?}"),
        }
    }

    async fn begin(&mut self) -> String {
        let order = AgentOrder { target: "no-container-has-this-id".to_owned() };
        self.send(ToNode::Agent(ToAgent::Begin { order, offset_ns: 5 })).await;
        let FromAgent::Started(started) = self.answer().await else { panic!("it did not start") };
        assert_eq!((started.about.name.as_str(), started.on_host.len()), ("pod-a", 0));
        let CameUp::Failed { message, ended: false } = started.came_up else { panic!("{:?}", started.came_up) };
        message
    }
}

/// Answers requests with a ledger whose total grows by one with each, and returns its URL.
fn ledger() -> HttpUrl {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/__upstream/ledger", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for (total, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let asked = stream.read(&mut [0; 1024]).unwrap();
            assert!(asked > 0);
            let body = format!("{{\"total\":{total}}}");
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    HttpUrl::parse(&url).unwrap()
}

fn window(number: u64, start: Mono, length: Nanos) -> ToNode {
    ToNode::Agent(ToAgent::Sample { window: number, start, end: start.after(length), offset_ns: 7_000 })
}

#[tokio::test]
async fn a_clock_is_answered_while_an_order_is_carried_out_and_a_target_is_not_invented() {
    let mut hub = Hub::start(Upstream { ledger: None, port: None });
    let order = AgentOrder { target: "no-container-has-this-id".to_owned() };
    hub.send(ToNode::Agent(ToAgent::Begin { order, offset_ns: 0 })).await;
    let sent = Mono(11);
    hub.send(ToNode::Probe { sent }).await;
    assert!(matches!(hub.next().await, FromNode::Probed { sent, .. } if sent == Mono(11)), "it waits for the target");
    assert!(matches!(hub.answer().await, FromAgent::Started(_)));
    let message = hub.begin().await;
    assert_eq!(message, "the agent has watched a startup before");
    hub.send(ToNode::End).await;
    hub.agent.await.unwrap().unwrap();
}

#[tokio::test]
async fn ledger_and_peers_of_a_window_are_there_without_a_target() {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = upstream.local_addr().unwrap();
    let _peer = (TcpStream::connect(address).unwrap(), upstream.accept().unwrap());
    let mut hub = Hub::start(Upstream { ledger: Some(ledger()), port: Some(address.port()) });
    let start = Mono::now().after(Nanos::from_millis(30));
    // The first window is given up for the second one.
    hub.send(window(1, start, Nanos::from_secs(600))).await;
    hub.send(window(2, start, Nanos::from_millis(60))).await;
    hub.send(ToNode::Agent(ToAgent::Finish { window: 1 })).await;
    hub.send(ToNode::Agent(ToAgent::Finish { window: 2 })).await;
    let FromAgent::Sampled { window, sampled } = hub.answer().await else { panic!("it did not sample") };
    let sampled = *sampled;
    assert_eq!((window, sampled.clock_offset_ns, sampled.target_ended), (2, 7_000, true));
    assert_eq!((sampled.before, sampled.after), (Some(json!({"total": 1})), Some(json!({"total": 2}))));
    assert_eq!(sampled.peers, [IpAddr::from([127, 0, 0, 1])]);
    assert!(sampled.readings.0.is_empty());
    hub.send(ToNode::End).await;
    hub.agent.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_agent_without_its_hub_ends() {
    let Hub { reader, agent, orders } = Hub::start(Upstream { ledger: None, port: None });
    drop((reader, orders));
    assert!(matches!(agent.await.unwrap(), Err(JoinError::Lost(_))));
}
