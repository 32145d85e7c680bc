//! Where the tests run: a keeper, a control process to be killed, and what they ask of a group.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use harness::measure::ResourceLimits;
use harness_base::clock::Mono;
use harness_base::units::{Bytes, Nanos};
use harness_rig::cgroup::{Own, name};
use harness_rig::keeper::{Child, Command, Error, Keeper, clean_env};
use harness_rig::sampler::{Sampler, Tree, Watched, Window};

use crate::support::waiting::comes_true;

/// Returns whether groups can be made here. Where they cannot, the tests that need them say so and end.
#[expect(clippy::print_stderr, reason = "a test that is skipped must not look like one that passed")]
pub fn permitted() -> bool {
    // Tests of one process may ask at the same time.
    static ASKED: AtomicU64 = AtomicU64::new(0);
    match Own::create(&name(ASKED.fetch_add(1, Ordering::Relaxed)), &everything()) {
        Ok(_) => true,
        Err(error) => {
            assert!(std::env::var_os("HARNESS_REQUIRE_DOCKER").is_none(), "groups must be possible here: {error}");
            eprintln!("SKIPPED, no control group can be made here: {error}");
            false
        }
    }
}

pub fn everything() -> ResourceLimits {
    ResourceLimits { cpus: Some(0.5), memory: Some(Bytes::from_mebi(256)), pids: Some(64) }
}

/// A folder and a keeper, removed and ended with the test.
pub struct Place {
    pub keeper: Option<Keeper>,
    pub folder: PathBuf,
}

impl Place {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("harness-cgroup-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let keeper = Some(Keeper::start_with(Path::new(env!("CARGO_BIN_EXE_harness")), &folder).unwrap());
        Self { keeper, folder }
    }

    pub fn keeper(&self) -> &Keeper {
        self.keeper.as_ref().unwrap()
    }

    pub fn start(&self, limits: ResourceLimits, argv: &[&str]) -> Result<Child, Error> {
        let argv = argv.iter().map(ToString::to_string).collect();
        let (env, log) = (clean_env(&self.folder, &[]), self.folder.join("target.log"));
        let mut command = Command::new("target", argv, env, self.folder.clone(), log);
        command.limits = Some(limits);
        self.keeper().spawn(command)
    }

    pub fn shell(&self, limits: ResourceLimits, script: &str) -> Child {
        self.start(limits, &["sh", "-c", script]).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.keeper.take());
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

pub fn watch(child: &Child) -> Sampler {
    let target = Some(Tree { pid: child.pid, mark: Some(child.mark.clone()), group: true });
    Sampler::start(Watched { target, ..Watched::default() }).unwrap()
}

pub fn window(sampler: &Sampler, length: Nanos) -> Window {
    let start = Mono::now().after(Nanos::from_millis(30));
    sampler.window(start, start.after(length)).wait()
}

/// Returns the directories of its group.
pub fn directories(child: &Child) -> Vec<PathBuf> {
    let places = child.group.as_ref().expect("it has a group");
    let paths: Vec<PathBuf> = places.each().map(|place| place.path.clone()).collect();
    assert!(paths.len() >= 2, "{paths:?}");
    paths
}

pub fn all_exist(paths: &[PathBuf]) -> bool {
    paths.iter().all(|path| path.is_dir())
}

pub fn none_exists(paths: &[PathBuf]) -> bool {
    paths.iter().all(|path| !path.exists())
}

/// A control process with its keeper and the directories of the group it made.
pub struct Control {
    process: std::process::Child,
    pub keeper: i32,
    pub folder: PathBuf,
    pub paths: Vec<PathBuf>,
}

impl Control {
    pub fn start() -> Self {
        let mut process = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "cgroup::control_process_that_gets_killed", "--nocapture"])
            .env("HARNESS_TEST_CONTROL", "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let said = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("up ").map(str::to_owned));
        let said = said.expect("the control process started");
        let mut words = said.split(' ');
        let (keeper, folder) = (words.next().unwrap().parse().unwrap(), words.next().unwrap().into());
        Self { process, keeper, folder, paths: words.map(PathBuf::from).collect() }
    }

    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
        comes_true(|| none_exists(&self.paths));
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

/// Counts the members that run `sleep`. The shells that start them are members for a moment only.
pub fn sleeping(paths: &[PathBuf]) -> usize {
    let runs_sleep =
        |pid: &&str| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_end() == "sleep");
    let members = std::fs::read_to_string(paths[0].join("cgroup.procs")).unwrap_or_default();
    members.lines().filter(runs_sleep).count()
}

pub fn members(paths: &[PathBuf]) -> usize {
    std::fs::read_to_string(paths[0].join("cgroup.procs")).unwrap_or_default().lines().count()
}
