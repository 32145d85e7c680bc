//! Control groups: the readers on captured trees, and groups of our own on this host's kernel.
mod place;

use crate::beside;
use crate::support::waiting::{PATIENCE, comes_true, runtime};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::measure::{Ending, GroupUsage, ResourceLimits};
use harness_base::clock::Mono;
use harness_base::units::{Bytes, Nanos};
use harness_rig::cgroup::{Cleared, Error as GroupError, Group, Own, Version, leftovers, name, remove_leftovers};
use harness_rig::host::Lock;
use harness_rig::keeper::{Error, Refusal, marked};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use place::{
    Control, Place, all_exist, directories, everything, members, none_exists, permitted, sleeping, watch, window,
};

const MIB: u64 = 1 << 20;

fn captured(tree: &str) -> Group {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/measuring/cgroup").join(tree);
    Group::under(&root, 42).unwrap_or_else(|| panic!("{tree}: no group is found"))
}

#[test]
fn captured_trees_of_version_1_are_read_on_the_host_and_in_a_container() {
    let _beside = beside();
    for (tree, cpu_ns) in [("hybrid", 1_324_752_775), ("v1", 1_340_742_633)] {
        let group = captured(tree);
        let usage = GroupUsage {
            cpu_ns: Some(cpu_ns),
            periods: Some(26),
            throttled_periods: Some(26),
            throttled_ns: Some(1_515_526_289),
            memory_bytes: Some(32_538_624),
            memory_peak_bytes: Some(67_108_864),
            anon_bytes: Some(32_202_752),
            oom_kills: Some(1),
            // Memory and swap together were limited to the same, which this kernel does not count.
            limit_hits: None,
            memory_stall_ns: None,
        };
        assert_eq!(group.read(), usage, "{tree}");
        let limits = ResourceLimits { cpus: Some(0.5), memory: Some(Bytes::from_mebi(64)), pids: Some(128) };
        assert_eq!(group.limits(), limits, "{tree}");
    }
}

#[test]
fn a_captured_tree_of_version_2_is_read_in_the_same_units() {
    let _beside = beside();
    let group = captured("v2");
    let usage = GroupUsage {
        cpu_ns: Some(1_340_742_000),
        periods: Some(26),
        throttled_periods: Some(26),
        throttled_ns: Some(1_515_526_000),
        memory_bytes: Some(32_538_624),
        memory_peak_bytes: Some(67_108_864),
        anon_bytes: Some(32_202_752),
        oom_kills: Some(1),
        limit_hits: Some(214),
        memory_stall_ns: None,
    };
    assert_eq!(group.read(), usage);
    let limits = ResourceLimits { cpus: Some(0.5), memory: Some(Bytes::from_mebi(64)), pids: Some(128) };
    assert_eq!(group.limits(), limits);
}

/// Gives a group all the weight it can have, so that others on the machine can hardly keep it from its limit.
fn put_first(group: &Group) {
    let place = group.places().cpu.as_ref().unwrap();
    let (file, most) = match place.version {
        Version::V1 => ("cpu.shares", "262144"),
        Version::V2 => ("cpu.weight", "10000"),
    };
    std::fs::write(place.path.join(file), most).unwrap();
}

