//! Kills and stops nodes, control and hub: what is left of the run, and whether any load goes on.

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::joined::{Fleet, Node, Running};
use super::memory::{BOUND, peak_of};
use super::namespaces::Network;
use crate::alone;
use crate::support::waiting::{comes_true, eventually, journal};
use crate::support::{Ran, Scratch, processes_naming, ran};
use harness::measure::reason::Problem;
use harness::measure::record::StageStatus;

/// Much longer than any of these tests takes.
const LONG: &str = "[stage.capacity]\nrounds = 500\nvus = 8\nwarmup = \"50ms\"\nwindow = \"200ms\"\n\
                    [stage.later]\nkind = \"capacity\"\nrounds = 6\nvus = 8\n";

/// The time in which a load without its run must end, and in which a silent node must be noticed.
const SOON: Duration = Duration::from_secs(5);

/// A run whose load is under way.
struct UnderWay {
    fleet: Fleet,
    scratch: Scratch,
    run: Child,
    nodes: Vec<Running>,
}

impl UnderWay {
    fn start() -> Self {
        Self::of(Fleet::new(vec![Node::default(); 2], &[], LONG))
    }

    fn of(fleet: Fleet) -> Self {
        let (scratch, nodes) = (Scratch::new(), fleet.start());
        let mut command = fleet.command(&scratch);
        let run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut under_way = Self { fleet, scratch, run, nodes };
        let mut has_ended = false;
        eventually("the first trial of a fleet", || {
            has_ended = under_way.run.try_wait().unwrap().is_some();
            has_ended || under_way.journal().contains("\n{\"trial\":")
        });
        if has_ended {
            let ran = under_way.end();
            panic!("the run has ended: {}\n{}", ran.stdout, ran.stderr);
        }
        under_way
    }

    fn journal(&self) -> String {
        journal(&self.scratch.0.join("out"))
    }

    /// Lists the load children of the nodes.
    fn loads(&self) -> Vec<i32> {
        self.nodes.iter().flat_map(|node| children(node.pid())).collect()
    }

    fn end(self) -> Ran {
        let output = self.run.wait_with_output().unwrap();
        ran(self.scratch, output)
    }
}

/// Lists the children of a process.
fn children(parent: i32) -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_string_lossy().parse::<i32>().ok());
    let parent_of = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<i32>().ok()
    };
    pids.filter(|pid| parent_of(pid) == Some(parent)).collect()
}

