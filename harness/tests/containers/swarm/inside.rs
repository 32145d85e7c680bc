//! Tests that run within the lab: in the network of control, with an engine that manages a Swarm of two.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use harness_base::units::Nanos;
use harness_rig::keeper::Keeper;
use harness_rig::swarm::{Lack, Placement, Service, Swarm, TaskFailure};
use harness_rig::target::Containers;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::runtime::Runtime;

use crate::docker::{docker, labelled};
use crate::support::waiting::{eventually, runtime};
use crate::support::{Scratch, harness};

/// The time after the end of control in which everything of a run is removed.
const REMOVING: Duration = Duration::from_secs(5);

/// Returns a variable that the lab sets.
fn of_lab(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run this by scripts/lab-swarm"))
}

/// Returns a secret that a node can read. No hub of a test knows it.
fn secret_of_a_node() -> String {
    let made = harness().args(["fleet", "secret"]).output().unwrap();
    let lines = String::from_utf8(made.stdout).unwrap();
    let secret = lines.lines().find_map(|line| line.strip_prefix("export HARNESS_FLEET_SECRET="));
    secret.unwrap_or_else(|| panic!("{lines}")).to_owned()
}

/// A run that places a fleet.
struct Run {
    id: String,
    folder: Scratch,
    keeper: Keeper,
    containers: Containers,
    swarm: Swarm,
    runtime: Runtime,
}

impl Run {
    fn start(name: &str) -> Self {
        let (folder, runtime) = (Scratch::new(), runtime());
        let id = format!("{name}-{}", std::process::id());
        let keeper = Keeper::start_with(Path::new(env!("CARGO_BIN_EXE_harness")), &folder.0.join("logs")).unwrap();
        let swarm = runtime.block_on(Swarm::connect()).unwrap();
        Self { containers: Containers::of(&id), id, folder, keeper, swarm, runtime }
    }

    /// Places two nodes of this image that dial `hub`.
    fn place(&self, image: &str, constraints: &[String], hub: SocketAddr) -> Service {
        let secret = secret_of_a_node();
        let placement = Placement {
            run_id: &self.id,
            nodes: 2,
            image,
            cpus: Some(0.5),
            memory_bytes: Some(256 << 20),
            constraints,
            secret: &secret,
            hub,
            wait: Nanos::from_secs(60),
        };
        self.runtime.block_on(self.swarm.place(&self.containers, &self.keeper, &placement)).unwrap()
    }

    fn failures(&self, service: &Service) -> Vec<TaskFailure> {
        self.runtime.block_on(self.swarm.failures(service))
    }

    fn check(&self, nodes: u64, constraints: &[String], image: &str) -> Vec<Lack> {
        self.runtime.block_on(self.swarm.check(nodes, constraints, Some(image))).unwrap()
    }
}

/// Returns the services and secrets of a run.
fn placed_by(id: &str) -> Vec<String> {
    let filter = format!("label=harness.run={id}");
    let list = |kind: &str| {
        let ids = docker(&[kind, "ls", "--quiet", "--filter", &filter]).unwrap();
        ids.lines().map(|id| format!("{kind} {id}")).collect::<Vec<_>>()
    };
    [list("service"), list("secret")].concat()
}

/// Returns the containers of a run on all engines of the lab, and its networks and images on the first.
fn containers_of(id: &str) -> Vec<String> {
    let mut found = labelled(&format!("harness.run={id}"));
    let filter = format!("label=harness.run={id}");
    for socket in of_lab("LAB_SOCKETS").split_whitespace() {
        let host = format!("unix://{socket}");
        let ids = docker(&["--host", host.as_str(), "ps", "--all", "--quiet", "--filter", filter.as_str()]).unwrap();
        found.extend(ids.lines().map(|id| format!("container {id} at {socket}")));
    }
    found
}

