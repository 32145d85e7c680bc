//! Runs pods: starts their containers in order, states how they are, starts them again, and ends them.

use std::net::{IpAddr, TcpStream};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::container::{self, Started};
use super::groups::Group;
use super::sandbox::{Sandbox, children, comm};
use super::shared::{Live, PodRun, Shared, lock};
use super::status::{self, Ending};
use super::store::Kind;

/// The time before a container is started for the third time, and after each later end.
const BACK_OFF: Duration = Duration::from_secs(10);

/// One container of a pod.
struct Container {
    shared: Arc<Shared>,
    run: Arc<PodRun>,
    pod: Value,
    spec: Value,
    is_sidecar: bool,
    sandbox: Option<Arc<Sandbox>>,
}

fn name_of(object: &Value) -> String {
    object["name"].as_str().or_else(|| object["metadata"]["name"].as_str()).unwrap_or_default().to_owned()
}

/// Runs a pod that was just created. The thread ends with the last of its containers, and returns whether all of them succeeded.
pub(super) fn start(shared: &Arc<Shared>, pod: &Value) -> JoinHandle<bool> {
    let run = Arc::new(PodRun::default());
    lock(&shared.pods).insert(name_of(pod), Arc::clone(&run));
    let (shared, pod) = (Arc::clone(shared), pod.clone());
    spawn(move || {
        let _ended = Ended(Arc::clone(&run));
        run_pod(&shared, &pod, &run)
    })
}

/// States that a pod has ended, even if its thread failed.
struct Ended(Arc<PodRun>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.has_ended.store(true, Ordering::SeqCst);
    }
}

fn run_pod(shared: &Arc<Shared>, pod: &Value, run: &Arc<PodRun>) -> bool {
    let name = name_of(pod);
    let shares = pod["spec"]["shareProcessNamespace"] == true;
    let sandbox = shares.then(|| Arc::new(Sandbox::start(shared)));
    let address = sandbox.as_ref().map_or_else(|| shared.machine(), |sandbox| sandbox.address);
    let scheduled = |pod: &mut Value| {
        status::holds(pod, "PodScheduled");
        pod["spec"]["nodeName"] = "stand-in".into();
        (pod["status"]["hostIP"], pod["status"]["podIP"]) =
            (shared.machine().to_string().into(), address.to_string().into());
        pod["status"]["startTime"] = status::now().into();
    };
    shared.change_pod(&name, scheduled);
    let mut pod = pod.clone();
    scheduled(&mut pod);
    let pod = &pod;
    if shared.faults.no_image.is_some_and(|role| pod["metadata"]["labels"]["harness.role"] == role) {
        lacks_its_image(shared, pod);
        while !run.is_ending() {
            std::thread::sleep(Duration::from_millis(20));
        }
        return false;
    }
    let container = |spec: Value, is_sidecar: bool| {
        let (shared, run, sandbox) = (Arc::clone(shared), Arc::clone(run), sandbox.clone());
        Container { shared, run, pod: pod.clone(), spec, is_sidecar, sandbox }
    };
    let mut sidecars = Vec::new();
    let (first, others): (Vec<_>, Vec<_>) = status::containers(pod).into_iter().partition(|(_, is_first)| *is_first);
    for (spec, _) in first {
        let is_sidecar = spec["restartPolicy"] == "Always";
        let probe = spec["startupProbe"]["tcpSocket"]["port"].as_u64();
        let handle = launch(container(spec, is_sidecar));
        while probe.is_some_and(|port| !listens(address, port)) && !run.is_ending() {
            std::thread::sleep(Duration::from_millis(10));
        }
        if is_sidecar {
            sidecars.push(handle);
        } else if handle.join().unwrap() != 0 {
            return finish(shared, &name, false);
        }
    }
    shared.change_pod(&name, |pod| status::holds(pod, "Initialized"));
    let threads: Vec<_> = others.into_iter().map(|(spec, _)| launch(container(spec, false))).collect();
    shared.change_pod(&name, |pod| {
        status::holds(pod, "ContainersReady");
        status::holds(pod, "Ready");
        pod["status"]["phase"] = "Running".into();
    });
    let codes: Vec<i64> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let has_succeeded = codes.iter().all(|code| *code == 0);
    run.is_ending.store(true, Ordering::SeqCst);
    end_processes(run, true, Signal::SIGTERM);
    sidecars.into_iter().for_each(|sidecar| drop(sidecar.join()));
    finish(shared, &name, has_succeeded)
}

