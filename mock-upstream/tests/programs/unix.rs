//! Both programs at unix sockets.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use hyper::{Method, StatusCode};
use nix::sys::signal::Signal;
use tokio::net::UnixStream;

use crate::client::Client;
use crate::http2::guest::Guest;
use crate::spawned::{Spawned, sidecar, spawn};
use crate::tls::certificates::Ca;
use crate::tls::strangers::installed;

/// A folder for sockets, removed when dropped. The one of the build may be too deep for a socket's path.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("mock-unix-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn socket(&self, name: &str) -> (PathBuf, String) {
        let path = self.0.join(name);
        let flag = format!("unix:{}", path.display());
        (path, flag)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Starts an upstream at a unix socket.
fn upstream(flag: &str, flags: &[&str]) -> Spawned {
    let always = ["--listen", flag, "--announce"];
    let mut process = spawn(env!("CARGO_BIN_EXE_mock-upstream"), &[&always[..], flags].concat());
    assert_eq!(process.line().trim(), format!("listening {flag}"));
    process
}

async fn connect(path: &Path) -> Client {
    Client::over(UnixStream::connect(path).await.unwrap()).await
}

async fn total(path: &Path) -> u64 {
    connect(path).await.get("/__upstream/ledger").await.json()["total"].as_u64().unwrap()
}

#[tokio::test]
async fn the_file_is_removed_at_the_end_and_a_stale_one_is_replaced() {
    let folder = Folder::new();
    let (path, flag) = folder.socket("a.sock");
    let mut killed = upstream(&flag, &[]);
    killed.signal(Signal::SIGKILL);
    killed.ended();
    assert!(path.exists(), "kill -9 leaves the file");

    let mut server = upstream(&flag, &[]);
    assert_eq!(connect(&path).await.get("/").await.body.len(), 1024);
    let mut second = spawn(env!("CARGO_BIN_EXE_mock-upstream"), &["--listen", &flag]);
    let message = second.message();
    assert_eq!(second.ended().code(), Some(1));
    assert!(message.contains(&format!("cannot listen on {flag} (--listen): ")), "{message}");
    assert!(message.contains("at which no other process listens"), "{message}");
    assert_eq!(total(&path).await, 1, "the first one still listens");

    server.signal(Signal::SIGTERM);
    assert_eq!(server.ended().code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn a_file_that_is_no_socket_is_not_replaced() {
    let folder = Folder::new();
    let (path, flag) = folder.socket("a.txt");
    std::fs::write(&path, "precious").unwrap();
    let mut process = spawn(env!("CARGO_BIN_EXE_mock-upstream"), &["--listen", &flag]);
    assert_eq!(process.ended().code(), Some(1));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    let long = format!("unix:/tmp/{}", "a".repeat(120));
    let mut process = spawn(env!("CARGO_BIN_EXE_mock-upstream"), &["--listen", &long]);
    let message = process.message();
    assert!(message.contains("has 125 bytes, but the kernel allows 107"), "{message}");
    assert_eq!(process.ended().code(), Some(2));
}

#[tokio::test]
async fn requests_pass_from_socket_to_socket_in_both_versions() {
    let folder = Folder::new();
    let ca = Ca::new();
    let own = ca.sign(&["localhost"]);
    let ((front, proxy), (back, server)) = (folder.socket("front.sock"), folder.socket("back.sock"));
    let authority = ca.file();
    for (tls, version) in [(false, "1.1"), (false, "2"), (true, "1.1"), (true, "2")] {
        let (certificate, url) = match tls {
            true => (&own.flags()[..], format!("https+{server}")),
            false => (&[][..], server.clone()),
        };
        let _upstream = upstream(&server, certificate);
        let flags = ["--listen", &proxy, "--admin", "127.0.0.1:0", "--upstream", &url, "--upstream-http", version];
        let trust: &[&str] = if tls { &["--upstream-ca", &authority] } else { &[] };
        let mut process = sidecar(&[&flags[..], trust, &["--announce", "--truth-on-exit"]].concat());
        assert!(process.line().starts_with(&format!("listening {proxy} admin 127.0.0.1:")));
        let mut client = connect(&front).await;
        for _ in 0..5 {
            assert_eq!(client.post("/echo", "body").await.body, "body");
        }
        Guest::over(UnixStream::connect(&front).await.unwrap()).await.0.echo_at_once(20).await;
        process.signal(Signal::SIGTERM);
        let truth = process.line();
        assert!(truth.contains(r#""requests":25,"forwarded":25,"#), "{url} {version}: {truth}");
        assert_eq!(process.ended().code(), Some(0));
        assert!(!front.exists(), "removed at the end");
        assert!(back.exists());
    }
}

#[tokio::test]
async fn faults_break_the_connection_and_down_refuses_until_it_is_over() {
    let folder = Folder::new();
    let (path, flag) = folder.socket("a.sock");
    let _server = upstream(&flag, &["--error-every", "2"]);
    let mut client = connect(&path).await;
    assert_eq!(client.get("/").await.status, StatusCode::OK);
    assert!(client.try_send(Method::GET, "/", "").await.is_err());

    let mut admin = connect(&path).await;
    let mut guest = connect(&path).await;
    assert_eq!(guest.get("/").await.status, StatusCode::OK);
    assert_eq!(admin.get("/__upstream/fault/down").await.status, StatusCode::OK);
    until(&path, |connected| connected.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)).await;
    assert!(guest.try_send(Method::GET, "/", "").await.is_err());
    let report = admin.get("/__upstream/fault/none").await.json();
    assert!(report["faults"]["down"].as_u64().unwrap() >= 1, "{report}");
    until(&path, Result::is_ok).await;
    assert_eq!(total(&path).await, 3);
}

async fn until(path: &Path, wanted: impl Fn(&std::io::Result<UnixStream>) -> bool) {
    let begun = Instant::now();
    while !wanted(&UnixStream::connect(path).await) {
        assert!(begun.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn curl_is_served_in_both_versions() {
    if !installed("curl", "--version") {
        return;
    }
    let folder = Folder::new();
    let (path, flag) = folder.socket("a.sock");
    let _server = upstream(&flag, &[]);
    for (flag, version) in [("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")] {
        let output = Command::new("curl")
            .args([
                "--silent",
                "--show-error",
                "--output",
                "/dev/null",
                "--write-out",
                "%{http_version} %{http_code}",
                flag,
            ])
            .arg("--unix-socket")
            .arg(&path)
            .arg("http://localhost/")
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{version} 200"), "{output:?}");
    }
}
