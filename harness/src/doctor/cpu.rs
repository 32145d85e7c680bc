//! Examines the CPUs: their number, and settings that change their speed.

use std::collections::BTreeSet;
use std::path::Path;

use super::condition::{Condition, State};
use super::source::{Source, word};
use harness_base::units::three_digits;
use harness_rig::cgroup::{Group, Place, Places};
use harness_rig::host::{SET_GOVERNOR, SET_SMT, Tuning};

/// One each for target, generator, upstream, and other processes.
const GOOD_CPUS: f64 = 4.0;
/// The target need not wait for the generator, but either of them may limit a capacity (tag `co-located`).
const FAIR_CPUS: f64 = 2.0;

/// Checks the CPUs that this process may use.
pub(super) fn cpus(source: &Source<'_>) -> Condition {
    let online = online(source.root);
    let cores = cores(source.root, &online);
    judge_cpus(source.host.cpus, online.len() as u64, cores)
}

/// Lists the online CPUs; empty if the kernel does not list them.
fn online(root: &Path) -> Vec<u64> {
    word(root, "sys/devices/system/cpu/online").and_then(|text| numbers(&text)).unwrap_or_default()
}

/// Parses a list such as `0-3,8`.
fn numbers(text: &str) -> Option<Vec<u64>> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.trim().parse::<u64>().ok()?..=last.trim().parse().ok()?)
    };
    let ranges: Vec<_> = text.split(',').map(range).collect::<Option<_>>()?;
    Some(ranges.into_iter().flatten().collect())
}

/// Counts the cores of the CPUs `online`.
fn cores(root: &Path, online: &[u64]) -> Option<u64> {
    let core = |cpu: &u64| {
        let part = |name: &str| word(root, &format!("sys/devices/system/cpu/cpu{cpu}/topology/{name}"));
        Some((part("physical_package_id")?, part("core_id")?))
    };
    let cores: BTreeSet<_> = online.iter().map(core).collect::<Option<_>>()?;
    (!cores.is_empty()).then_some(cores.len() as u64)
}

fn judge_cpus(usable: u64, online: u64, cores: Option<u64>) -> Condition {
    let why = "target, generator and upstream share the CPUs; with few CPUs, a rate may be limited by the host";
    let narrowed = usable < online;
    let of = if narrowed { format!(" of {online}") } else { String::new() };
    let cores = cores.map(|cores| format!(" ({cores} core{})", if cores == 1 { "" } else { "s" }));
    let plural = if usable == 1 && !narrowed { "" } else { "s" };
    let message = format!("{usable}{of} CPU{plural}{}", cores.unwrap_or_default());
    let state = if usable == 0 { State::Unknown } else { State::at_least(usable as f64, GOOD_CPUS, FAIR_CPUS) };
    let how = if narrowed {
        format!("let this shell use all of them: taskset -cp 0-{} $$", online - 1)
    } else {
        "use a host with at least 4 CPUs, above all for capacity".to_owned()
    };
    Condition::new("cpus", why, state, message).number("usable_cpus", usable as f64).improve(how)
}

/// Checks the CPU limit of the harness and its children.
pub(super) fn quota(source: &Source<'_>) -> Condition {
    let own = Places::of(source.root, std::process::id().cast_signed()).and_then(|places| places.cpu);
    judge_quota(own.as_ref().and_then(tightest), source.host.cpus)
}

/// Returns the tightest CPU limit of a group and its ancestors, in CPUs.
fn tightest(place: &Place) -> Option<f64> {
    let up = place.path.ancestors().take_while(|directory| directory.starts_with(&place.mount));
    let limit = |directory: &Path| {
        let cpu = Some(Place { path: directory.to_owned(), ..place.clone() });
        Group::open(Places { cpu, ..Places::default() })?.limits().cpus
    };
    up.filter_map(limit).min_by(f64::total_cmp)
}

fn judge_quota(quota: Option<f64>, usable: u64) -> Condition {
    let why = "a limit on the harness's own control group holds back generator, upstream and target together";
    let binding = quota.filter(|quota| *quota < usable as f64);
    let Some(quota) = binding else {
        return Condition::new("cpu_quota", why, State::Good, "none");
    };
    let state = if quota >= FAIR_CPUS { State::Fair } else { State::Poor };
    Condition::new("cpu_quota", why, state, format!("{} of {usable} CPUs", three_digits(quota)))
        .number("quota_cpus", quota)
        .improve("start the container or the job without a CPU limit (docker run without --cpus)")
}

/// Checks whether threads share a core.
pub(super) fn smt(source: &Source<'_>) -> Condition {
    judge_smt(word(source.root, "sys/devices/system/cpu/smt/active").as_deref())
}

fn judge_smt(active: Option<&str>) -> Condition {
    let why = "two threads of a core share its execution units, so one slows down while the other is busy";
    let (state, message) = match active {
        Some("0") => (State::Good, "off"),
        Some("1") => (State::Fair, "on"),
        _ => (State::Unknown, "the kernel does not report it"),
    };
    let condition = Condition::new("smt", why, state, message);
    if state == State::Fair {
        return condition.improve(SET_SMT);
    }
    condition.improve("check with: lscpu | grep Thread")
}

pub(super) fn governor(source: &Source<'_>) -> Condition {
    let of = |cpu: &u64| word(source.root, &format!("sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor"));
    judge_governor(&online(source.root).iter().filter_map(of).collect())
}

