//! Launches of targets and upstreams with files, values and limits, and targets that run already.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Place, milestones, process, serving};
use crate::beside;
use crate::support::waiting::runtime;
use harness::measure::{Ending, ResourceLimits};
use harness_base::units::{Bytes, Nanos};
use harness_rig::keeper::Refusal;
use harness_rig::target::spec::{Builtin, Endpoints, External, Launch, Spec, Upstream};
use harness_rig::target::{Error, HttpUrl, LaunchRequest, launch, launch_upstream};

#[test]
fn a_target_gets_its_files_its_folder_and_its_values() {
    let _beside = beside();
    let place = Place::new("values");
    std::fs::write(place.root.join("proxy.conf"), "server { listen {port.proxy}; } # {upstream.url}\n").unwrap();
    let script = "cat \"$CONF\"; pwd; echo $1";
    let mut spec = process(&["sh", "-c", script, "sh", "{port.proxy}"], &[("CONF", "{file.etc/proxy.conf}")]);
    spec.files = vec![("etc/proxy.conf".to_owned(), PathBuf::from("proxy.conf"))];
    let upstream = HttpUrl::parse("http://127.0.0.1:7/").unwrap();
    let order = LaunchRequest {
        site: place.site(),
        name: "idle-1",
        spec: &spec,
        upstream: Some(&upstream),
        egress: None,
        cpuset: Some(&[0]),
        limits: None,
        allotted: None,
    };
    let runtime = runtime();
    let (first, second) = runtime.block_on(async { (launch(&order).await.unwrap(), launch(&order).await.unwrap()) });
    assert_ne!(first.endpoints.proxy.port, second.endpoints.proxy.port);
    for (running, folder) in [(first, "idle-1"), (second, "idle-1-2")] {
        while running.ended().is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let port = running.endpoints.proxy.port.unwrap();
        let conf = format!("server {{ listen {port}; }} # http://127.0.0.1:7");
        let cwd = place.site().scratch.join(folder).canonicalize().unwrap();
        assert_eq!(running.log_tail(5), [conf, cwd.display().to_string(), port.to_string()]);
        assert!(running.program[0].starts_with('/') && running.program[0].ends_with("/sh"), "{:?}", running.program);
        assert!(running.ours() && !running.builtin);
    }
}

#[test]
fn a_target_with_limits_runs_in_a_group_of_its_own() {
    let _beside = beside();
    let place = Place::new("limited");
    let spec = process(&["sleep", "1000"], &[]);
    let limits = ResourceLimits { pids: Some(7), ..ResourceLimits::default() };
    let order = LaunchRequest {
        site: place.site(),
        name: "a",
        spec: &spec,
        upstream: None,
        egress: None,
        cpuset: None,
        limits: Some(&limits),
        allotted: None,
    };
    let running = match runtime().block_on(launch(&order)) {
        Err(Error::Keeper(harness_rig::keeper::Error::Refused(Refusal::NoGroup { error, .. }))) => {
            eprintln!("SKIPPED, no control group can be made here: {error}");
            return;
        }
        launched => launched.unwrap(),
    };
    let group = running.group().unwrap();
    assert!(running.limited && limits.in_force(&group.limits()), "{:?}", group.limits());
    let unlimited = place.launch(&spec).unwrap();
    assert!(!unlimited.limited);
    assert!(unlimited.group().is_none_or(|other| other.places() != group.places()));
    runtime().block_on(running.stop(Nanos::from_secs(2)));
    assert!(group.read().is_empty(), "the group outlived its target");
}

#[test]
fn mistakes_before_the_start_say_where_and_what_to_do() {
    let _beside = beside();
    let place = Place::new("mistakes");
    let message = |spec: &Spec| place.launch(spec).map(|_| ()).unwrap_err().to_string();
    let missing = place.launch(&process(&["no-such-proxy"], &[])).map(|_| ()).unwrap_err();
    assert!(
        matches!(&missing, Error::Keeper(harness_rig::keeper::Error::Refused(Refusal::NotInPath { .. }))),
        "{missing:?}"
    );
    assert!(
        message(&process(&["./no-such-proxy"], &[]))
            .contains(&place.root.join("./no-such-proxy").display().to_string())
    );
    let unset = message(&process(&["${HARNESS_NO_SUCH_BIN}"], &[]));
    assert!(unset.starts_with("target.process.command: ") && unset.contains("export HARNESS_NO_SUCH_BIN="), "{unset}");
    assert!(
        message(&process(&["sleep"], &[("A", "{prot.a}")]))
            .starts_with("target.process.env.A: {prot.a} is not a placeholder")
    );
    assert!(message(&process(&["builtin:sidekick"], &[])).contains("builtin:sidecar"));
    assert!(message(&process(&[], &[])).contains("needs at least a program"));
    let mut spec = process(&["sleep"], &[]);
    spec.files = vec![("a".to_owned(), PathBuf::from("no-such-template"))];
    assert!(message(&spec).contains("no-such-template"));
    spec.files = vec![("../a".to_owned(), PathBuf::from("no-such-template"))];
    assert!(message(&spec).contains("plain relative path"));
    let mut spec = process(&["sleep"], &[]);
    spec.endpoints.health = Some("ftp://127.0.0.1".to_owned());
    assert!(message(&spec).starts_with("target.endpoints.health: "));
}