fn signal(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

fn lives(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Checks that a run whose node was lost says which one, and counts nothing of its stage.
fn names_the_lost_node(ran: &Ran) {
    ran.expect_code(6);
    for stage in ran.record().stages {
        let StageStatus::Invalid(reasons) = &stage.status else { panic!("{:?}", stage.status) };
        let lost = reasons.iter().find_map(|reason| match &reason.problem {
            Problem::NodeLost { node, of, .. } => Some((*node, *of)),
            _ => None,
        });
        assert!(matches!(lost, Some((0 | 1, 2))), "{reasons:?}");
    }
    assert!(ran.shows("of 2 (") && ran.shows("was lost"), "{}", ran.stdout);
    let metrics = ran.judgement()["metrics"].as_array().unwrap().clone();
    assert!(metrics.iter().all(|metric| metric["value"]["absent"].is_object()), "{metrics:#?}");
}

/// Loses a node by a signal, and returns how long it took to notice, with the run.
fn loses(by: Signal) -> (Duration, Ran) {
    let under_way = UnderWay::start();
    let begun = Instant::now();
    signal(under_way.nodes[1].pid(), by);
    eventually("the loss of a node", || under_way.journal().contains("node_lost"));
    let took = begun.elapsed();
    eprintln!("{by}: noticed after {took:?}");
    (took, under_way.end())
}

#[test]
fn a_killed_node_ends_its_stage_by_name() {
    let _alone = alone();
    let (took, ran) = loses(Signal::SIGKILL);
    names_the_lost_node(&ran);
    // The stop of an instance is part of it.
    assert!(took < SOON, "{took:?}");
}

#[test]
fn a_stopped_node_is_noticed_by_its_silence() {
    let _alone = alone();
    let (took, ran) = loses(Signal::SIGSTOP);
    names_the_lost_node(&ran);
    assert!(took < SOON * 2, "{took:?}");
}

#[test]
fn a_node_whose_link_is_down_is_noticed_by_its_silence() {
    let _alone = alone();
    let Some(network) = Network::new(2) else { return };
    let nodes = [0, 1].map(|node| Node { namespace: Some(network.namespace(node)), ..Node::default() });
    let under_way = UnderWay::of(Fleet::new(nodes.to_vec(), &[], LONG).at(&network.address()));
    let begun = Instant::now();
    network.cut(1);
    eventually("the loss of a node", || under_way.journal().contains("node_lost"));
    let took = begun.elapsed();
    eprintln!("noticed after {took:?}");
    names_the_lost_node(&under_way.end());
    assert!(took < SOON * 2, "{took:?}");
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_killed_node_is_noticed_within_a_second_and_a_stopped_one_within_five() {
    let _alone = alone();
    for (by, limit) in [(Signal::SIGKILL, Duration::from_secs(1)), (Signal::SIGSTOP, SOON)] {
        let mut took: Vec<Duration> = (0..5).map(|_| loses(by).0).collect();
        took.sort();
        eprintln!("{by}: noticed after {took:?}");
        assert!(took[2] <= limit, "{by}: {took:?}");
    }
}

/// Checks that the load ends after its run was killed, and the nodes with it.
fn load_ends(loads: &[i32], nodes: &mut [Running]) {
    let begun = Instant::now();
    assert!(!loads.is_empty(), "no load was under way");
    assert!(comes_true(|| !loads.iter().any(|pid| lives(*pid)) || begun.elapsed() > SOON));
    eprintln!("the load ended after {:?}", begun.elapsed());
    assert!(!loads.iter().any(|pid| lives(*pid)), "load goes on");
    assert!(nodes.iter_mut().all(|node| node.ends_within(SOON)), "a node goes on");
}

#[test]
fn a_killed_control_leaves_no_load_behind() {
    let _alone = alone();
    let mut under_way = UnderWay::start();
    let loads = under_way.loads();
    under_way.run.kill().unwrap();
    load_ends(&loads, &mut under_way.nodes);
    let out = under_way.run.wait().unwrap();
    assert!(!out.success());
}

#[test]
fn a_killed_hub_leaves_no_load_behind_and_its_run_fails() {
    let _alone = alone();
    let mut under_way = UnderWay::start();
    let loads = under_way.loads();
    let hub = processes_naming(&under_way.scratch.0).into_iter().find(|(_, line)| line.contains("__hub"));
    // Its folder of temporary files is that of the run, not of the test.
    let hub = hub.map(|(pid, _)| i32::try_from(pid).unwrap()).or_else(|| hub_of(under_way.run.id())).unwrap();
    assert!(peak_of(hub) <= BOUND, "{} bytes for two nodes", peak_of(hub));
    signal(hub, Signal::SIGKILL);
    load_ends(&loads, &mut under_way.nodes);
    under_way.end().expect_code(4);
}

#[test]
fn a_killed_keeper_leaves_no_load_behind_and_its_run_fails() {
    let _alone = alone();
    let mut under_way = UnderWay::start();
    let loads = under_way.loads();
    let [keeper] = children(i32::try_from(under_way.run.id()).unwrap()).try_into().unwrap();
    signal(keeper, Signal::SIGKILL);
    load_ends(&loads, &mut under_way.nodes);
    under_way.end().expect_code(4);
}

/// Finds the hub below a run: a child of its keeper.
fn hub_of(run: u32) -> Option<i32> {
    let keepers = children(i32::try_from(run).unwrap());
    let mut below = keepers.into_iter().flat_map(children);
    below.find(|pid| fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains("__hub")))
}

#[test]
fn no_process_and_no_file_contains_a_secret() {
    let _alone = alone();
    let under_way = UnderWay::start();
    let needles = [under_way.fleet.secrets.hub.clone(), under_way.fleet.secrets.node.clone()];
    let leaks = |bytes: &[u8]| needles.iter().any(|needle| contains(bytes, needle.as_bytes()));
    for entry in fs::read_dir("/proc").unwrap().flatten().filter(|entry| entry.path().join("cmdline").exists()) {
        for name in ["cmdline", "environ"] {
            let path = entry.path().join(name);
            assert!(!leaks(&fs::read(&path).unwrap_or_default()), "{} contains a secret", path.display());
        }
    }
    signal(i32::try_from(under_way.run.id()).unwrap(), Signal::SIGINT);
    let UnderWay { run, scratch, nodes, .. } = under_way;
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!leaks(&output.stdout) && !leaks(&output.stderr));
    for node in nodes {
        assert!(!leaks(&node.output(SOON * 4).stderr));
    }
    let mut folders = vec![scratch.0.clone()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()) {
            match path.is_dir() {
                true => folders.push(path),
                false => assert!(!leaks(&fs::read(&path).unwrap()), "{} contains a secret", path.display()),
            }
        }
    }
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}
