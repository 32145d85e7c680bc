//! The binaries as processes that do not outlive their test.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use mock_upstream::sidecar::TruthReport;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::client::Client;

/// A child that is killed when dropped.
pub struct Spawned {
    pub child: Child,
    pub out: BufReader<ChildStdout>,
}

/// A process that is not our child, killed when dropped.
pub struct Foreign(pub Pid);

pub fn spawn(program: &str, flags: &[&str]) -> Spawned {
    let mut child = Command::new(program)
        .args(flags)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    Spawned { child, out }
}

pub fn sidecar(flags: &[&str]) -> Spawned {
    spawn(env!("CARGO_BIN_EXE_reference-sidecar"), flags)
}

/// Returns a sidecar on free ports, in front of `upstream`: the process, its proxy and its admin address.
pub fn sidecar_for(upstream: SocketAddr, flags: &[&str]) -> (Spawned, SocketAddr, SocketAddr) {
    sidecar_before(&format!("http://{upstream}"), flags)
}

/// Returns the same for an upstream with this URL.
pub fn sidecar_before(url: &str, flags: &[&str]) -> (Spawned, SocketAddr, SocketAddr) {
    let always = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--announce"];
    let mut spawned = sidecar(&[&always[..], &["--upstream", url], flags].concat());
    let line = spawned.line();
    let words: Vec<_> = line.split_whitespace().collect();
    let ["listening", proxy, "admin", admin] = words[..] else { panic!("announced `{line}`") };
    (spawned, proxy.parse().unwrap(), admin.parse().unwrap())
}

impl Spawned {
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// Waits for the end and returns what the process wrote to stderr.
    pub fn message(&mut self) -> String {
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }

    /// Returns the exit status.
    pub fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        wait_for("the process to end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGKILL);
    }
}

/// Returns whether the process runs; a zombie does not.
pub fn alive(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    stat.is_ok_and(|stat| !stat.rsplit(") ").next().unwrap().starts_with('Z'))
}

/// So long that only what never comes takes longer, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn wait_for(what: &str, mut reached: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !reached() {
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Returns the first truth of which `reached` holds.
pub async fn truth_once(admin: SocketAddr, what: &str, reached: impl Fn(&TruthReport) -> bool) -> TruthReport {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let shown = truth(admin).await;
        if reached(&shown) {
            return shown;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}: {shown:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub async fn truth(admin: SocketAddr) -> TruthReport {
    let answer = Client::connect(admin).await.get("/truth").await;
    serde_json::from_slice(&answer.body).unwrap()
}
