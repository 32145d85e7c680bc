//! How the programs start, freeze, fork and end.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hyper::StatusCode;
use mock_upstream::sidecar::TruthReport;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getsid};

use crate::client::{Client, quiet_address, upstream};
use crate::spawned::{Foreign, alive, sidecar, sidecar_for, spawn, truth, truth_once, wait_for};

fn proc_file(pid: u32, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{name}"))
}

fn rss_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(proc_file(pid, "status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn the_upstream_announces_itself_and_ends_on_sigterm() {
    let flags = ["--listen", "127.0.0.1:0", "--announce"];
    let mut server = spawn(env!("CARGO_BIN_EXE_mock-upstream"), &flags);
    let line = server.line();
    let address = line.trim().strip_prefix("listening ").unwrap().parse().unwrap();
    let mut client = Client::connect(address).await;
    assert_eq!(client.get("/").await.body.len(), 1024);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.ended().code(), Some(0));
}

#[tokio::test]
async fn it_exits_with_its_code_after_its_requests() {
    let upstream = upstream(&[]).await;
    let flags = ["--exit-after", "5", "--exit-code", "7"];
    let (mut process, proxy, _) = sidecar_for(upstream.address, &flags);
    let mut client = Client::connect(proxy).await;
    for _ in 0..5 {
        assert_eq!(client.get("/").await.status, StatusCode::OK);
    }
    assert_eq!(process.ended().code(), Some(7));
}

#[test]
fn it_exits_at_start_with_a_message() {
    let mut process = sidecar(&["--exit-at-start", "3", "--stderr", "no licence found"]);
    assert_eq!(process.ended().code(), Some(3));
    let (mut out, mut err) = (String::new(), String::new());
    process.out.read_to_string(&mut out).unwrap();
    process.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((out.as_str(), err.as_str()), ("", "no licence found\n"));
}

#[test]
fn a_taken_port_is_named_with_its_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flags in [["--listen", &address, "--admin", "127.0.0.1:0"], ["--listen", "127.0.0.1:0", "--admin", &address]] {
        let mut process = sidecar(&flags);
        assert_eq!(process.ended().code(), Some(1));
        let mut err = String::new();
        process.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        let flag = if flags[1] == address { "--listen" } else { "--admin" };
        assert!(err.contains(&format!("cannot listen on {address} ({flag})")), "{err}");
    }
}

