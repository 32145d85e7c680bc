//! Launching targets and upstreams, and finding out when they are up, against processes whose truth is known.
use crate::beside;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use harness::measure::{Ending, ResourceLimits};
use harness_base::clock::Mono;
use harness_base::units::{Bytes, Nanos};
use harness_rig::keeper::{Keeper, Refusal};
use harness_rig::probe::{self, Milestones, watch};
use harness_rig::target::certificates::Certificates;
use harness_rig::target::spec::{Builtin, Endpoints, External, Launch, ProcessSpec, Spec, Upstream};
use harness_rig::target::{Error, HttpUrl, LaunchRequest, Ports, Running, Site, launch, launch_upstream};

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

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
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

fn said(running: &Running, word: &str) -> u64 {
    let lines = running.log_tail(50);
    let found = lines.iter().find_map(|line| line.strip_prefix(word)).expect("the target said so");
    found.trim().parse().unwrap()
}

/// The error of each of five launches is at least zero, and of the best at most 3 ms: other work on the machine delays some.
#[test]
fn listening_and_ready_are_found_within_three_milliseconds_and_never_early() {
    let _beside = beside();
    let place = Place::new("truth");
    let (mut listening, mut ready) = (Vec::new(), Vec::new());
    for round in 0..5 {
        let running = place.launch(&serving(20 + round, 500)).unwrap();
        let spawned = running.spawned.unwrap().0;
        let found = milestones(&running, Nanos::from_secs(10)).unwrap();
        // The sidecar reads its clock after it listens, and can lose its CPU in between.
        let error = |found: u64, truth: u64| {
            assert!(spawned + found + 5_000_000 >= truth, "found before it was true");
            (spawned + found).saturating_sub(truth)
        };
        listening.push(error(found.listening_ns, said(&running, "listening")));
        ready.push(error(found.ready_ns.unwrap(), said(&running, "ready")));
        let healthy = found.healthy_ns.unwrap();
        assert!(found.listening_ns < found.ready_ns.unwrap() && healthy < found.ready_ns.unwrap());
        assert!(found.probe_gap_ns > 250_000, "{}", found.probe_gap_ns);
        let port = running.endpoints.proxy.address.inet().unwrap();
        let stopped = runtime().block_on(running.stop(Nanos::from_secs(2))).unwrap();
        assert!(!stopped.killed, "{stopped:?}");
        assert!(TcpStream::connect(port).is_err(), "the port is still open");
    }
    let best = |errors: &[u64]| errors.iter().min().copied().unwrap();
    assert!(best(&listening) < 3_000_000 && best(&ready) < 3_000_000, "{listening:?} {ready:?}");
    eprintln!("ns late: listening {listening:?}, ready {ready:?}");
}

#[test]
fn a_target_that_exits_is_reported_with_code_and_last_words() {
    let _beside = beside();
    let place = Place::new("exits");
    let running = place.launch(&process(&["sh", "-c", "echo no database >&2; sleep 0.05; exit 3"], &[])).unwrap();
    let error = milestones(&running, Nanos::from_secs(10)).unwrap_err();
    assert!(matches!(error, probe::Error::Exited { ending: Ending::Code(3), .. }), "{error}");
    assert!(error.to_string().contains("exited with code 3") && error.to_string().contains("before it listened"));
    assert_eq!(running.log_tail(3), ["no database"]);
    assert!(running.lost_port().is_none());
}

#[test]
fn not_ready_not_listening_and_silent_are_distinguished() {
    let _beside = beside();
    let place = Place::new("apart");
    let deadline = Nanos::from_millis(400);
    let never_ready = place.launch(&serving(0, 600_000)).unwrap();
    let error = milestones(&never_ready, Nanos::from_secs(2)).unwrap_err();
    let probe::Error::WrongStatus { endpoint: probe::Endpoint::Ready, status: 503, body, waited, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(body, "wait ...");
    assert!(*waited >= Nanos::from_secs(2) && *waited < Nanos::from_secs(60), "{waited}");
    assert!(error.to_string().contains(&format!("curl -i {}", never_ready.endpoints.ready.as_ref().unwrap())));

    let deaf = place.launch(&process(&["sleep", "1000"], &[])).unwrap();
    let error = milestones(&deaf, deadline).unwrap_err();
    let probe::Error::NeverListened { waited, url, .. } = &error else { panic!("{error}") };
    assert!(*waited >= deadline && *waited < Nanos::from_secs(60), "{waited}");
    assert_eq!(*url, deaf.endpoints.proxy.to_string());

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = HttpUrl::parse(&format!("http://{}/health", listener.local_addr().unwrap())).unwrap();
    let silent = harness_rig::target::Endpoints { proxy: url.clone(), health: Some(url), ready: None };
    let error = watch(&silent, Mono::now(), deadline, &AtomicBool::new(false), || None).unwrap_err();
    assert!(matches!(error, probe::Error::TimedOut { endpoint: probe::Endpoint::Health, .. }), "{error}");
}

#[test]
fn a_taken_port_is_named_with_its_owner_and_nothing_is_started() {
    let _beside = beside();
    let place = Place::new("taken");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut spec = process(&["sh", "-c", "touch started"], &[]);
    spec.endpoints.ready = Some(format!("http://127.0.0.1:{port}/ready"));
    let error = place.launch(&spec).unwrap_err();
    let own = std::process::id();
    assert!(error.to_string().contains(&format!("port {port} is already taken by ")), "{error}");
    assert!(error.to_string().contains(&format!("(pid {own}); stop it with: kill {own}")), "{error}");
    assert!(!place.site().scratch.join("target/started").exists());
}

#[test]
fn a_port_lost_to_somebody_else_is_noticed_once_the_target_has_ended() {
    let _beside = beside();
    let place = Place::new("lost");
    let script = "until [ -e end ]; do sleep 0.01; done; exit 1";
    let running = place.launch(&process(&["sh", "-c", script, "{port.proxy}"], &[])).unwrap();
    let _thief = TcpListener::bind(running.endpoints.proxy.address.inet().unwrap()).unwrap();
    assert!(running.lost_port().is_none(), "it still runs");
    std::fs::write(place.site().scratch.join("target/end"), "").unwrap();
    while running.ended().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let (port, owner) = running.lost_port().unwrap();
    assert_eq!((port, owner.pid.unsigned_abs()), (running.endpoints.proxy.port.unwrap(), std::process::id()));
}

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
        let endpoints = Endpoints { proxy: url(""), health: Some(url("/health")), ready: None };
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
