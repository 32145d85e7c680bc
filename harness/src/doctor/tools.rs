//! Examines what a run needs (control groups, containers, perf, netem), and whether another run is active.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::unistd::geteuid;

use super::condition::{Condition, State};
use super::source::{Source, number, program};
use crate::measure::ResourceLimits;
use harness_base::units::Bytes;
use harness_rig::cgroup::{self, Own};
use harness_rig::host::{self, Lock};
use harness_rig::netem::{self, Netem};
use harness_rig::target::{ContainerError, engine_version};

/// Up to this level, all users may sample the kernel on behalf of their own processes.
const OPEN_TO_ALL: f64 = 1.0;
/// Up to this level, all users may sample their own code, but not the kernel.
const OWN_CODE: f64 = 2.0;

/// Returns why the timer must not be measured, if there is a reason.
pub(super) fn undisturbed(lock: &Result<Lock, host::Error>) -> Result<(), String> {
    match lock {
        Err(host::Error::Busy { pid }) => Err(format!("{} and would be disturbed", busy(*pid))),
        // Without the lock nothing can run, which condition `other_run` reports.
        Ok(_) | Err(_) => Ok(()),
    }
}

fn busy(pid: Option<i32>) -> String {
    format!("another run{} measures", pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default())
}

/// Checks whether another run is active.
pub(super) fn other_run(source: &Source<'_>) -> Condition {
    judge_run(source.lock.as_ref().err())
}

fn judge_run(error: Option<&host::Error>) -> Condition {
    let (name, why) = ("other_run", "two runs on one host would disturb each other, so the second one waits");
    match error {
        None => Condition::new(name, why, State::Good, "none"),
        Some(host::Error::Busy { pid }) => {
            let stop = pid.map(|pid| format!(", or stop it: kill {pid}")).unwrap_or_default();
            Condition::new(name, why, State::Poor, busy(*pid)).improve(format!("wait until it ends{stop}"))
        }
        Some(other) => advised(name, why, other.problem(), other.remedy()),
    }
}

/// Creates a condition from the two parts of an error.
fn advised(name: &'static str, why: &'static str, problem: String, remedy: String) -> Condition {
    Condition::new(name, why, State::Poor, problem).improve(remedy)
}

/// Checks whether a group with limits can be created, by creating and removing one.
pub(super) fn control_groups(source: &Source<'_>) -> Condition {
    judge_groups(source.host.cgroup.as_deref(), &attempt())
}

/// Performs the steps of the keeper before it starts a target with limits.
fn attempt() -> Result<(), cgroup::Error> {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    let limits = ResourceLimits { cpus: Some(0.5), memory: Some(Bytes::from_mebi(64)), pids: Some(64) };
    let own = Own::create(&cgroup::name(ASKED.fetch_add(1, Ordering::Relaxed)), &limits)?;
    own.entrance().map(drop)
}

fn judge_groups(version: Option<&str>, attempt: &Result<(), cgroup::Error>) -> Condition {
    let (name, why) = ("control_groups", "a control group enforces the limits of a process");
    match attempt {
        Ok(()) => {
            let message = format!("{}, groups with limits can be created", version.unwrap_or("version unknown"));
            Condition::new(name, why, State::Good, message)
        }
        Err(error) => {
            let version = version.map(|version| format!("{version}, ")).unwrap_or_default();
            advised(name, why, format!("{version}{}", error.problem()), error.remedy())
        }
    }
}

/// Checks whether a container engine answers.
pub(super) fn engine(_: &Source<'_>) -> Condition {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => judge_engine(&runtime.block_on(engine_version())),
        Err(error) => {
            Condition::new("engine", ENGINE_MATTERS, State::Unknown, error.to_string()).improve("docker version")
        }
    }
}

const ENGINE_MATTERS: &str = "the engine starts a target in a container and sets its limits";

fn judge_engine(version: &Result<String, ContainerError>) -> Condition {
    match version {
        Ok(version) => Condition::new("engine", ENGINE_MATTERS, State::Good, version.as_str()),
        Err(error) => advised("engine", ENGINE_MATTERS, error.problem(), error.remedy().unwrap_or_default()),
    }
}

/// Checks whether perf may sample a target.
pub(super) fn perf(source: &Source<'_>) -> Condition {
    let level = number(source.root, "proc/sys/kernel/perf_event_paranoid");
    judge_perf(level, geteuid().is_root(), program("perf"))
}

fn judge_perf(level: Option<f64>, root: bool, program: Option<PathBuf>) -> Condition {
    let (name, why) = ("perf", "a profile shows where a target spends its time; nothing else needs it");
    let Some(level) = level else {
        let message = "this kernel has no performance events";
        return Condition::new(name, why, State::Poor, message)
            .improve("check with: ls /proc/sys/kernel/perf_event_paranoid");
    };
    let Some(program) = program else {
        let how = "sudo apt-get install linux-perf, on Ubuntu: linux-tools-$(uname -r)";
        return Condition::new(name, why, State::Poor, "perf is not installed").improve(how);
    };
    let who = if root { ", which does not restrict root" } else { "" };
    let message = format!("{}, perf_event_paranoid = {level}{who}", program.display());
    let state = if root { State::Good } else { State::at_most(level, OPEN_TO_ALL, OWN_CODE) };
    Condition::new(name, why, state, message)
        .number("perf_event_paranoid", level)
        .improve("sudo sysctl -w kernel.perf_event_paranoid=1")
}

