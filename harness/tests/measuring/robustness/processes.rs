//! Process numbers that are given twice, targets that become others, and one that does not want to end.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};

use harness::measure::Ending;
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_rig::keeper::{self, Keeper, clean_env};
use harness_rig::sampler::{Sampler, Tree, Watched};

use crate::alone;
use crate::support::{Ran, Scratch, measured, recovered_from, run, sidecar};

/// The file with the process id that the kernel assigned last; root may write it.
const LAST_PID: &str = "/proc/sys/kernel/ns_last_pid";

/// Creates leftovers of an exited process, and starts another process under its id: repeated until no other process takes the id, and
/// with another process where somebody who lives on was. Skips loudly where the kernel does not let us choose. What was started under
/// another number is dropped.
fn given_twice<E, T>(
    test: &str,
    ended: impl Fn() -> (E, i32),
    start: impl Fn() -> T,
    number: impl Fn(&T) -> i32,
) -> Option<(E, T)> {
    for _ in 0..25 {
        let (left, pid) = ended();
        for _ in 0..20 {
            if let Err(error) = std::fs::write(LAST_PID, (pid - 1).to_string()) {
                eprintln!("SKIPPED {test}: {LAST_PID} cannot be written: {error}; try it as root");
                return None;
            }
            let started = start();
            if number(&started) == pid {
                return Some((left, started));
            }
        }
    }
    panic!("no number was given again");
}

fn command(folder: &Path, name: &str, argv: &[&str]) -> keeper::Command {
    let argv = argv.iter().map(ToString::to_string).collect();
    keeper::Command::new(name, argv, clean_env(folder, &[]), folder.to_owned(), folder.join(format!("{name}.log")))
}

#[test]
fn a_process_that_has_the_number_of_an_ended_one_is_left_in_peace() {
    let _alone = alone();
    let test = "a_process_that_has_the_number_of_an_ended_one_is_left_in_peace";
    let folder = Scratch::new();
    let keeper = Keeper::start_with(Path::new(env!("CARGO_BIN_EXE_harness")), &folder.0).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ended = |name: &str| {
        let child = keeper.spawn(command(&folder.0, name, &["true"])).unwrap();
        assert_eq!(runtime.block_on(child.wait()), Ending::Code(0));
        let pid = child.pid;
        (child, pid)
    };
    // Another process of the keeper's gets the number: stopping or dropping the first one must not touch it.
    let sleeping = || keeper.spawn(command(&folder.0, "second", &["sleep", "1000"])).unwrap();
    let Some((first, second)) = given_twice(test, || ended("first"), sleeping, |child| child.pid) else { return };
    let stopped = runtime.block_on(first.stop(Nanos::from_millis(100)));
    assert_eq!((stopped.ending, stopped.strays), (Ending::Code(0), 0));
    assert_eq!(second.ended(), None);
    drop(first);
    assert_eq!(runtime.block_on(second.stop(Nanos::from_secs(5))).ending, Ending::Signal(15));
    // A process of somebody else's gets it, with a group of its own.
    let strange = || Stranger(Command::new("sleep").arg("1000").process_group(0).spawn().unwrap());
    let Some((third, mut stranger)) = given_twice(test, || ended("third"), strange, Stranger::number) else { return };
    assert_eq!(runtime.block_on(third.stop(Nanos::from_millis(100))).strays, 0);
    drop(third);
    assert!(stranger.0.try_wait().unwrap().is_none());
    runtime.block_on(keeper.shutdown()).unwrap();
    assert!(stranger.0.try_wait().unwrap().is_none());
}

/// A process that the keeper knows nothing of.
struct Stranger(Child);