#[test]
fn a_target_that_burns_without_end_gets_its_half_and_is_throttled() {
    let _beside = beside();
    if !permitted() {
        return;
    }
    let _alone = Lock::acquire_within(Duration::from_secs(300)).unwrap();
    let place = Place::new();
    let child = place.shell(everything(), "burn() { while :; do :; done; }; burn & burn");
    let group = Group::of(child.pid).unwrap();
    assert_eq!(group.places(), child.group.as_ref().unwrap());
    assert_eq!(group.limits(), everything());
    put_first(&group);
    assert!(comes_true(|| members(&directories(&child)) == 2));
    let sampler = watch(&child);
    // More than its half it never gets; less only while others hold all CPUs, so the best of five windows counts.
    let mut best = [0.0; 3];
    for _ in 0..5 {
        let series = window(&sampler, Nanos::from_secs(2)).readings;
        let delta = series.group_delta().unwrap();
        let cpus = delta.cpus().unwrap();
        let own = series.target_cpu_ns().unwrap() as f64 / series.span_ns().unwrap() as f64;
        assert!(cpus < 0.55 && (own - cpus).abs() < 0.03, "the group says {cpus}, its processes {own}");
        let periods = delta.periods.unwrap() as f64 * 100e6 / series.span_ns().unwrap() as f64;
        assert!((0.75..1.1).contains(&periods), "{periods} periods of 100 ms in 100 ms");
        if cpus > best[0] {
            best = [cpus, delta.throttled_share().unwrap(), delta.throttled_time().unwrap()];
        }
        if best[0] > 0.45 && best[1] > 0.8 {
            break;
        }
    }
    let [cpus, throttled, time] = best;
    assert!((0.45..0.55).contains(&cpus) && throttled > 0.8 && time > 0.1, "{cpus} {throttled} {time}");
}

#[test]
fn memory_is_that_of_the_target_and_the_peak_that_of_the_window() {
    let _beside = beside();
    if !permitted() {
        return;
    }
    let place = Place::new();
    let script = "dd if=/dev/zero of=/dev/null bs=64M count=1 2>/dev/null; echo freed; \
                  dd if=/dev/zero bs=32M count=1 2>/dev/null | { sleep 1000; cat; }";
    let child = place.shell(ResourceLimits { cpus: None, ..everything() }, script);
    let group = Group::open(child.group.clone().unwrap()).unwrap();
    assert!(comes_true(|| child.log_tail(1) == ["freed"]));
    let held = || group.read().anon_bytes.unwrap() >= 32 * MIB;
    assert!(comes_true(held), "{:?}", group.read());
    let usage = group.read();
    assert!(usage.memory_peak_bytes.unwrap() >= 64 * MIB, "{usage:?}");
    assert_eq!((usage.oom_kills, usage.periods), (Some(0), Some(0)), "nothing is limited that could be hit");
    let window = window(&watch(&child), Nanos::from_millis(300));
    let last = window.readings.0.last().unwrap().group.unwrap();
    let anon = last.anon_bytes.unwrap();
    assert!((32 * MIB..40 * MIB).contains(&anon) && last.memory_bytes.unwrap() >= anon, "{last:?}");
    let peak = window.readings.group_peak().unwrap();
    assert!((32 * MIB..60 * MIB).contains(&peak), "{peak} is not the window's");
    if group.reset_peak() {
        let first = window.readings.0[0].group.unwrap();
        assert!(first.memory_peak_bytes.unwrap() < 60 * MIB, "the peak before the window does not count: {first:?}");
    }
}

#[test]
fn a_process_that_outgrows_its_memory_is_killed_by_the_kernel_and_counted() {
    let _beside = beside();
    if !permitted() {
        return;
    }
    let place = Place::new();
    let limits = ResourceLimits { memory: Some(Bytes::from_mebi(32)), ..ResourceLimits::default() };
    let child = place.start(limits, &["tail", "/dev/zero"]).unwrap();
    let group = Group::open(child.group.clone().unwrap()).unwrap();
    let runtime = runtime();
    let ending = runtime.block_on(async { tokio::time::timeout(PATIENCE, child.wait()).await });
    assert_eq!(ending.expect("it was not killed"), Ending::Signal(Signal::SIGKILL as i32));
    let usage = group.read();
    assert_eq!(usage.oom_kills, Some(1), "{usage:?}");
    assert!(usage.limit_hits.is_none_or(|hits| hits >= 1), "{usage:?}");
    let peak = usage.memory_peak_bytes.unwrap();
    assert!((30 * MIB..=32 * MIB).contains(&peak), "{usage:?}");
    assert!(all_exist(&directories(&child)), "the account must outlive the process");
    runtime.block_on(child.stop(Nanos::from_secs(1)));
    assert!(none_exists(&directories(&child)));
    assert!(group.read().is_empty(), "a group that is gone must not read as another: {:?}", group.read());
}

