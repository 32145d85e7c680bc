//! The agent in a container beside a sidecar with limits, against the engine's and the host's own account. The test plays the hub.
//!
//! All of them run under one kernel, so their clocks are one.

mod hub;
mod pod;

use std::net::{IpAddr, TcpStream};
use std::process::Command;

use harness::measure::{GroupUsage, Reading};
use harness_base::clock::Mono;
use harness_base::units::{Bytes, Nanos};
use harness_fleet::pod::{Sampled, Up};
use harness_rig::cgroup::Group;
use harness_rig::group::ResourceLimits;
use harness_rig::probe::fetch;
use harness_rig::target::HttpUrl;

use self::hub::Hub;
use self::pod::{Container, Network, USER, image, order};
use crate::docker::{docker, there_is_an_engine};
use crate::support::settled;

/// The length of a sampled window.
const WINDOW: Nanos = Nanos::from_secs(2);
/// One clock tick: the kernel states the start of a process up to this much too early.
const TICK: Nanos = Nanos::from_millis(10);
/// The time from the exec of a program with half a CPU on a busy machine until its `main`, at most: 452 ms were found for its first start in a
/// fresh clone, whose program was not in the page cache.
const LOADING: Nanos = Nanos::from_secs(1);
/// The time after which a target that listens is found, at most, with an agent that loses its CPU to others.
const FINDING: Nanos = Nanos::from_millis(300);

/// The host's own reading of a group, and when it began.
type HostReading = (Mono, GroupUsage);

/// Returns what the host reads of a group around an instant, every half millisecond.
fn around(group: &Group, edge: Mono) -> Vec<HostReading> {
    let pause = |span: Nanos| std::thread::sleep(span.duration());
    pause(Mono(edge.0.saturating_sub(Nanos::from_millis(30).0)).remaining());
    let mut readings = Vec::new();
    while Mono::now() < edge.after(Nanos::from_millis(60)) {
        readings.push((Mono::now(), group.read()));
        pause(Nanos::from_micros(500));
    }
    readings
}

/// Returns the host's reading that was begun next after the agent's.
fn beside(host: &[HostReading], agent: &Reading) -> GroupUsage {
    host.iter().find(|(at, _)| *at >= agent.at).expect("the host was read at this edge").1
}

/// Samples a window. Returns the larger relative difference between agent and host, of the CPU time and of the time throttled.
///
/// The edges allow for two things: the agent reads the group up to a few milliseconds after the instant that its reading states, and the time
/// throttled grows by some 50 ms at once, at the end of a period of 100 ms. With one second of each in a window, the first is some 0.3 %; the
/// second is 5 % if it falls between both readings, which the median of several windows leaves out.
fn difference(hub: &mut Hub, group: &Group) -> f64 {
    let start = Mono::now().after(Nanos::from_millis(100));
    let end = start.after(WINDOW);
    hub.sample(start, end);
    let (first, last) = (around(group, start), around(group, end));
    let sampled = hub.sampled();
    let (begin, finish) = sampled.readings.edges().expect("two readings");
    let agent = finish.group.unwrap().since(&begin.group.unwrap(), finish.at.since(begin.at).0);
    let host = beside(&last, finish).since(&beside(&first, begin), WINDOW.0);
    assert!(agent.throttled_periods.is_some_and(|periods| periods > 0), "it burns more than it may: {agent:?}");
    processes_agree(&sampled, agent.cpu_ns.unwrap());
    let relative = |agent: Option<u64>, host: Option<u64>| {
        let (agent, host) = (agent.unwrap() as f64, host.unwrap() as f64);
        eprintln!("the agent read {agent} ns, the host {host} ns");
        (agent / host - 1.0).abs()
    };
    relative(agent.cpu_ns, host.cpu_ns).max(relative(agent.throttled_ns, host.throttled_ns))
}

/// The clocks of the sidecar's processes count what its group counts, up to the tick at which the group is brought up to date.
fn processes_agree(sampled: &Sampled, group_ns: u64) {
    let processes = sampled.readings.0.iter().filter_map(|reading| reading.target).map(|tree| tree.processes);
    assert!(processes.clone().count() > 10 && processes.max() == Some(1), "{:?}", sampled.readings);
    let tree_ns = sampled.readings.target_cpu_ns().unwrap() as f64;
    assert!((tree_ns / group_ns as f64 - 1.0).abs() < 0.05, "processes {tree_ns} ns, group {group_ns} ns");
    assert!(sampled.target_threads.is_some() && !sampled.target_ended);
}

/// The sidecar knows by the same clock when its `main` was entered and when it listened.
fn startup_is_true(up: &Up, address: IpAddr, called: Mono) {
    let url = HttpUrl::parse(&format!("http://{address}:8081/truth")).unwrap();
    let truth: serde_json::Value = serde_json::from_slice(&fetch(&url, 1 << 16, &|| false).unwrap()).unwrap();
    let of = |name: &str| Mono(truth[name].as_u64().unwrap());
    let (main, listening) = (of("main_ns"), of("listening_ns"));
    assert!(!up.is_late, "the agent began first");
    assert!(called < up.spawned && up.spawned <= main, "called {called:?}, spawned {:?}, main {main:?}", up.spawned);
    assert!(main.since(up.spawned) < LOADING, "{} from the exec to main", main.since(up.spawned));
    let found = up.spawned.after(Nanos(up.listening_ns));
    // The sidecar reads its clock after it listens, and can lose its CPU for a period in between.
    assert!(found.after(Nanos::from_millis(150)) >= listening, "found before it was true");
    assert!(found.since(listening) < FINDING, "found {} after it was true", found.since(listening));
    assert!(up.healthy_ns.is_some_and(|healthy| healthy < Nanos::from_secs(5).0) && up.ready_ns.is_none(), "{up:?}");
}

