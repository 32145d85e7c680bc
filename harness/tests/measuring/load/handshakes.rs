//! Handshakes of connections that are closed after a number of requests: full and resumed, late and failed, with our server and OpenSSL's.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use harness_base::units::Nanos;
use harness_load::spec::{Body, Request, Tls};
use harness_load::{ArmAddress, Job};
use harness_rig::target::Ports;
use harness_rig::target::certificates::Certificates;

use super::lifetimes::{connections, listen, lives};
use super::{Arm, CLOSED, Load, launch, open_loop, order, request};
use crate::alone;
use crate::support::{Scratch, recovered};

/// A server that speaks TLS, with certificates of its own.
struct TlsServer {
    child: Child,
    address: SocketAddr,
    authority: String,
    _files: Scratch,
}

impl TlsServer {
    /// Starts the bundled upstream.
    fn start() -> Self {
        let files = Scratch::new();
        let certificates = Certificates::new(&files.0, None);
        let authority = certificates.made().unwrap().authority.clone();
        let mut child = Command::new(env!("CARGO_BIN_EXE_harness"))
            .args(["__upstream", "--listen", "127.0.0.1:0", "--announce", "--tls-cert"])
            .arg(files.0.join("cert.pem"))
            .arg("--tls-key")
            .arg(files.0.join("cert.pem.key"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening ").unwrap().parse().unwrap();
        Self { child, address, authority, _files: files }
    }

    /// Starts a load child that reaches it at `address`.
    async fn load(&self, address: SocketAddr, connections: u64, resumption: bool) -> Load {
        self.load_with(request("one", 1, "/"), address, connections, resumption).await
    }

    /// The same with another request.
    async fn load_with(&self, request: Request, address: SocketAddr, connections: u64, resumption: bool) -> Load {
        let (server_name, authority) = ("localhost".to_owned(), self.authority.clone());
        let tls = Some(Tls { server_name, authority, client: None, version: None, resumption });
        let (host, base_path) = (address.to_string(), String::new());
        let arm =
            ArmAddress { arm: Arm::Direct, address: address.into(), host, base_path, tls, http2: None, stdio: false };
        let (child, generator) = launch(Job {
            arms: vec![arm],
            requests: vec![request],
            connections,
            workers: 0,
            seed: 7,
            stripe: None,
            packets_alone: false,
        })
        .await;
        Load { child, generator: generator.unwrap() }
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Measures with one user, so that no user waits for the handshake of another. Returns the quickest handshake.
async fn quickest_handshake(server: &TlsServer, resumption: bool) -> Nanos {
    let mut load = server.load(server.address, 1, resumption).await;
    let facts = load.trial(lives(1, order(CLOSED, 100, 400))).await;
    load.end().await;
    let found = connections(&facts);
    assert_eq!(facts.outcomes.ok, facts.scheduled, "{:?}", facts.examples);
    // After the warm-up, each connection has left a ticket for the next.
    let resumed = if resumption { found.opened } else { 0 };
    assert_eq!((found.resumed, found.failed), (resumed, 0), "{found:?}");
    let (full, resumed) = (found.full_handshake.as_ref(), found.resumed_handshake.as_ref());
    assert_eq!((full.is_some(), resumed.is_some()), (!resumption, resumption));
    let handshakes = full.or(resumed).unwrap();
    assert!(handshakes.count() > 20 && handshakes.count() <= found.opened, "{found:?}");
    handshakes.quantile(0.0).unwrap()
}

#[tokio::test]
async fn full_and_resumed_handshakes_are_counted_apart() {
    let _alone = alone();
    let server = TlsServer::start();
    let mut quickest = [Nanos(u64::MAX); 2];
    // A busy machine only makes them slower.
    for _ in 0..5 {
        for (known, resumption) in quickest.iter_mut().zip([false, true]) {
            *known = (*known).min(quickest_handshake(&server, resumption).await);
        }
        eprintln!("full and resumed: {quickest:?}");
        // A resumed handshake has neither a signature nor a chain to verify.
        if quickest[1] < quickest[0] {
            return;
        }
    }
    panic!("full and resumed: {quickest:?}");
}

/// Forwards connections to `to`, and holds the first bytes of the server back for `delay`. Returns its address, and how long it held each.
fn relay(to: SocketAddr, delay: Duration) -> (SocketAddr, Arc<Mutex<Vec<Nanos>>>) {
    let held = Arc::new(Mutex::new(Vec::new()));
    let holds = Arc::clone(&held);
    let (address, _) = listen(move |_, client| {
        let server = TcpStream::connect(to).unwrap();
        [&client, &server].iter().for_each(|stream| stream.set_nodelay(true).unwrap());
        let (mut from, mut into) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let forward = thread::spawn(move || {
            let _gone = io::copy(&mut from, &mut into);
            let _gone = into.shutdown(Shutdown::Both);
        });
        let _gone = back(server, client, delay, &holds);
        let _gone = forward.join();
    });
    (address, held)
}

/// Forwards from the server.
fn back(mut server: TcpStream, mut client: TcpStream, delay: Duration, held: &Mutex<Vec<Nanos>>) -> io::Result<()> {
    let mut buffer = [0; 16 << 10];
    let mut is_first = true;
    loop {
        let length = server.read(&mut buffer)?;
        if length == 0 {
            return client.shutdown(Shutdown::Both);
        }
        if std::mem::take(&mut is_first) {
            let before = Instant::now();
            thread::sleep(delay);
            held.lock().unwrap().push(Nanos(u64::try_from(before.elapsed().as_nanos()).unwrap()));
        }
        client.write_all(&buffer[..length])?;
    }
}

/// Returns the median handshake through a relay that holds the first bytes of the server back, and how long it really did, in ms.
async fn handshake_behind_relay(server: &TlsServer, delay: Duration, resumption: bool) -> (f64, f64) {
    let (address, held) = relay(server.address, delay);
    let mut load = server.load(address, 2, resumption).await;
    let facts = load.trial(lives(1, order(CLOSED, 100, 500))).await;
    load.end().await;
    assert_eq!(facts.outcomes.ok, facts.scheduled, "{:?}", facts.examples);
    let found = connections(&facts);
    assert!(found.connect.quantile(0.5).unwrap() < Nanos::from_millis(3), "the delay is none of TCP");
    let handshakes = if resumption { &found.resumed_handshake } else { &found.full_handshake };
    let mut held = held.lock().unwrap().clone();
    held.sort_unstable();
    let middle = |quantile: Option<Nanos>| quantile.unwrap_or_default().as_millis_f64();
    (middle(handshakes.as_ref().unwrap().quantile(0.5)), middle(held.get(held.len() / 2).copied()))
}

#[test]
fn a_server_hello_held_back_for_5_ms_is_found_within_10_percent() {
    let _alone = alone();
    let server = TlsServer::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for resumption in [false, true] {
        recovered(0.10, "the delay of a handshake, in ms", || {
            let behind = |delay| runtime.block_on(handshake_behind_relay(&server, delay, resumption));
            // Both wait, because a CPU that wakes up from a wait is slower.
            let [(less, shorter), (more, longer)] = [1, 6].map(|ms| behind(Duration::from_millis(ms)));
            (more - less, longer - shorter)
        });
    }
}

#[tokio::test]
async fn a_failed_handshake_is_an_outcome_and_no_latency() {
    let _alone = alone();
    let server = TlsServer::start();
    // Speaks no TLS: it closes when the hello arrives.
    let (address, accepts) = listen(|_, mut stream| drop(stream.read(&mut [0; 64])));
    let mut load = server.load(address, 1, false).await;
    let facts = load.trial(lives(1, open_loop(50.0, 0, 400))).await;
    let found = connections(&facts);
    assert_eq!((facts.outcomes.connect, facts.scheduled), (20, 20), "{}", facts.outcomes.describe());
    assert_eq!((found.established_total, found.failed, found.opened), (accepts.load(SeqCst), 20, 0));
    assert_eq!((found.connect.count(), found.completed_in_window, facts.latencies.service.count()), (0, 0, 0));
    assert!(facts.examples[0].contains("the TLS handshake failed"), "{:?}", facts.examples);
    load.end().await;
}

impl TlsServer {
    /// Starts OpenSSL's server, which answers one GET per connection; `None` if it is not installed.
    fn openssl(flags: &[&str]) -> Option<Self> {
        let files = Scratch::new();
        let certificates = Certificates::new(&files.0, None);
        let authority = certificates.made().unwrap().authority.clone();
        let port = Ports::default().free().unwrap();
        let child = Command::new("openssl")
            .args(["s_server", "-quiet", "-www", "-accept", &format!("127.0.0.1:{port}"), "-cert"])
            .arg(files.0.join("cert.pem"))
            .arg("-key")
            .arg(files.0.join("cert.pem.key"))
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        let child = child.inspect_err(|error| eprintln!("SKIPPED, openssl does not start: {error}")).ok()?;
        let server = Self { child, address: ([127, 0, 0, 1], port).into(), authority, _files: files };
        let until = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(server.address).is_err() {
            assert!(Instant::now() < until, "OpenSSL does not listen");
            thread::sleep(Duration::from_millis(5));
        }
        Some(server)
    }
}

#[tokio::test]
async fn a_session_that_openssl_does_not_resume_is_counted_as_full() {
    let _alone = alone();
    for (flags, resumes) in
        [(["-tls1_3"].as_slice(), true), (&["-tls1_2"], true), (&["-tls1_2", "-no_ticket", "-no_cache"], false)]
    {
        let Some(server) = TlsServer::openssl(flags) else { return };
        let get =
            Request { method: "GET".to_owned(), headers: Vec::new(), body: Body::Empty, ..request("one", 1, "/") };
        let mut load = server.load_with(get, server.address, 1, true).await;
        let facts = load.trial(lives(1, order(CLOSED, 100, 400))).await;
        load.end().await;
        let found = connections(&facts);
        assert_eq!(facts.outcomes.ok, facts.scheduled, "{flags:?}: {:?}", facts.examples);
        let resumed = if resumes { found.opened } else { 0 };
        assert!(found.opened > 10 && found.resumed == resumed, "{flags:?}: {found:?}");
        assert_eq!((found.full_handshake.is_some(), found.resumed_handshake.is_some()), (!resumes, resumes));
    }
}