#[test]
fn more_processes_than_allowed_are_refused_to_the_target() {
    let _beside = beside();
    if !permitted() {
        return;
    }
    let place = Place::new();
    let limits = ResourceLimits { pids: Some(3), ..ResourceLimits::default() };
    let child = place.shell(limits, "for i in 1 2 3 4 5 6; do sleep 1000 & done; echo six");
    let ending = runtime().block_on(async { tokio::time::timeout(PATIENCE, child.wait()).await });
    assert!(!matches!(ending, Ok(Ending::Code(0))), "{ending:?} {:?}", child.log_tail(3));
    assert_eq!(Group::open(child.group.clone().unwrap()).unwrap().limits(), limits);
}

/// A shell, a daemon of its own session, and one that threw off its mark and was orphaned.
const DETACHING: &str = "(setsid sleep 1000 &); (env -i setsid sleep 1000 &); exec sleep 1000";

#[test]
fn a_group_is_gone_after_a_stop_a_drop_and_the_keepers_end() {
    let _beside = beside();
    if !permitted() {
        return;
    }
    let place = Place::new();
    let stopped = place.shell(everything(), DETACHING);
    let first = directories(&stopped);
    assert!(comes_true(|| sleeping(&first) == 3));
    let dropped = place.shell(everything(), DETACHING);
    let second = directories(&dropped);
    assert!(comes_true(|| sleeping(&second) == 3) && first != second);
    runtime().block_on(stopped.stop(Nanos::from_secs(1)));
    assert!(none_exists(&first) && all_exist(&second));
    drop(dropped);
    assert!(comes_true(|| none_exists(&second)), "the one without its mark is found in the group");
    let ended = place.shell(everything(), DETACHING);
    let third = directories(&ended);
    assert!(comes_true(|| sleeping(&third) == 3));
    runtime().block_on(place.keeper().shutdown()).unwrap();
    assert!(none_exists(&third));
}

#[test]
fn the_last_readings_of_a_target_tell_why_it_was_killed() {
    let _beside = beside();
    if !permitted() {
        return;
    }
    let place = Place::new();
    let limits = ResourceLimits { memory: Some(Bytes::from_mebi(32)), ..ResourceLimits::default() };
    let child = place.shell(limits, "until [ -e grow ]; do sleep 0.01; done; exec tail /dev/zero");
    let sampler = watch(&child);
    assert!(window(&sampler, Nanos::from_millis(50)).readings.0.iter().all(|reading| reading.target.is_some()));
    let start = Mono::now().after(Nanos::from_millis(30));
    let pending = sampler.window(start, start.after(Nanos::from_secs(5)));
    // The window's first reading is due in 30 ms.
    std::thread::sleep(Duration::from_millis(500));
    std::fs::write(place.folder.join("grow"), "").unwrap();
    let runtime = runtime();
    let ending = runtime.block_on(async { tokio::time::timeout(PATIENCE, child.wait()).await });
    assert_eq!(ending.expect("it was not killed"), Ending::Signal(Signal::SIGKILL as i32));
    let shown = pending.wait();
    let (first, last) = shown.readings.edges().unwrap();
    assert!(first.target.is_some() && first.group.is_some_and(|group| group.oom_kills == Some(0)));
    assert!(last.target.is_none() && last.group.is_some(), "the account outlives the target: {last:?}");
    assert_eq!(shown.readings.group_delta().unwrap().oom_kills, Some(1));
    assert!(shown.readings.group_peak().is_some_and(|peak| peak >= 30 * MIB), "{:?}", shown.readings.group_peak());
    runtime.block_on(child.stop(Nanos::from_secs(1)));
    let gone = window(&sampler, Nanos::from_millis(100));
    assert!(gone.readings.0.iter().all(|reading| reading.group.is_none()), "{gone:?}");
    assert_eq!((gone.readings.group_peak(), gone.readings.group_delta()), (None, None));
}

/// A process without rights for [`without_rights_the_error_says_what_is_missing`]; on its own it does nothing.
#[test]
fn maker_without_rights() {
    let _beside = beside();
    if std::env::var_os("HARNESS_TEST_MAKER").is_some() {
        println!("\nsays {}", Own::create(&name(0), &everything()).unwrap_err());
    }
}