#[tokio::test]
async fn the_proxy_listens_only_after_its_time() {
    let upstream = upstream(&[]).await;
    let port = quiet_address();
    let address = port.to_string();
    let url = format!("http://{}", upstream.address);
    let flags = ["--listen", &address, "--admin", "127.0.0.1:0", "--upstream", &url];
    let mut process = sidecar(&[&flags[..], &["--announce", "--listen-after", "2s"]].concat());
    assert!(TcpStream::connect(port).is_err());
    let line = process.line();
    let admin = line.trim().rsplit(' ').next().unwrap().parse().unwrap();
    let truth = truth(admin).await;
    assert!(truth.listening_ns.unwrap() - truth.main_ns >= 2_000_000_000);
    assert!(truth.admin_listening_ns.unwrap() - truth.main_ns < 2_000_000_000);
    assert_eq!(Client::connect(port).await.get("/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_freeze_stops_the_proxy_and_not_the_admin_port() {
    let upstream = upstream(&[]).await;
    // So long that this test is not kept from looking into the freeze by whatever else the machine does.
    let flags = ["--freeze-at", "50ms", "--freeze-for", "1s", "--workers", "2"];
    let (_process, proxy, admin) = sidecar_for(upstream.address, &flags);
    let mut client = Client::connect(proxy).await;
    let over = Arc::new(AtomicBool::new(false));
    let enough = Arc::clone(&over);
    let load = tokio::spawn(async move {
        let mut slowest = Duration::ZERO;
        while !enough.load(Ordering::Relaxed) {
            let one = Instant::now();
            client.get("/").await;
            slowest = slowest.max(one.elapsed());
        }
        slowest
    });
    let during = truth_once(admin, "the freeze", |shown| shown.freeze.started_ns.is_some()).await.freeze;
    assert_eq!(during.ended_ns, None, "the admin port answers inside the freeze");
    let freeze = truth_once(admin, "the end of the freeze", |shown| shown.freeze.ended_ns.is_some()).await.freeze;
    over.store(true, Ordering::Relaxed);
    let slowest = load.await.unwrap();
    assert!(slowest >= Duration::from_millis(950), "{slowest:?}");
    let length = freeze.ended_ns.unwrap() - freeze.started_ns.unwrap();
    assert!(length >= 1_000_000_000, "{length}");
}

#[tokio::test]
async fn sigterm_ends_a_frozen_proxy() {
    let upstream = upstream(&[]).await;
    let flags = ["--freeze-for", "60s"];
    let (mut process, proxy, _) = sidecar_for(upstream.address, &flags);
    let stuck = tokio::spawn(async move { Client::connect(proxy).await.get("/").await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!stuck.is_finished());
    process.signal(Signal::SIGTERM);
    assert_eq!(process.ended().code(), Some(0));
    assert!(stuck.await.is_err());
}

#[tokio::test]
async fn sigterm_is_ignored_when_asked_and_sigkill_is_not() {
    let upstream = upstream(&[]).await;
    let (mut process, proxy, _) = sidecar_for(upstream.address, &["--ignore-sigterm"]);
    process.signal(Signal::SIGTERM);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(Client::connect(proxy).await.get("/").await.status, StatusCode::OK);
    process.signal(Signal::SIGKILL);
    assert_eq!(process.ended().signal(), Some(9));
}

#[tokio::test]
async fn a_double_fork_serves_from_a_session_of_its_own() {
    let upstream = upstream(&[]).await;
    let (mut process, proxy, admin) = sidecar_for(upstream.address, &["--double-fork"]);
    let grandchild = Foreign(Pid::from_raw(truth(admin).await.pid as i32));
    assert_eq!(process.ended().code(), Some(0));
    assert_ne!(grandchild.0.as_raw() as u32, process.child.id());
    assert_ne!(getsid(Some(grandchild.0)).unwrap(), getsid(None).unwrap());
    assert_eq!(Client::connect(proxy).await.get("/").await.status, StatusCode::OK);
    nix::sys::signal::kill(grandchild.0, Signal::SIGTERM).unwrap();
    wait_for("the grandchild to end", || !alive(grandchild.0));
    assert!(TcpStream::connect(proxy).is_err());
}

#[tokio::test]
async fn the_original_stays_until_the_grandchild_is_gone() {
    let upstream = upstream(&[]).await;
    let (mut process, _, admin) = sidecar_for(upstream.address, &["--double-fork=stay"]);
    let grandchild = Foreign(Pid::from_raw(truth(admin).await.pid as i32));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(process.child.try_wait().unwrap().is_none());
    nix::sys::signal::kill(grandchild.0, Signal::SIGKILL).unwrap();
    assert_eq!(process.ended().code(), Some(0));
}

#[test]
fn a_double_fork_that_cannot_listen_fails() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut process = sidecar(&["--double-fork", "--admin", "127.0.0.1:0", "--listen", &address]);
    assert_eq!(process.ended().code(), Some(1));
}

#[tokio::test]
async fn the_worker_burns_and_holds_what_it_reports_and_dies_with_its_parent() {
    let upstream = upstream(&[]).await;
    let flags = ["--worker-child", "--worker-burn", "100ms", "--worker-ballast", "16MiB"];
    let (process, _, admin) = sidecar_for(upstream.address, &flags);
    let shown = truth_once(admin, "the worker's account", |shown| shown.worker.burned_cpu_ns >= 30_000_000).await;
    let worker = shown.worker;
    let pid = worker.pid.unwrap();
    assert_eq!(worker.ballast_bytes, 16 << 20);
    assert!(rss_bytes(pid) >= 16 << 20);
    assert!(rss_bytes(shown.pid) < 16 << 20, "the parent holds none of it");
    // In clock ticks of 10 ms: user and system time are fields 14 and 15.
    let stat = std::fs::read_to_string(proc_file(pid, "stat")).unwrap();
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    assert!((ticks + 3) * 10_000_000 >= worker.burned_cpu_ns, "{ticks} ticks, {worker:?}");
    process.signal(Signal::SIGKILL);
    let worker = Foreign(Pid::from_raw(pid as i32));
    wait_for("the worker to end", || !alive(worker.0));
}

#[tokio::test]
async fn memory_and_descriptors_are_held_and_leaked_as_set() {
    let upstream = upstream(&[]).await;
    let flags = ["--ballast", "32MiB", "--leak-per-second", "20MiB", "--leak-fds-per-second", "200"];
    let (process, _, admin) = sidecar_for(upstream.address, &flags);
    let pid = process.child.id();
    let leaks = |shown: &TruthReport| shown.leaked_bytes >= 4 << 20 && shown.leaked_fds >= 40;
    let shown = truth_once(admin, "the leaks", leaks).await;
    let fds = std::fs::read_dir(proc_file(pid, "fd")).unwrap().count() as u64;
    assert_eq!(shown.ballast_bytes, 32 << 20);
    assert!(fds >= shown.leaked_fds, "{fds} open, {shown:?}");
    assert!(rss_bytes(pid) >= shown.ballast_bytes + shown.leaked_bytes);
}

#[tokio::test]
async fn a_sawtooth_grows_and_is_given_back() {
    let upstream = upstream(&[]).await;
    let (process, _, admin) = sidecar_for(upstream.address, &["--sawtooth", "48MiB", "--sawtooth-period", "1s"]);
    let pid = process.child.id();
    // A reading in time sees most of a tooth, and a later one little.
    let mut most = 0;
    wait_for("a tooth and what is left of it", || {
        let rss = rss_bytes(pid);
        most = most.max(rss);
        most >= 24 << 20 && rss + (16 << 20) <= most
    });
    assert!(truth_once(admin, "a tooth given back", |shown| shown.sawteeth >= 1).await.sawteeth >= 1);
}

#[tokio::test]
async fn every_request_writes_its_log_lines() {
    let upstream = upstream(&[]).await;
    let (mut process, proxy, _) = sidecar_for(upstream.address, &["--log-lines-per-request", "2"]);
    let mut client = Client::connect(proxy).await;
    for _ in 0..3 {
        client.get("/").await;
    }
    process.signal(Signal::SIGTERM);
    let mut out = String::new();
    process.out.read_to_string(&mut out).unwrap();
    assert_eq!(out.lines().count(), 6, "{out}");
    assert!(out.ends_with("request 3, line 1\n"), "{out}");
}
