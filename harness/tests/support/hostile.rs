//! A server that harms its clients: each attack is one way to answer that a client must survive in time and in bounded memory.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A program that ran, with what it took.
pub struct Watched {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
    /// The largest resident memory, in KiB.
    pub peak: u64,
}

impl Watched {
    /// Runs a program to its end.
    pub fn run(command: &mut Command) -> Self {
        let begun = Instant::now();
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let status = format!("/proc/{}/status", child.id());
        let ended = std::thread::spawn(move || (child.wait_with_output().unwrap(), Instant::now()));
        let mut peak = 0;
        // The kernel keeps the maximum, so reading it often is needed only because it disappears with the process.
        while !ended.is_finished() {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            peak = line.map_or(peak, |line| line.trim().trim_end_matches(" kB").parse().unwrap());
            std::thread::sleep(Duration::from_millis(2));
        }
        let (output, end) = ended.join().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        Self { code: output.status.code(), stdout, stderr, took: end.duration_since(begun), peak }
    }
}

/// A connection, over TCP or a local socket.
pub trait Peer: Read + Write + Send {}
impl<T: Read + Write + Send> Peer for T {}

pub type Answer = fn(&mut dyn Peer) -> io::Result<()>;

/// An answer and what it is.
#[derive(Clone, Copy)]
pub struct Attack {
    pub what: &'static str,
    pub answer: Answer,
}

const fn attack(what: &'static str, answer: Answer) -> Attack {
    Attack { what, answer }
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
/// How many bytes the endless answers with a length claim.
const ENDLESS: u64 = 10_000_000_000;

pub const ATTACKS: [Attack; 20] = [
    attack("a head in single bytes", |peer| drip(peer, "HTTP/1.1 200 OK\r\nx: ")),
    attack("a body in single bytes", |peer| {
        drip(peer, &format!("HTTP/1.1 200 OK\r\ncontent-length: {ENDLESS}\r\n\r\n"))
    }),
    attack("a head without an end", |peer| {
        repeat(peer, "HTTP/1.1 200 OK\r\n", "x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n")
    }),
    attack("a field without an end", |peer| repeat(peer, "HTTP/1.1 200 OK\r\nx: ", &"y".repeat(4096))),
    attack("interim answers without an end", |peer| repeat(peer, "", "HTTP/1.1 100 Continue\r\n\r\n")),
    attack("empty lines without an end", |peer| repeat(peer, "", "\r\n")),
    attack("a body of 10 GB", |peer| {
        repeat(peer, &format!("HTTP/1.1 200 OK\r\ncontent-length: {ENDLESS}\r\n\r\n"), &" ".repeat(65_536))
    }),
    attack("a chunked body without an end", |peer| {
        repeat(peer, CHUNKED, &format!("10000\r\n{}\r\n", "[".repeat(65_536)))
    }),
    attack("a body until the end that never comes", |peer| {
        repeat(peer, "HTTP/1.1 200 OK\r\n\r\n[", &"7".repeat(65_536))
    }),
    attack("a body shorter than its length", |peer| {
        peer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}")?;
        until_closed(peer)
    }),
    attack("a body that ends early", |peer| peer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}")),
    attack("two lengths", |peer| {
        peer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}\n")
    }),
    attack("an invalid chunk size", |peer| peer.write_all(format!("{CHUNKED}zz\r\n{{}}\r\n0\r\n\r\n").as_bytes())),
    attack("an extension without an end", |peer| repeat(peer, &format!("{CHUNKED}1;"), &"x".repeat(4096))),
    attack("trailers without an end", |peer| repeat(peer, &format!("{CHUNKED}2\r\n{{}}\r\n0\r\n"), "x: y\r\n")),
    attack("redirections without an end", |peer| {
        peer.write_all(b"HTTP/1.1 302 Found\r\nlocation: /again\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    }),
    attack("text instead of JSON", |peer| json(peer, 200, "<html>\u{1b}]0;owned\u{7}</html>")),
    attack("JSON that is nested 100,000 deep", |peer| json(peer, 200, &("[".repeat(100_000) + &"]".repeat(100_000)))),
    attack("a list of millions", |peer| json(peer, 200, &format!("[{}{{}}]", "{},".repeat(6_000_000)))),
    attack("a refusal of 18 MB", |peer| {
        json(peer, 500, &format!("{{\"message\":\"{}\"}}", "\\u0007".repeat(3_000_000)))
    }),
];

/// Sends a complete answer.
pub fn json(peer: &mut dyn Peer, status: u16, text: &str) -> io::Result<()> {
    let length = text.len();
    let head = format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    peer.write_all((head + text).as_bytes())
}

/// Sends `again` until the client closes the connection.
fn repeat(peer: &mut dyn Peer, first: &str, again: &str) -> io::Result<()> {
    peer.write_all(first.as_bytes())?;
    loop {
        peer.write_all(again.as_bytes())?;
    }
}

/// Sends one byte at a time until the client closes the connection.
fn drip(peer: &mut dyn Peer, first: &str) -> io::Result<()> {
    peer.write_all(first.as_bytes())?;
    loop {
        peer.write_all(b" ")?;
        std::thread::sleep(Duration::from_millis(15));
    }
}

fn until_closed(peer: &mut dyn Peer) -> io::Result<()> {
    while peer.read(&mut [0])? > 0 {}
    Ok(())
}

/// How long the client kept each connection, from its request to its end.
#[derive(Clone, Default)]
pub struct Kept(Arc<Mutex<Vec<Duration>>>);

impl Kept {
    /// Returns the shortest time of a connection that the client kept for at least this long. Only a busy host makes others longer.
    pub fn shortest_from(&self, limit: Duration) -> Option<Duration> {
        self.0.lock().unwrap().iter().copied().filter(|kept| *kept >= limit).min()
    }
}

/// Serves on a port of this host until the process ends. `choose` decides from the text of a request up to the end of its head.
pub fn on_tcp(choose: impl Fn(&str) -> Answer + Send + Copy + 'static) -> (SocketAddr, Kept) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, kept) = (listener.local_addr().unwrap(), Kept::default());
    let keep = kept.clone();
    std::thread::spawn(move || listener.incoming().flatten().for_each(|peer| answer(peer, choose, keep.clone())));
    (address, kept)
}

/// Serves on a local socket until the process ends.
pub fn on_socket(path: &Path, choose: impl Fn(&str) -> Answer + Send + Copy + 'static) -> Kept {
    let listener = UnixListener::bind(path).unwrap();
    let kept = Kept::default();
    let keep = kept.clone();
    std::thread::spawn(move || listener.incoming().flatten().for_each(|peer| answer(peer, choose, keep.clone())));
    kept
}

/// Answers on a thread that ends with the connection.
fn answer(mut peer: impl Peer + 'static, choose: impl Fn(&str) -> Answer + Send + 'static, kept: Kept) {
    std::thread::spawn(move || {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if !peer.read(&mut byte).is_ok_and(|read| read == 1) {
                return;
            }
            request.push(byte[0]);
        }
        let begun = Instant::now();
        // An attack ends when the client has closed the connection.
        let _closed = choose(&String::from_utf8_lossy(&request))(&mut peer);
        kept.0.lock().unwrap().push(begun.elapsed());
    });
}