impl Stranger {
    fn number(&self) -> i32 {
        self.0.id().cast_signed()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

const IDLE: &str = "[stage.idle]\nlaunches = 4\nsettle = \"200ms\"\nwindow = \"700ms\"\n";

/// A worker process uses memory and CPU, even after it was reparented.
const WORKER: [&str; 5] = ["--worker-child", "--worker-ballast", "64MiB", "--worker-burn", "100ms"];

const MIB: f64 = 1024.0 * 1024.0;

/// Returns the sidecar with these flags, started by a shell whose script finds the program as $0 and its arguments as
/// $@.
fn by_shell(script: &str, flags: &[&str]) -> String {
    let program = env!("CARGO_BIN_EXE_harness");
    let command = format!("command = [\"/bin/sh\", \"-c\", '{script}', \"{program}\", \"__sidecar\",");
    sidecar(flags, IDLE).replace("command = [\"builtin:sidecar\",", &command)
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn readings_follow_a_target_that_forks_or_becomes_another() {
    let _alone = alone();
    let light = measured(&sidecar(&[], IDLE));
    let forked = |flag: &'static str| sidecar(&[&WORKER[..], &[flag]].concat(), IDLE);
    let ways: [(&str, String); 4] = [
        ("two forks, and the original exits", forked("--double-fork=exit")),
        ("two forks, and the original stays", forked("--double-fork=stay")),
        ("a shell that waits for it", by_shell("\"$0\" \"$@\"; exit $?", &WORKER)),
        (
            "three programs in one process",
            by_shell("exec sh -c \"exec \\\"\\$0\\\" \\\"\\$@\\\"\" \"$0\" \"$@\"", &WORKER),
        ),
    ];
    for (way, scenario) in ways {
        let first: Ran = measured(&scenario);
        first.expect_code(0);
        let readings = first.stage("idle").instances[0].facts.readings().unwrap().clone();
        let tree = readings.0.last().unwrap().target.unwrap();
        // The program, its worker, and what started it if that stays.
        assert!((2..=3).contains(&tree.processes), "{way}: {tree:?}");
        let again = || measured(&scenario);
        // A second copy of the program and a shell weigh some 3 MiB; without the worker 64 MiB would be missing.
        let pss = |heavy: &Ran| (heavy.value("memory/idle_pss") - light.value("memory/idle_pss"), 64.0 * MIB);
        recovered_from(0.12, &format!("memory, {way}"), &first, again, pss);
        let cpu = |heavy: &Ran| (heavy.value("cpu/idle_percent") - light.value("cpu/idle_percent"), 10.0);
        recovered_from(0.15, &format!("CPU, {way}"), &first, again, cpu);
    }
}

#[test]
fn a_target_that_ignores_sigterm_is_killed_and_named() {
    let _alone = alone();
    let stage = "[stage.startup]\nlaunches = 6\n";
    let impatient = sidecar(&["--ignore-sigterm"], stage).replace("[target]", "[target]\nstop_within = \"200ms\"");
    let ran = run(&impatient);
    ran.expect_code(0);
    assert!(ran.shows("the target ignored SIGTERM for 200 ms and was killed"), "{}", ran.stdout);
    for instance in ran.stage("startup").instances {
        assert_eq!((instance.launch.killed, instance.launch.ending), (true, Some(Ending::Signal(9))));
    }
}

#[test]
fn readings_end_with_the_target_although_its_number_is_given_again() {
    let _alone = alone();
    let test = "readings_end_with_the_target_although_its_number_is_given_again";
    let window = |sampler: &Sampler| {
        let start = Mono::now().after(Nanos::from_millis(30));
        sampler.window(start, start.after(Nanos::from_millis(300))).wait()
    };
    let watched = || {
        let target = Stranger(Command::new("sleep").arg("1000").spawn().unwrap());
        let pid = target.number();
        let tree = Tree { pid, mark: None, group: false };
        let sampler = Sampler::start(Watched { target: Some(tree), ..Watched::default() }).unwrap();
        assert!(window(&sampler).readings.0.iter().all(|reading| reading.target.is_some()));
        (sampler, pid)
    };
    let burning = || Stranger(Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap());
    let Some((sampler, _burning)) = given_twice(test, watched, burning, Stranger::number) else { return };
    let window = window(&sampler);
    assert!(window.readings.0.len() >= 2);
    assert!(window.readings.0.iter().all(|reading| reading.target.is_none()), "{:?}", window.readings);
    assert_eq!((window.readings.target_cpu_ns(), window.peak_rss_bytes, window.target_threads), (None, None, None));
}