/// Checks whether netem can impair packets, by preparing a network namespace that ends with the check.
pub(super) fn netem(_: &Source<'_>) -> Condition {
    judge_netem(&Netem::try_out())
}

fn judge_netem(attempt: &Result<(), netem::Error>) -> Condition {
    let (name, why) =
        ("netem", "netem of the kernel loses packets of TCP, which no relay can do; nothing else needs it");
    match attempt {
        Ok(()) => Condition::new(name, why, State::Good, "a network namespace with netem can be created"),
        Err(error) => advised(name, why, error.problem(), error.remedy()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_run_that_is_under_way_is_left_alone() {
        let by = |pid| Err(host::Error::Busy { pid });
        assert_eq!(undisturbed(&by(Some(42))), Err("another run (pid 42) measures and would be disturbed".to_owned()));
        let found = judge_run(by(Some(42)).as_ref().err());
        assert_eq!((found.state, found.value.as_str()), (State::Poor, "another run (pid 42) measures"));
        assert_eq!(found.improve.as_deref(), Some("wait until it ends, or stop it: kill 42"));
        let shut = host::Error::NoLock { path: "/tmp/harness.lock".into(), cause: std::io::Error::other("shut") };
        let found = judge_run(Some(&shut));
        assert_eq!(found.value, "the lock /tmp/harness.lock cannot be taken: shut");
        assert!(found.improve.is_some_and(|how| how.starts_with("inspect it with: ls -l")));
        assert_eq!((undisturbed(&Err(shut)), judge_run(None).state), (Ok(()), State::Good));
    }

    #[test]
    fn an_error_becomes_a_value_and_advice() {
        let refused = cgroup::Error::NotPermitted { path: "/sys/fs/cgroup/new".into() };
        let found = judge_groups(Some("v2"), &Err(refused));
        assert_eq!(
            (found.state, found.value.as_str()),
            (State::Poor, "v2, /sys/fs/cgroup/new may not be written: permission denied")
        );
        assert!(found.improve.is_some_and(|how| how.starts_with("run as root, or with: systemd-run")));
        assert_eq!(judge_groups(Some("hybrid"), &Ok(())).value, "hybrid, groups with limits can be created");
        let none = judge_engine(&Err(ContainerError::NoEngine { socket: "/var/run/docker.sock".into() }));
        assert_eq!(none.value, "no container engine: there is no socket /var/run/docker.sock");
        assert!(none.improve.is_some_and(|how| how.contains("systemctl start docker")));
    }

    #[test]
    fn netem_is_there_or_has_a_reason() {
        assert_eq!(judge_netem(&Ok(())).state, State::Good);
        let missing = judge_netem(&Err(netem::Error::NoNetem { said: "Error: unknown.".to_owned() }));
        assert_eq!(
            (missing.state, missing.value.as_str()),
            (State::Poor, "this kernel has no netem (sch_netem): Error: unknown.")
        );
        assert!(missing.improve.is_some_and(|how| how.contains("modprobe sch_netem")));
    }

    #[test]
    fn the_group_that_was_made_is_gone() {
        let pid = std::process::id();
        let places = cgroup::Places::of(Path::new("/"), pid.cast_signed()).unwrap_or_default();
        // Whether it succeeds or not, no group may remain, neither below the group of this process nor in an ancestor.
        let _either = attempt();
        let ours = |folder: &Path| {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
            names.filter(|name| name.starts_with("harness-") && name.contains(&format!("-{pid}-"))).collect::<Vec<_>>()
        };
        for place in places.each() {
            let up = place.path.ancestors().take_while(|folder| folder.starts_with(&place.mount));
            assert_eq!(up.flat_map(ours).collect::<Vec<_>>(), Vec::<String>::new());
        }
    }

    #[test]
    fn perf_needs_the_program_the_kernel_and_leave() {
        let perf = || Some(PathBuf::from("/usr/bin/perf"));
        let of = |level, root, program| judge_perf(level, root, program).state;
        let states = [of(Some(1.0), false, perf()), of(Some(2.0), false, perf()), of(Some(3.0), false, perf())];
        assert_eq!(states, [State::Good, State::Fair, State::Poor]);
        assert_eq!(of(Some(4.0), true, perf()), State::Good);
        assert_eq!([of(None, true, perf()), of(Some(-1.0), true, None)], [State::Poor, State::Poor]);
        assert_eq!(judge_perf(Some(2.0), false, perf()).value, "/usr/bin/perf, perf_event_paranoid = 2");
    }
}
