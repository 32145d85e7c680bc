//! Launching targets and upstreams, and finding out when they are up, against processes whose truth is known.

mod launching;
mod ports;
mod probing;

use crate::beside;
use crate::support::waiting::runtime;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_rig::keeper::Keeper;
use harness_rig::probe::{self, Milestones, watch};
use harness_rig::target::certificates::Certificates;
use harness_rig::target::spec::{Endpoints, Launch, ProcessSpec, Spec};
use harness_rig::target::{Error, LaunchRequest, Ports, Running, Site, launch};

/// A run's folders and keeper, removed and ended with the test.
struct Place {
    site: Option<Site>,
    root: PathBuf,
}

impl Place {
    fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("harness-target-{name}-{}-{number}", std::process::id()));
        let (logs, scratch) = (root.join("logs"), root.join("scratch"));
        std::fs::create_dir_all(&root).unwrap();
        let exe = PathBuf::from(env!("CARGO_BIN_EXE_harness"));
        let keeper = Keeper::start_with(&exe, &logs).unwrap();
        keeper.scratch(&scratch).unwrap();
        let site = Site {
            keeper,
            ports: Arc::new(Ports::default()),
            certificates: Arc::new(Certificates::new(&root.join("tls"), None)),
            containers: Arc::default(),
            scratch,
            logs,
            folder: root.clone(),
            exe,
        };
        Self { site: Some(site), root }
    }

    fn site(&self) -> &Site {
        self.site.as_ref().unwrap()
    }

    fn launch(&self, spec: &Spec) -> Result<Running, Error> {
        let order = LaunchRequest {
            site: self.site(),
            name: "target",
            spec,
            upstream: None,
            egress: None,
            cpuset: None,
            limits: None,
            allotted: None,
        };
        runtime().block_on(launch(&order))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.site.take());
        let scratch_left = self.root.join("scratch").exists();
        std::fs::remove_dir_all(&self.root).ok();
        assert!(std::thread::panicking() || !scratch_left, "the keeper left its scratch folder behind");
    }
}

fn process(command: &[&str], env: &[(&str, &str)]) -> Spec {
    let command = command.iter().map(ToString::to_string).collect();
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Spec {
        deadline: Nanos::from_secs(10),
        stop_within: Nanos::from_secs(2),
        launch: Launch::Process(ProcessSpec { command, env, cpuset: None }),
        files: Vec::new(),
        endpoints: Endpoints {
            proxy: "http://127.0.0.1:{port.proxy}".to_owned(),
            health: Some("http://127.0.0.1:{port.proxy}/health".to_owned()),
            ready: Some("http://127.0.0.1:{port.proxy}/ready".to_owned()),
            others: Vec::new(),
        },
    }
}

/// This test binary as a target: see [`a_target_for_the_other_tests`].
fn serving(listen_after_ms: u64, ready_after_ms: u64) -> Spec {
    let exe = std::env::current_exe().unwrap();
    let plan = format!("{listen_after_ms} {ready_after_ms} {{port.proxy}}");
    let command = [exe.to_str().unwrap(), "--exact", "target::a_target_for_the_other_tests", "--nocapture"];
    process(&command, &[("HARNESS_TEST_SERVE", &plan)])
}

/// As a process of its own: listens and becomes ready so many milliseconds after its start, and prints the instants at which
/// it did. Health answers 200 at once, everything else 503 until ready. On its own it does nothing.
#[test]
fn a_target_for_the_other_tests() {
    let _beside = beside();
    let Ok(plan) = std::env::var("HARNESS_TEST_SERVE") else { return };
    let numbers: Vec<u64> = plan.split(' ').map(|number| number.parse().unwrap()).collect();
    let start = Mono::now();
    std::thread::sleep(Duration::from_millis(numbers[0]));
    let before_listen = Mono::now();
    let listener = TcpListener::bind(("127.0.0.1", u16::try_from(numbers[2]).unwrap())).unwrap();
    let ready = start.after(Nanos::from_millis(numbers[1]));
    println!("\nlistening {}\nready {}", before_listen.0, ready.0);
    for stream in listener.incoming().map_while(Result::ok) {
        std::thread::spawn(move || answer(stream, ready));
    }
}

fn answer(mut stream: TcpStream, ready: Mono) {
    // In pieces, as a careless program does it: the probe must not wait for Nagle's algorithm.
    let mut request = [0; 2048];
    while let Ok(count @ 1..) = stream.read(&mut request) {
        let good = request[..count].starts_with(b"GET /health") || Mono::now() >= ready;
        let status = if good { "200 OK" } else { "503 Service Unavailable" };
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 8\r\n\r\nwait ...").unwrap();
    }
}

fn milestones(running: &Running, deadline: Nanos) -> Result<Milestones, probe::Error> {
    watch(&running.endpoints, running.spawned.unwrap_or_else(Mono::now), deadline, &AtomicBool::new(false), || {
        running.ended()
    })
}