/// Checks that services and secrets are removed in time, and that the containers follow. An engine signals a task only 3 s after its service was
/// removed, and removes the container 2 s after its end; a node has ended before that, because its hub is gone.
#[track_caller]
fn nothing_is_left_in_time(id: &str, begun: Instant) {
    while !placed_by(id).is_empty() && begun.elapsed() < REMOVING {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(placed_by(id), [""; 0], "after {:?}", begun.elapsed());
    eventually("all containers are removed", || containers_of(id).is_empty());
}

/// Returns a listener at the address of control as nodes see it.
fn hub() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((of_lab("LAB_ADDRESS"), 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Waits until two engines have dialled, and returns their addresses. No one speaks with them.
fn who_dials(listener: &TcpListener) -> BTreeSet<IpAddr> {
    let (mut found, mut kept) = (BTreeSet::new(), Vec::new());
    eventually("two engines dial", || {
        match listener.accept() {
            Ok((stream, peer)) => {
                found.insert(peer.ip());
                kept.push(stream);
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        found.len() == 2
    });
    found
}

#[test]
#[ignore = "needs the lab; the test above this module runs it there"]
fn one_node_dials_home_from_each_engine_and_all_is_removed() {
    let run = Run::start("placed");
    let image = of_lab("LAB_IMAGE");
    let lacks = run.check(2, &[], &image);
    assert!(lacks.is_empty(), "{lacks:?}");
    let own =
        run.swarm.own_image(&run.containers, &run.keeper, Path::new(env!("CARGO_BIN_EXE_harness")), &run.folder.0);
    assert_eq!(run.runtime.block_on(own).unwrap(), image, "every engine has it");
    let (listener, address) = hub();
    let service = run.place(&image, &[], address);
    let expected = [10, 11].map(|last| IpAddr::V4(Ipv4Addr::new(198, 18, 0, last)));
    assert_eq!(who_dials(&listener), BTreeSet::from(expected));
    assert_eq!((placed_by(&run.id).len(), containers_of(&run.id).len() >= 2), (2, true));
    run.runtime.block_on(run.swarm.remove(service.clone())).unwrap();
    nothing_is_left_in_time(&run.id, Instant::now());
    run.runtime.block_on(run.swarm.remove(service)).unwrap();
}

#[test]
#[ignore = "needs the lab; the test above this module runs it there"]
fn what_is_missing_is_said_before_and_why_a_task_fails_after() {
    let run = Run::start("refused");
    let image = of_lab("LAB_IMAGE");
    let nowhere = ["node.labels.none==yes".to_owned()];
    assert!(matches!(run.check(3, &[], &image)[..], [Lack::TooFewNodes { wanted: 3, ready: 2, .. }]));
    assert!(matches!(run.check(1, &nowhere, &image)[..], [Lack::TooFewNodes { ready: 0, .. }]));
    assert!(matches!(run.check(1, &["load=yes".to_owned()], &image)[..], [Lack::Constraint { .. }]));
    let absent = "harness.invalid/none:1";
    assert!(matches!(run.check(2, &[], absent)[..], [Lack::NoImage { .. }]));

    let (_listener, address) = hub();
    let anywhere: &[String] = &[];
    for (image, constraints, state, reason) in
        [(absent, anywhere, "rejected", "No such image"), (image.as_str(), &nowhere[..], "pending", "no suitable node")]
    {
        let service = run.place(image, constraints, address);
        let mut found = Vec::new();
        eventually(reason, || {
            found = run.failures(&service);
            found.len() == 2
        });
        for failure in &found {
            assert_eq!(failure.state, state, "{failure}");
            assert!(failure.message.contains(reason), "{failure}");
            let is_named = failure.node.starts_with("node-");
            assert_eq!(is_named, state == "rejected", "{failure}");
        }
        run.runtime.block_on(run.swarm.remove(service)).unwrap();
    }
    nothing_is_left_in_time(&run.id, Instant::now());
}

#[test]
#[ignore = "needs the lab; the test above this module runs it there"]
fn the_keeper_removes_services_and_secrets_when_control_is_gone() {
    let run = Run::start("swept");
    let (listener, address) = hub();
    run.place(&of_lab("LAB_IMAGE"), &[], address);
    who_dials(&listener);
    let begun = Instant::now();
    // Its socket closes, as after kill -9 of control.
    drop(run.keeper);
    nothing_is_left_in_time(&run.id, begun);
}

#[test]
#[ignore = "needs the lab; the test above this module runs it there"]
fn clean_removes_what_a_killed_keeper_leaves_in_the_swarm() {
    let run = Run::start("abandoned");
    let (listener, address) = hub();
    run.place(&of_lab("LAB_IMAGE"), &[], address);
    who_dials(&listener);
    let living = harness().args(["clean", "--dry-run"]).output().unwrap();
    assert!(!String::from_utf8_lossy(&living.stdout).contains(&run.id), "its keeper lives");
    kill(Pid::from_raw(run.keeper.pid()), Signal::SIGKILL).unwrap();
    drop(run.keeper);
    assert_eq!(placed_by(&run.id).len(), 2);
    let cleaned = harness().arg("clean").output().unwrap();
    let said = String::from_utf8_lossy(&cleaned.stdout).into_owned();
    for kind in ["removed service harness-", "removed secret harness-"] {
        assert!(said.contains(kind), "{said}");
    }
    nothing_is_left_in_time(&run.id, Instant::now());
}