fn listens(address: IpAddr, port: u64) -> bool {
    TcpStream::connect((address, u16::try_from(port).unwrap())).is_ok()
}

fn finish(shared: &Shared, name: &str, has_succeeded: bool) -> bool {
    let phase = if has_succeeded { "Succeeded" } else { "Failed" };
    shared.change_pod(name, |pod| pod["status"]["phase"] = phase.into());
    has_succeeded
}

fn lacks_its_image(shared: &Shared, pod: &Value) {
    for (container, _) in status::containers(pod) {
        let image = container["image"].as_str().unwrap_or_default();
        let message = format!("Back-off pulling image {image:?}");
        let change = |status: &mut Value| status::waits(status, "ImagePullBackOff", &message);
        shared.change_pod(&name_of(pod), |pod| status::of_container(pod, &name_of(&container), change));
    }
}

/// Starts the thread of a container, and waits until the container has started for the first time.
fn launch(container: Container) -> JoinHandle<i64> {
    let (send, started) = std::sync::mpsc::channel();
    let handle = spawn(move || {
        container.keep(&|| {
            let _ = send.send(());
        })
    });
    // A container that did not start has ended its thread.
    let _ = started.recv();
    handle
}

impl Container {
    /// Runs the container, and starts it again as the policy says. Returns its last exit code.
    fn keep(&self, has_started: &dyn Fn()) -> i64 {
        for count in 0_u64.. {
            let code = self.once(count, has_started);
            has_started();
            if !self.is_started_again(code) {
                return code;
            }
            if count > 0 {
                self.change(|status| {
                    status::waits(status, "CrashLoopBackOff", "back-off 10s restarting failed container")
                });
                self.pause(BACK_OFF);
            }
            if self.run.is_ending() {
                return code;
            }
            self.change(status::restarts);
        }
        0
    }

    fn is_started_again(&self, code: i64) -> bool {
        let policy = self.pod["spec"]["restartPolicy"].as_str().unwrap_or("Always");
        let again = self.is_sidecar || policy == "Always" || (policy == "OnFailure" && code != 0);
        again && !self.run.is_ending()
    }

