//! `harness init` on programs of which is known how they behave, and what it leaves behind.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::beside;
use crate::support::snapshot::matches_file;
use crate::support::{Scratch, harness, processes_naming};
use harness_rig::target::Ports;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Audit limits that no busy host exceeds.
const WIDE: [&str; 8] = [
    "foreign_cpu=100%",
    "steal=100%",
    "target_cpu=100%",
    "achieved=10%",
    "littles_law=1000%",
    "pacer_lag_p99=10s",
    "probe_gap=1s",
    "throttled=100%",
];

/// A folder in which commands are typed, with the free ports that its programs use by name.
struct Folder {
    scratch: Scratch,
    ports: BTreeMap<&'static str, String>,
}

impl Folder {
    fn new() -> Self {
        let allotted = Ports::default();
        let mut free = [(); 3].map(|()| allotted.free().unwrap());
        free.sort_unstable();
        let ports = ["PROXY", "ADMIN", "UPSTREAM"].into_iter().zip(free.map(|port| port.to_string()));
        Self { scratch: Scratch::new(), ports: ports.collect() }
    }

    /// Returns a text with the ports instead of their names.
    fn with_ports(&self, text: &str) -> String {
        self.ports.iter().fold(text.to_owned(), |text, (name, port)| text.replace(name, port))
    }

    /// Returns a text with names instead of what differs from run to run.
    fn without_ports(&self, text: &str) -> String {
        let folder = std::fs::canonicalize(&self.scratch.0).unwrap().display().to_string();
        let text = text.replace(&folder, "FOLDER");
        self.ports.iter().fold(text, |text, (name, port)| text.replace(port.as_str(), name))
    }

    /// Copies a file beside this one into the folder.
    fn copy(&self, name: &str) {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/measuring/init").join(name);
        let text = std::fs::read_to_string(from).unwrap();
        std::fs::write(self.scratch.0.join(name), self.with_ports(&text)).unwrap();
    }

    fn harness(&self) -> Command {
        let mut harness = harness();
        let temporary = self.scratch.0.join("tmp");
        std::fs::create_dir_all(&temporary).unwrap();
        harness.current_dir(&self.scratch.0).env("TMPDIR", temporary);
        harness
    }

    /// Runs `harness init` with these words, which may name ports.
    fn init(&self, words: &str) -> Output {
        let words: Vec<String> = words.split(' ').map(|word| self.with_ports(word)).collect();
        self.harness().arg("init").args(words).output().unwrap()
    }

    /// Checks that nothing runs and no temporary file is left.
    fn is_clean(&self) {
        let left = || processes_naming(&self.scratch.0.join("tmp"));
        let files =
            || std::fs::read_dir(self.scratch.0.join("tmp")).unwrap().flatten().map(|entry| entry.path()).collect();
        let end = Instant::now() + Duration::from_secs(20);
        while Instant::now() < end && !(left().is_empty() && Vec::is_empty(&files())) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let files: Vec<PathBuf> = files();
        assert!(left().is_empty() && files.is_empty(), "{:?} {files:?}", left());
    }

    /// Checks what was written against the snapshots, and that it can be run: one short stage is enough to show that answers are as
    /// expected and arrive at the upstream.
    fn holds(&self, name: &str, output: &Output, files: &[&str]) {
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{stdout}\n{}", String::from_utf8_lossy(&output.stderr));
        self.is_clean();
        let scenario = format!("scenarios/{name}.toml");
        matches_file(&format!("tests/snapshots/init/{name}.txt"), &self.without_ports(&stdout));
        for file in std::iter::once(scenario.as_str()).chain(files.iter().copied()) {
            let text = std::fs::read_to_string(self.scratch.0.join(file)).unwrap();
            let name = Path::new(file).file_name().unwrap().to_str().unwrap();
            matches_file(&format!("tests/snapshots/init/{name}"), &self.without_ports(&text));
        }
        let check = self.harness().args(["check", &scenario]).output().unwrap();
        assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
        let planned = String::from_utf8_lossy(&check.stdout).into_owned();
        assert!(!planned.contains("warning"), "{planned}");
        self.runs(&scenario);
    }

    fn runs(&self, scenario: &str) {
        let short = ["rounds=6", "instances=1", "warmup=50ms", "window=100ms", "vus=2"]
            .map(|set| format!("stage.capacity.{set}"));
        let mut run = self.harness();
        run.args(["run", scenario, "--stage", "capacity", "--quiet"]);
        // The host may be busy. The rules on answers and hits still apply.
        let wide = WIDE.iter().map(|set| format!("audit.{set}"));
        run.args(short.into_iter().chain(wide).flat_map(|set| ["--set".to_owned(), set]));
        let output = run.output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{said}");
    }
}

fn is_installed(program: &str) -> bool {
    let found =
        ["/usr/sbin", "/usr/bin", "/usr/local/bin"].iter().any(|folder| Path::new(folder).join(program).exists());
    if !found {
        eprintln!("SKIPPED: {program} is not installed");
    }
    found
}

#[test]
fn the_reference_sidecar_gets_a_scenario_on_free_ports() {
    let _beside = beside();
    let folder = Folder::new();
    let output = folder.init(
        "-- builtin:sidecar --listen 127.0.0.1:PROXY --admin 127.0.0.1:ADMIN --upstream http://127.0.0.1:UPSTREAM",
    );
    folder.holds("sidecar", &output, &[]);
    let again = folder.init(
        "-- builtin:sidecar --listen 127.0.0.1:PROXY --admin 127.0.0.1:ADMIN --upstream http://127.0.0.1:UPSTREAM",
    );
    assert_eq!(again.status.code(), Some(2), "it exists");
    assert!(String::from_utf8_lossy(&again.stderr).contains("replace it with --force"), "{again:?}");
}