#[test]
fn an_external_target_is_found_watched_and_never_stopped() {
    let _beside = beside();
    let place = Place::new("external");
    let ours = place.launch(&serving(0, 0)).unwrap();
    milestones(&ours, Nanos::from_secs(10)).unwrap();
    let port = ours.endpoints.proxy.port.unwrap();
    let external = |which: External| {
        let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
        let endpoints = Endpoints { proxy: url(""), health: Some(url("/health")), ready: None, others: Vec::new() };
        let launch = Launch::External(which);
        Spec { launch, endpoints, ..serving(0, 0) }
    };
    let by_pid = place.launch(&external(External::Pid(ours.pid.unsigned_abs().into()))).unwrap();
    let by_port = place.launch(&external(External::Port(port.into()))).unwrap();
    assert_eq!((by_pid.pid, by_port.pid), (ours.pid, ours.pid));
    assert!(!by_port.ours() && by_port.spawned.is_none() && by_port.mark.is_none());
    assert_eq!(by_port.executable, std::env::current_exe().unwrap().canonicalize().unwrap());
    assert!(milestones(&by_port, Nanos::from_secs(5)).unwrap().ready_ns.is_none());
    assert_eq!(runtime().block_on(by_port.stop(Nanos::from_secs(1))), None);
    assert_eq!(ours.ended(), None);
    let limits = ResourceLimits { cpus: Some(0.5), ..ResourceLimits::default() };
    let spec = external(External::Pid(ours.pid.unsigned_abs().into()));
    let order = LaunchRequest {
        site: place.site(),
        name: "limited",
        spec: &spec,
        upstream: None,
        egress: None,
        cpuset: None,
        limits: Some(&limits),
        allotted: None,
    };
    assert!(matches!(runtime().block_on(launch(&order)), Err(Error::LimitsOfOthers)));
    runtime().block_on(ours.stop(Nanos::from_secs(2))).unwrap();
    assert_eq!(by_pid.ended(), Some(Ending::Unknown));
    assert!(matches!(place.launch(&external(External::Port(port.into()))), Err(Error::NotListening { .. })));
    let missing = place.launch(&external(External::Pid(by_pid.pid.unsigned_abs().into())));
    assert!(matches!(missing, Err(Error::NoProcess { .. })));
}

#[test]
fn upstreams_are_started_or_taken_as_they_are() {
    let _beside = beside();
    let mut place = Place::new("upstream");
    // The bundled upstream's flags, as `echo` sees them.
    place.site.as_mut().unwrap().exe = find("echo");
    let args = vec!["--seed".into(), "1".into()];
    let builtin = Builtin { body: Bytes(1024), delay: Nanos(7), args, ..Builtin::default() };
    let runtime = runtime();
    let mock = runtime.block_on(launch_upstream(&Upstream::Builtin(builtin), place.site(), "upstream")).unwrap();
    let running = mock.running.unwrap();
    while running.ended().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let port = mock.url.port.unwrap();
    let flags = format!("__upstream --listen 127.0.0.1:{port} --body 1024B --delay 7ns --seed 1 --admin-stdio\n");
    let (_stdin, stdout) = mock.admin.unwrap();
    let mut printed = String::new();
    std::fs::File::from(stdout).read_to_string(&mut printed).unwrap();
    assert_eq!(printed, flags);
    assert!(running.builtin);

    let taken =
        runtime.block_on(launch_upstream(&Upstream::Url("http://127.0.0.1:9/x".into()), place.site(), "u")).unwrap();
    assert!(taken.running.is_none());
    assert_eq!(taken.url.to_string(), "http://127.0.0.1:9/x");

    let Launch::Process(process) = serving(0, 0).launch else { panic!("a process") };
    let own = Upstream::Process { process, url: "http://127.0.0.1:{port.proxy}".into() };
    let own = runtime.block_on(launch_upstream(&own, place.site(), "upstream")).unwrap();
    let running = own.running.unwrap();
    assert!(milestones(&running, Nanos::from_secs(10)).unwrap().healthy_ns.is_none());
    assert!(!running.builtin && running.endpoints.proxy == own.url);
}

fn find(program: &str) -> PathBuf {
    harness_rig::keeper::find_program(program, Path::new("/"), &std::env::var("PATH").unwrap()).unwrap()
}