    fn pause(&self, span: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < span && !self.run.is_ending() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn change(&self, change: impl FnOnce(&mut Value)) {
        let name = name_of(&self.spec);
        self.shared.change_pod(&name_of(&self.pod), |pod| status::of_container(pod, &name, change));
    }

    /// Returns the log of the container's start with this number.
    fn log(&self, count: u64) -> PathBuf {
        log_of(&self.shared, &name_of(&self.pod), &name_of(&self.spec), count)
    }

    /// Runs the container once, to its end. Returns its exit code.
    fn once(&self, count: u64, has_started: &dyn Fn()) -> i64 {
        let id: String = (0..4).map(|_| format!("{:016x}", rand::random::<u64>())).collect();
        let (pod, spec, log) = (&self.pod, &self.spec, self.log(count));
        let started = status::now();
        let begun = container::start(&self.shared, pod, spec, self.sandbox.as_deref(), &id, &log);
        let Started { mut child, group } = match begun {
            Ok(begun) => begun,
            Err(error) => {
                eprintln!("a container of the stand-in did not start: {error}");
                self.change(|status| status::ended(status, &id, &Ending { code: 128, reason: "StartError", started }));
                return 128;
            }
        };
        let pid = i32::try_from(child.id()).unwrap();
        let container = name_of(&self.spec);
        lock(&self.run.live).push(Live { container, pid, group, is_sidecar: self.is_sidecar });
        self.change(|status| status::runs(status, &id, &started));
        has_started();
        let exit = child.wait().unwrap();
        let group = self.forget(pid);
        let ending = ending(exit, group.as_ref(), started);
        self.change(|status| status::ended(status, &id, &ending));
        // What is left of the container ends with its first process.
        let left = group.iter().flat_map(Group::processes);
        left.for_each(|pid| signal(pid, Signal::SIGKILL));
        group.iter().for_each(Group::remove);
        ending.code
    }

    fn forget(&self, pid: i32) -> Option<Group> {
        let mut live = lock(&self.run.live);
        let at = live.iter().position(|live| live.pid == pid)?;
        live.remove(at).group
    }
}

fn ending(exit: ExitStatus, group: Option<&Group>, started: String) -> Ending {
    let code = exit.code().unwrap_or_else(|| 128 + exit.signal().unwrap_or(0));
    let reason = match code {
        0 => "Completed",
        137 if group.is_some_and(Group::was_out_of_memory) => "OOMKilled",
        _ => "Error",
    };
    Ending { code: i64::from(code), reason, started }
}

/// Returns the log of the start with this number of a container.
pub(super) fn log_of(shared: &Shared, pod: &str, container: &str, count: u64) -> PathBuf {
    shared.folder.join("logs").join(pod).join(format!("{container}.{count}.log"))
}

fn signal(pid: i32, signal: Signal) {
    // It may have ended.
    let _ = kill(Pid::from_raw(pid), signal);
}

/// Signals the containers of a pod that are sidecars, or those that are not.
fn end_processes(run: &PodRun, sidecars: bool, by: Signal) {
    for live in lock(&run.live).iter().filter(|live| live.is_sidecar == sidecars) {
        let pids = match &live.group {
            Some(group) => group.processes(),
            // It ignores signals, and its child has the program.
            None if comm(live.pid) == "unshare" => children(live.pid),
            None => vec![live.pid],
        };
        pids.into_iter().for_each(|pid| signal(pid, by));
    }
}

/// Ends a pod within its grace period, first what is no sidecar, and removes it.
pub(super) fn delete(shared: &Arc<Shared>, name: &str, grace: Option<u64>) {
    let pod = shared.with(|store| store.get(Kind::Pod, name).cloned());
    let run = lock(&shared.pods).get(name).cloned();
    let (Some(pod), Some(run)) = (pod, run) else { return };
    let grace = grace.or_else(|| pod["spec"]["terminationGracePeriodSeconds"].as_u64()).unwrap_or(30);
    shared.change_pod(name, |pod| {
        pod["metadata"]["deletionTimestamp"] = status::now().into();
        pod["metadata"]["deletionGracePeriodSeconds"] = grace.into();
    });
    let (shared, name) = (Arc::clone(shared), name.to_owned());
    spawn(move || {
        run.is_ending.store(true, Ordering::SeqCst);
        end(&run, Instant::now() + Duration::from_secs(grace));
        lock(&shared.pods).remove(&name);
        shared.with(|store| store.remove(Kind::Pod, &name));
    });
}

/// Ends the containers of a pod, and kills those that still run after an instant.
fn end(run: &PodRun, until: Instant) {
    for sidecars in [false, true] {
        end_processes(run, sidecars, Signal::SIGTERM);
        while Instant::now() < until && lock(&run.live).iter().any(|live| live.is_sidecar == sidecars) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    while !run.has_ended.load(Ordering::SeqCst) {
        [false, true].iter().for_each(|sidecars| end_processes(run, *sidecars, Signal::SIGKILL));
        // `nsenter` stops with its child, and would not see its end.
        lock(&run.live).iter().for_each(|live| signal(live.pid, Signal::SIGCONT));
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Returns the containers that run in a pod, each with its processes.
pub(super) fn running(shared: &Shared, pod: &str) -> Vec<(String, Vec<i32>)> {
    let pods = lock(&shared.pods);
    let Some(run) = pods.get(pod) else { return Vec::new() };
    let live = lock(&run.live);
    let processes = |live: &Live| live.group.as_ref().map_or_else(|| vec![live.pid], Group::processes);
    live.iter().map(|live| (live.container.clone(), processes(live))).collect()
}
