//! The facts about this machine that affect measurements.

use std::fs::read_to_string;
use std::path::Path;

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;
use procfs::process::Process;
use procfs::{CpuInfo, Current, FromRead, LoadAverage, Meminfo};
use sha2::{Digest, Sha256};

use super::data::HostFacts;
use super::tuning::Tuning;
use super::word::word;
use crate::cgroup::Quota;

/// Gathers the facts. What the kernel does not report is absent, or `unknown` where the record needs a text.
pub fn facts() -> HostFacts {
    let unknown = || "unknown".to_owned();
    let cpu = CpuInfo::current().ok();
    HostFacts {
        cpu_model: cpu.as_ref().and_then(cpu_model).unwrap_or_else(unknown),
        cpus: usable_cpus(),
        cpu_quota: Quota::of_self().cpus(),
        memory_bytes: Meminfo::current().map_or(0, |memory| memory.mem_total),
        kernel: word(Path::new("/proc/sys/kernel/osrelease")).unwrap_or_else(unknown),
        os: os().unwrap_or_else(unknown),
        virtualization: virtualization(Path::new("/")),
        cgroup: cgroup(),
        governor: word(Path::new("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")),
        tuning: Some(Tuning::read(Path::new("/"))),
        clock_source: word(Path::new("/sys/devices/system/clocksource/clocksource0/current_clocksource")),
        machine: machine(),
        load_average: LoadAverage::current().map_or(0.0, |load| f64::from(load.one)),
    }
}

/// Identifies this machine since it started, without revealing its id.
fn machine() -> Option<String> {
    let boot = word(Path::new("/proc/sys/kernel/random/boot_id"))?;
    let id = word(Path::new("/etc/machine-id")).unwrap_or_default();
    Some(format!("{:x}", Sha256::digest(format!("harness {id} {boot}")))[..32].to_owned())
}

/// Identifies an ARM CPU by implementer and part numbers, because ARM kernels report no model.
fn cpu_model(cpu: &CpuInfo) -> Option<String> {
    let field = |name: &str| cpu.get_field(0, name).map(|value| value.trim().to_owned());
    field("model name").or_else(|| {
        let (implementer, part) = (field("CPU implementer")?, field("CPU part")?);
        Some(format!("{} implementer {implementer} part {part}", std::env::consts::ARCH))
    })
}

/// Returns the number of CPUs this process may run on, which can be fewer than the host has because of a container or `taskset`.
fn usable_cpus() -> u64 {
    let allowed = Some(allowed_cpus(0).len()).filter(|count| *count > 0);
    allowed.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).map_or(0, |count| count as u64)
}

/// Returns the CPUs that a process may use, 0 for this one, in ascending order; empty if that is not known.
pub(crate) fn allowed_cpus(pid: i32) -> Vec<usize> {
    let allowed = sched_getaffinity(Pid::from_raw(pid));
    let cpus = |set: CpuSet| (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false)).collect();
    allowed.map(cpus).unwrap_or_default()
}

fn os() -> Option<String> {
    ["/etc/os-release", "/usr/lib/os-release"].iter().find_map(|path| pretty_name(&read_to_string(path).ok()?))
}

/// Returns `PRETTY_NAME` of an os-release file, whose values may be quoted like a shell's.
fn pretty_name(os_release: &str) -> Option<String> {
    let value = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim().trim_matches(['"', '\'']).to_owned())
}

/// Returns container and hypervisor, the inner one first, by the files below `root` (`/` for this host).
pub fn virtualization(root: &Path) -> Option<String> {
    let container = [(".dockerenv", "docker"), ("run/.containerenv", "podman")];
    let container = container.iter().find(|(path, _)| root.join(path).exists()).map(|(_, name)| (*name).to_owned());
    let cpu = CpuInfo::from_file(root.join("proc/cpuinfo")).ok();
    let flags = cpu.as_ref().and_then(|cpu| cpu.get_field(0, "flags"));
    let guest = flags.is_some_and(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor"));
    let machine = guest.then(|| {
        let vendor = word(&root.join("sys/class/dmi/id/sys_vendor"));
        vendor.map_or_else(|| "virtual machine".to_owned(), |vendor| format!("virtual machine ({vendor})"))
    });
    let layers: Vec<String> = container.into_iter().chain(machine).collect();
    (!layers.is_empty()).then(|| layers.join(" on "))
}

fn cgroup() -> Option<String> {
    let mounts = Process::myself().and_then(|own| own.mountinfo()).ok()?;
    let kinds: Vec<&str> = mounts.iter().map(|mount| mount.fs_type.as_str()).collect();
    cgroup_version(&kinds).map(str::to_owned)
}

/// Returns the version of the control groups by the types of the mounted file systems.
fn cgroup_version(kinds: &[&str]) -> Option<&'static str> {
    match (kinds.contains(&"cgroup"), kinds.contains(&"cgroup2")) {
        (true, true) => Some("hybrid"),
        (true, false) => Some("v1"),
        (false, true) => Some("v2"),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distribution_is_read_without_its_quotes() {
        let file = "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n";
        assert_eq!(pretty_name(file).as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
        assert_eq!(pretty_name("NAME=x\n"), None);
    }

    #[test]
    fn hybrid_is_neither_v1_nor_v2() {
        assert_eq!(cgroup_version(&["ext4", "cgroup", "cgroup2"]), Some("hybrid"));
        assert_eq!(cgroup_version(&["tmpfs", "cgroup2"]), Some("v2"));
        assert_eq!(cgroup_version(&["cgroup", "cgroup"]), Some("v1"));
        assert_eq!(cgroup_version(&["proc"]), None);
    }

    #[test]
    fn facts_agree_with_what_other_programs_see() {
        let facts = facts();
        let say = |program: &str, argument: &[&str]| {
            let output = std::process::Command::new(program).args(argument).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        assert_eq!(facts.cpus.to_string(), say("nproc", &[]));
        assert_eq!(facts.kernel, say("uname", &["-r"]));
        assert!(facts.memory_bytes > 64 << 20 && !facts.cpu_model.is_empty(), "{facts:?}");
        assert!(facts.load_average >= 0.0);
    }
}
