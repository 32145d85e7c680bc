//! A hub of one agent, as the protocol wants it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use harness_base::clock::Mono;
use harness_fleet::frame::{self, FrameReader, LARGEST_MESSAGE, text};
use harness_fleet::hello::{Hello, LONGEST_HELLO, Reply, Role, Welcome};
use harness_fleet::message::{BEAT, FromNode, ToNode, parse};
use harness_fleet::pod::{AgentOrder, CameUp, FromAgent, Sampled, ToAgent, Up};
use harness_fleet::secret::{HubSecret, NODE_VARIABLE};
use harness_fleet::tls::acceptor;
use tokio::io::{AsyncRead, AsyncWrite, split};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

/// An answer of the agent comes within this time on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A hub that waits for one agent. It goes on to speak with it while the test does something else.
pub struct Hub {
    runtime: Runtime,
    secret: HubSecret,
    address: SocketAddr,
    name: UnboundedReceiver<String>,
    orders: UnboundedSender<ToNode>,
    answers: UnboundedReceiver<FromAgent>,
}

impl Hub {
    /// Listens at an address of this host that the containers reach.
    pub fn listen(at: IpAddr) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let secret = HubSecret::generate().unwrap();
        let listener = runtime.block_on(TcpListener::bind((at, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let ((tell_name, name), (orders, to_send)) = (unbounded_channel(), unbounded_channel());
        let (tell, answers) = unbounded_channel();
        let acceptor = acceptor(&secret).unwrap();
        runtime.spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = acceptor.accept(stream).await.unwrap();
            let hello = FrameReader::new(&mut stream, LONGEST_HELLO).next().await.unwrap();
            let hello: Hello = serde_json::from_slice(&hello).unwrap();
            assert_eq!(hello.role, Role::Agent);
            frame::write(&mut stream, &text(&Reply::Welcome(Welcome { index: 0, of: 1 }))).await.unwrap();
            tell_name.send(hello.about.name).unwrap();
            serve(stream, to_send, tell).await;
        });
        Self { runtime, secret, address, name, orders, answers }
    }

    /// Returns the options of the engine that give an agent its secret.
    pub fn variables(&self) -> [String; 2] {
        ["--env".to_owned(), format!("{NODE_VARIABLE}={}", self.secret.node().text())]
    }

    /// Returns the arguments of an agent beside the sidecar of these tests.
    pub fn agent(&self, more: &[&str]) -> Vec<String> {
        let hub = self.address.to_string();
        let fixed = ["__agent", "--hub", &hub, "--name", "pod-a", "--proxy", "http://127.0.0.1:8080"];
        let health = ["--health", "http://127.0.0.1:8081/health", "--deadline", "10s", "--wait", "30s"];
        fixed.iter().chain(&health).chain(more).map(|argument| (*argument).to_owned()).collect()
    }

    /// Waits until the agent has joined.
    pub fn welcome(&mut self) {
        assert_eq!(wait(&self.runtime, &mut self.name), "pod-a");
    }

    /// Orders it to wait for the target in this container. Returns how it came up, or why not.
    pub fn begin(&mut self, container: &str) -> Result<Up, String> {
        let order = AgentOrder { target: container.to_owned() };
        self.send(ToNode::Agent(ToAgent::Begin { order, offset_ns: 0 }));
        let answer = wait(&self.runtime, &mut self.answers);
        let FromAgent::Started(started) = answer else { panic!("it answers another order: {answer:?}") };
        match started.came_up {
            CameUp::Up(up) => Ok(*up),
            CameUp::Failed { message, .. } => Err(message),
        }
    }

    /// Orders it to sample a window.
    pub fn sample(&self, start: Mono, end: Mono) {
        self.send(ToNode::Agent(ToAgent::Sample { window: 1, start, end, offset_ns: 0 }));
    }

    /// Ends the window, and returns what the agent saw in it.
    pub fn sampled(&mut self) -> Sampled {
        self.send(ToNode::Agent(ToAgent::Finish { window: 1 }));
        let answer = wait(&self.runtime, &mut self.answers);
        let FromAgent::Sampled { sampled, .. } = answer else { panic!("it answers another order: {answer:?}") };
        *sampled
    }

    /// Ends the agent.
    pub fn end(&self) {
        self.send(ToNode::End);
    }

    fn send(&self, order: ToNode) {
        self.orders.send(order).unwrap();
    }
}

fn wait<T>(runtime: &Runtime, from: &mut UnboundedReceiver<T>) -> T {
    runtime.block_on(async { timeout(PATIENCE, from.recv()).await.expect("an answer").expect("an agent") })
}

/// Passes orders and answers on, and shows the agent that the hub lives.
async fn serve<S>(stream: S, mut orders: UnboundedReceiver<ToNode>, answers: UnboundedSender<FromAgent>)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (read, mut write) = split(stream);
    tokio::spawn(async move {
        let mut reader = FrameReader::new(read, LARGEST_MESSAGE);
        while let Ok(message) = reader.next().await {
            if let FromNode::Agent(answer) = parse(&message).unwrap().0 {
                let _over = answers.send(*answer);
            }
        }
    });
    loop {
        let next = timeout(BEAT.duration(), orders.recv()).await;
        let message = match next {
            Ok(Some(order)) => order,
            Ok(None) => return,
            Err(_) => ToNode::Probe { sent: Mono::now() },
        };
        if frame::write(&mut write, &text(&message)).await.is_err() {
            return;
        }
    }
}