/// The folder of the scenario does not exist yet, and the path of the program is seen from there.
#[test]
fn a_program_in_the_current_folder_is_found_from_the_folder_of_the_scenario() {
    let _beside = beside();
    let folder = Folder::new();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_harness"), folder.scratch.0.join("my-proxy")).unwrap();
    let words =
        "-- ./my-proxy __sidecar --listen 127.0.0.1:PROXY --admin 127.0.0.1:ADMIN --upstream http://127.0.0.1:UPSTREAM";
    folder.holds("my-proxy", &folder.init(words), &[]);
}

#[test]
fn nginx_gets_a_scenario_with_a_template_of_its_configuration() {
    let _beside = beside();
    let folder = Folder::new();
    folder.copy("nginx.conf");
    if is_installed("nginx") {
        folder.holds(
            "nginx",
            &folder.init("-- /usr/sbin/nginx -e stderr -p ./ -c ./nginx.conf"),
            &["scenarios/conf/nginx/nginx.conf"],
        );
    }
}

#[test]
fn haproxy_gets_a_scenario_with_a_template_of_its_configuration() {
    let _beside = beside();
    let folder = Folder::new();
    folder.copy("haproxy.cfg");
    if is_installed("haproxy") {
        folder.holds(
            "haproxy",
            &folder.init("-- /usr/sbin/haproxy -db -f haproxy.cfg"),
            &["scenarios/conf/haproxy/haproxy.cfg"],
        );
    }
}

#[test]
fn caddy_gets_a_scenario_with_a_template_of_its_configuration() {
    let _beside = beside();
    let folder = Folder::new();
    folder.copy("Caddyfile");
    if is_installed("caddy") {
        let output = folder.init("-- /usr/bin/caddy run --adapter caddyfile --config Caddyfile");
        folder.holds("caddy", &output, &["scenarios/conf/caddy/Caddyfile"]);
    }
}

#[test]
fn a_python_server_gets_a_scenario_without_an_upstream() {
    let _beside = beside();
    let folder = Folder::new();
    folder.copy("server.py");
    folder.holds("server", &folder.init("-- python3 ./server.py PROXY"), &[]);
}

/// The program's port is inside a script, and the port of the upstream stands without a host: neither can be replaced.
#[test]
fn ports_that_cannot_be_replaced_stay() {
    let _beside = beside();
    let folder = Folder::new();
    let program = env!("CARGO_BIN_EXE_harness");
    let script = format!(
        "exec {program} __sidecar --listen 127.0.0.1:PROXY --admin 127.0.0.1:ADMIN --upstream http://127.0.0.1:$2\n"
    );
    std::fs::write(folder.scratch.0.join("fixed.sh"), folder.with_ports(&script)).unwrap();
    folder.holds("fixed", &folder.init("-- sh ./fixed.sh --upstream-port UPSTREAM"), &[]);
}

#[test]
fn a_template_works_with_a_program_that_takes_its_flags() {
    let _beside = beside();
    let folder = Folder::new();
    assert!(folder.init("--kind mcp --out mcp.toml").status.success());
    let path = folder.scratch.0.join("mcp.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("./my-proxy", "builtin:sidecar")).unwrap();
    folder.runs("mcp.toml");
}

#[test]
fn a_program_that_does_not_serve_is_reported_with_its_last_words() {
    let _beside = beside();
    let folder = Folder::new();
    let said = |words: &str, code: i32| {
        let output = folder.init(words);
        folder.is_clean();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(!folder.scratch.0.join("scenarios").exists());
        said
    };
    std::fs::write(folder.scratch.0.join("dies.sh"), "echo no licence >&2; exit 3").unwrap();
    let dead = said("-- sh ./dies.sh", 5);
    assert!(dead.contains("exited with code 3 before it listened") && dead.contains("no licence"), "{dead}");
    assert!(said("-- ./no-such-program", 2).contains("no-such-program"));
    // Every answer of this sidecar's upstream is an error.
    let wrong =
        said("-- builtin:sidecar --listen 127.0.0.1:PROXY --upstream http://127.0.0.1:UPSTREAM --error-every 1", 5);
    assert!(
        wrong.contains("GET / at 127.0.0.1:") && wrong.contains("status 50") && wrong.contains("--path /api"),
        "{wrong}"
    );
}

/// Starts `harness init` on a program that never listens, and waits until the program runs.
fn waiting(folder: &Folder) -> Child {
    std::fs::write(folder.scratch.0.join("waits.sh"), "(setsid sleep 1000 &)\nexec sleep 1000\n").unwrap();
    let mut harness = folder.harness();
    let child =
        harness.args(["init", "--", "sh", "./waits.sh"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    let sleeps =
        || processes_naming(&folder.scratch.0.join("tmp")).iter().filter(|(_, line)| line.contains("sleep")).count();
    while sleeps() < 2 {
        assert!(Instant::now() < end, "the program does not run");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

#[test]
fn nothing_remains_after_an_interrupt_and_after_a_kill() {
    let _beside = beside();
    for (signal, code) in [(Signal::SIGINT, Some(130)), (Signal::SIGKILL, None)] {
        let folder = Folder::new();
        let child = waiting(&folder);
        kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), code, "{output:?}");
        folder.is_clean();
        assert!(!folder.scratch.0.join("scenarios").exists());
    }
}