#[test]
fn without_rights_the_error_says_what_is_missing() {
    let _beside = beside();
    let nobody = 65_534;
    // The Unix user `nobody` may lack access to the folder of the test binary, but has access to a copy.
    let place = Place::new();
    let copy = place.folder.join("maker");
    std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let mut command = std::process::Command::new(&copy);
    command
        .args(["--exact", "cgroup::maker_without_rights", "--nocapture"])
        .env("HARNESS_TEST_MAKER", "1")
        .current_dir("/");
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED, only root can start a process that has no rights");
        return;
    }
    let output = command.uid(nobody).gid(nobody).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let message = text.lines().find_map(|line| line.strip_prefix("says ")).unwrap_or_else(|| panic!("{output:?}"));
    assert!(
        message.contains("may not be written") || message.contains("missing") || message.contains("mounted"),
        "{message}"
    );
    assert!(message.contains("run as root") || message.contains("mount"), "{message}");
}

/// The control process of the next two tests; on its own it does nothing.
#[test]
fn control_process_that_gets_killed() {
    let _beside = beside();
    if std::env::var_os("HARNESS_TEST_CONTROL").is_none() {
        return;
    }
    let place = std::mem::ManuallyDrop::new(Place::new());
    let child = place.shell(everything(), DETACHING);
    let paths = directories(&child);
    assert!(comes_true(|| sleeping(&paths) == 3));
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    println!("\nup {} {} {}", place.keeper().pid(), place.folder.display(), paths.join(" "));
    std::thread::sleep(10 * PATIENCE);
}

#[test]
fn no_group_survives_a_kill_dash_nine_of_the_control_process() {
    let _beside = beside();
    if !permitted() {
        return;
    }
    let mut control = Control::start();
    assert!(all_exist(&control.paths) && sleeping(&control.paths) == 3);
    control.kill();
    assert!(comes_true(|| none_exists(&control.paths)), "{:?} are left", control.paths);
    assert!(marked(&format!("{}-", control.keeper)).is_empty());
}

#[test]
fn leftovers_of_a_killed_keeper_are_found_and_removed_and_nothing_else() {
    let _beside = beside();
    if !permitted() {
        return;
    }
    let place = Place::new();
    let other = place.shell(everything(), "sleep 1000");
    let control = Control::start();
    let held = |found: &[PathBuf]| control.paths.iter().filter(|path| found.contains(path)).count();
    assert_eq!(held(&leftovers()), 0, "its keeper lives");
    kill(Pid::from_raw(control.keeper), Signal::SIGKILL).unwrap();
    assert!(comes_true(|| held(&leftovers()) == control.paths.len()));
    let Cleared { removed, kept } = remove_leftovers();
    assert_eq!(held(&removed), control.paths.len(), "kept {kept:?}");
    assert!(none_exists(&control.paths) && all_exist(&directories(&other)));
    assert_eq!(other.ended(), None);
}

#[test]
fn limits_that_cannot_be_set_are_reported_and_leave_nothing() {
    let _beside = beside();
    if !permitted() {
        return;
    }
    let place = Place::new();
    let below_the_least = ResourceLimits { cpus: Some(0.001), ..everything() };
    match place.start(below_the_least, &["sleep", "1000"]) {
        Err(Error::Refused(Refusal::NoGroup { error: GroupError::Refused { path, .. }, .. })) => {
            assert!(path.to_string_lossy().contains("cpu."), "{}", path.display());
            assert!(!path.parent().unwrap().exists());
        }
        other => panic!("{other:?}"),
    }
    let missing = place.start(everything(), &["/no/such/program"]);
    assert!(matches!(missing, Err(Error::Refused(Refusal::NotFound { .. }))), "{missing:?}");
    let unlimited = place.start(ResourceLimits::default(), &["sleep", "1000"]).unwrap();
    assert_eq!(unlimited.group, None);
    let entered = place.shell(everything(), "exit 0");
    assert!(entered.spawned < Mono::now(), "the time to enter its group is part of the past");
}