/// Returns whether a process with the user of the sidecar, and no capabilities, may read the environment of another one.
fn may_read(pid: i32) -> bool {
    let (user, group) = USER.split_once(':').unwrap();
    let (user, group) = (format!("--reuid={user}"), format!("--regid={group}"));
    let words = [&user, &group, "--clear-groups", "--bounding-set=-all", "cat", &format!("/proc/{pid}/environ")];
    Command::new("setpriv").args(words).output().expect("util-linux is installed").status.success()
}

fn is_the_sidecar(up: &Up) {
    assert_eq!(up.program.get(1).map(String::as_str), Some("__sidecar"), "{:?}", up.program);
    assert_eq!(Some(up.executable.as_path()), up.program.first().map(std::path::Path::new));
}

#[test]
fn a_sidecar_with_limits_is_sampled_as_the_host_sees_it_from_its_start_to_its_end() {
    if !there_is_an_engine("agent") {
        return;
    }
    let (image, network) = (image("agent"), Network::create());
    let mut hub = Hub::listen(network.gateway);
    let options = [hub.variables(), network.join()].concat();
    let agent = Container::run(&image, &options, &hub.agent(&["--direct-port", "8080"]));
    hub.welcome();
    let limits = ["--cpus", "0.5", "--memory", "64m"].map(str::to_owned);
    let called = Mono::now();
    let sidecar = Container::run(&image, &[limits, agent.beside()].concat(), &order());
    let up = hub.begin(&sidecar.id).expect("it comes up");
    is_the_sidecar(&up);
    startup_is_true(&up, agent.address(), called);
    let asked = ResourceLimits { cpus: Some(0.5), memory: Some(Bytes::from_mebi(64)), pids: None };
    assert!(asked.in_force(&up.limits), "asked for {asked}, in force are {}", up.limits);
    let (first, last) = up.readings.edges().expect("before and after the launch");
    assert!(last.at.since(first.at) >= Nanos::from_millis(200) && first.at < up.spawned);

    assert!(may_read(sidecar.pid()) && !may_read(agent.pid()), "the target can read what the agent holds");

    let group = Group::of(sidecar.pid()).expect("the host shows its group");
    settled("the difference between agent and host", 0.0..=0.01, || difference(&mut hub, &group));

    let _client = TcpStream::connect((agent.address(), 8080)).unwrap();
    let start = Mono::now().after(Nanos::from_millis(50));
    hub.sample(start, start.after(Nanos::from_millis(300)));
    assert_eq!(hub.sampled().peers, [network.gateway]);

    docker(&["kill", &sidecar.id]).expect("killed");
    docker(&["wait", &sidecar.id]).expect("ended");
    let start = Mono::now().after(Nanos::from_millis(50));
    hub.sample(start, start.after(Nanos::from_millis(100)));
    let after = hub.sampled();
    assert!(after.target_ended && after.readings.0.iter().all(|reading| reading.target.is_none()), "{after:?}");
    hub.end();
    assert_eq!(docker(&["wait", &agent.id]).as_deref(), Some("0"), "the agent ends well");
}

#[test]
fn an_agent_that_comes_later_finds_the_sidecar_and_only_that() {
    if !there_is_an_engine("agent that comes later") {
        return;
    }
    let (image, network) = (image("late-agent"), Network::create());
    let mut hub = Hub::listen(network.gateway);
    let called = Mono::now();
    let sidecar = Container::run(&image, &network.join(), &order());
    let started = Mono::now();
    let options = [&hub.variables()[..], &sidecar.beside()].concat();
    let _agent = Container::run(&image, &options, &hub.agent(&[]));
    hub.welcome();
    let up = hub.begin(&sidecar.id).expect("it is up");
    is_the_sidecar(&up);
    assert!(up.is_late, "the sidecar began first");
    assert!(up.spawned.after(TICK) >= called && up.spawned <= started, "{called:?} {:?} {started:?}", up.spawned);
    let now = Mono::now();
    assert!(up.spawned.after(Nanos(up.listening_ns)) <= now && up.spawned.after(Nanos(up.healthy_ns.unwrap())) <= now);
    assert_eq!((up.limits.cpus, up.limits.memory), (None, None));
    hub.end();
}

#[test]
fn a_container_that_is_not_in_the_pod_is_refused_by_name() {
    if !there_is_an_engine("agent of another pod") {
        return;
    }
    let (image, network) = (image("strange-agent"), Network::create());
    let mut hub = Hub::listen(network.gateway);
    let sidecar = Container::run(&image, &network.join(), &order());
    let options = [hub.variables(), network.join()].concat();
    let _agent = Container::run(&image, &options, &hub.agent(&[]));
    hub.welcome();
    let message = hub.begin(&sidecar.id).expect_err("it is in another namespace");
    assert!(message.contains("shareProcessNamespace: true"), "{message}");
    hub.end();
}