fn judge_governor(found: &BTreeSet<String>) -> Condition {
    let why = "a governor that follows the load changes the CPU frequency in the middle of a window";
    let state = match found.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => State::Unknown,
        ["performance"] => State::Good,
        _ => State::Fair,
    };
    if state == State::Unknown {
        let message = "not visible; in a virtual machine, the hypervisor controls it";
        return Condition::new("governor", why, state, message)
            .improve("check on the host itself: cpupower frequency-info");
    }
    let message = found.iter().cloned().collect::<Vec<_>>().join(", ");
    Condition::new("governor", why, state, message).improve(SET_GOVERNOR)
}

/// Checks whether CPUs run faster than their sustained frequency.
pub(super) fn turbo(source: &Source<'_>) -> Condition {
    judge_turbo(source.root)
}

fn judge_turbo(root: &Path) -> Condition {
    let why = "turbo ends when the chip is hot, so the first rounds are faster than the last ones";
    match Tuning::read(root).boost {
        None => Condition::new(
            "turbo",
            why,
            State::Unknown,
            "not visible; in a virtual machine, the hypervisor controls it",
        )
        .improve("check on the host itself: cpupower frequency-info"),
        Some(boost) if boost.on => Condition::new("turbo", why, State::Fair, "on").improve(boost.switch.set()),
        Some(_) => Condition::new("turbo", why, State::Good, "off"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::tree::Tree;
    use super::*;
    use harness_rig::host::BoostSwitch;

    const CPU: &str = "sys/devices/system/cpu";

    #[test]
    fn threads_of_one_core_are_counted_once() {
        let tree = Tree::new(&[(&format!("{CPU}/online"), "0-2,5\n")]);
        for (cpu, core) in [(0, "0"), (1, "0"), (2, "1"), (5, "1")] {
            tree.write(&format!("{CPU}/cpu{cpu}/topology/core_id"), core);
            tree.write(&format!("{CPU}/cpu{cpu}/topology/physical_package_id"), "0\n");
        }
        let found = online(tree.path());
        assert_eq!((found.as_slice(), cores(tree.path(), &found)), ([0, 1, 2, 5].as_slice(), Some(2)));
        // The same core number in another package is another core.
        tree.write(&format!("{CPU}/cpu5/topology/physical_package_id"), "1\n");
        assert_eq!(cores(tree.path(), &found), Some(3));
        assert_eq!((numbers("0-"), numbers(""), cores(tree.path(), &[7])), (None, None, None));
    }

    #[test]
    fn few_cpus_are_worse_and_withheld_ones_are_named() {
        let states = [8, 4, 3, 2, 1, 0].map(|usable| judge_cpus(usable, usable, None).state);
        assert_eq!(states, [State::Good, State::Good, State::Fair, State::Fair, State::Poor, State::Unknown]);
        assert_eq!(judge_cpus(8, 8, Some(4)).value, "8 CPUs (4 cores)");
        let narrowed = judge_cpus(1, 8, None);
        assert_eq!(narrowed.value, "1 of 8 CPUs");
        assert!(narrowed.improve.is_some_and(|how| how.ends_with("taskset -cp 0-7 $$")));
    }

    #[test]
    fn the_tightest_quota_of_all_groups_above_counts() {
        let pid = std::process::id();
        let tree = Tree::new(&[
            (&format!("proc/{pid}/cgroup"), "0::/job/step\n"),
            ("proc/self/mountinfo", "1 2 0:3 / /sys/fs/cgroup rw - cgroup2 none rw\n"),
            ("sys/fs/cgroup/job/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/job/step/cpu.max", "max 100000\n"),
        ]);
        for group in ["", "job/", "job/step/"] {
            tree.write(&format!("sys/fs/cgroup/{group}cpu.stat"), "usage_usec 1\n");
        }
        let place = Places::of(tree.path(), pid.cast_signed()).unwrap().cpu.unwrap();
        assert_eq!(tightest(&place), Some(1.5));
        tree.write("sys/fs/cgroup/job/step/cpu.max", "50000 100000\n");
        assert_eq!(tightest(&place), Some(0.5));
        let states = [None, Some(4.0), Some(2.5), Some(0.5)].map(|quota| judge_quota(quota, 4).state);
        assert_eq!(states, [State::Good, State::Good, State::Fair, State::Poor]);
        assert_eq!(judge_quota(Some(0.5), 4).value, "0.500 of 4 CPUs");
    }

    #[test]
    fn every_cpu_has_a_say_about_the_governor() {
        let of = |names: &[&str]| judge_governor(&names.iter().map(|name| (*name).to_owned()).collect());
        let states =
            [&["performance"][..], &["schedutil"], &["performance", "powersave"], &[]].map(|names| of(names).state);
        assert_eq!(states, [State::Good, State::Fair, State::Fair, State::Unknown]);
        assert_eq!(of(&["performance", "powersave"]).value, "performance, powersave");
    }

    #[test]
    fn both_switches_of_turbo_are_understood() {
        let of = |file: &str, text: &str| judge_turbo(Tree::new(&[(file, text)]).path());
        let [intel, boost] = BoostSwitch::ALL.map(BoostSwitch::file);
        let states =
            [of(intel, "1"), of(intel, "0"), of(boost, "1"), of(boost, "0"), of("none", "")].map(|one| one.state);
        assert_eq!(states, [State::Good, State::Fair, State::Fair, State::Good, State::Unknown]);
        assert!(of(boost, "1\n").improve.is_some_and(|how| how.starts_with("echo 0") && how.ends_with("boost")));
    }

    #[test]
    fn threads_of_a_core_are_a_matter_of_care() {
        let states = [Some("0"), Some("1"), None, Some("?")].map(|active| judge_smt(active).state);
        assert_eq!(states, [State::Good, State::Fair, State::Unknown, State::Unknown]);
    }
}
