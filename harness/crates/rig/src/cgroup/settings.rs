//! The settings of a group: the files and what is written to them.

use super::find::Version;
use crate::group::ResourceLimits;

/// The period of the CPU limit in microseconds: the kernel's default, which container engines and Kubernetes use too.
const PERIOD_US: u64 = 100_000;

/// The swap beyond the memory limit in version 1, in bytes. Without any, the kernel would enforce the limit of both together, and not
/// count that the memory limit was hit.
const PAGE: u64 = 4_096;

/// A controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Controller {
    Cpu,
    Cpuacct,
    Memory,
    Pids,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) file: &'static str,
    pub(super) value: String,
    /// Whether the file may be missing, because the kernel has nothing to limit.
    pub(super) optional: bool,
}

impl Controller {
    /// Those that a group with these limits needs. CPU time and memory are always its own, so that its account is the
    /// target's alone.
    pub(super) fn needed(limits: &ResourceLimits) -> impl Iterator<Item = Self> {
        let pids = limits.pids.map(|_| Self::Pids);
        [Self::Cpu, Self::Cpuacct, Self::Memory].into_iter().chain(pids)
    }

    /// Returns the kernel's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cpuacct => "cpuacct",
            Self::Memory => "memory",
            Self::Pids => "pids",
        }
    }

    /// Returns the settings of its part of `limits`, in the order in which the kernel accepts them.
    pub(super) fn settings(self, version: Version, limits: &ResourceLimits) -> Vec<Setting> {
        let written = |file, value: String| Setting { file, value, optional: false };
        let quota = limits.cpus.map(|cpus| (cpus * PERIOD_US as f64).round() as u64);
        match (self, version) {
            (Self::Cpu, Version::V1) => quota.map_or_else(Vec::new, |quota| {
                let period = written("cpu.cfs_period_us", PERIOD_US.to_string());
                vec![period, written("cpu.cfs_quota_us", quota.to_string())]
            }),
            (Self::Cpu, Version::V2) => {
                quota.map(|quota| written("cpu.max", format!("{quota} {PERIOD_US}"))).into_iter().collect()
            }
            (Self::Memory, version) => limits.memory.map_or_else(Vec::new, |bytes| memory(version, bytes.0)),
            (Self::Pids, _) => limits.pids.map(|pids| written("pids.max", pids.to_string())).into_iter().collect(),
            (Self::Cpuacct, _) => Vec::new(),
        }
    }
}

/// Version 1 limits memory and swap together, version 2 swap alone. Neither file exists without swap in the kernel.
fn memory(version: Version, bytes: u64) -> Vec<Setting> {
    let (file, swap, swapped) = match version {
        Version::V1 => ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", bytes.saturating_add(PAGE)),
        Version::V2 => ("memory.max", "memory.swap.max", 0),
    };
    let limit = Setting { file, value: bytes.to_string(), optional: false };
    vec![limit, Setting { file: swap, value: swapped.to_string(), optional: true }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_base::units::Bytes;

    fn written(version: Version, limits: &ResourceLimits) -> Vec<String> {
        let all = Controller::needed(limits).flat_map(|controller| controller.settings(version, limits));
        all.map(|setting| format!("{}={}", setting.file, setting.value)).collect()
    }

    #[test]
    fn both_versions_say_the_same_in_their_own_words() {
        let limits = ResourceLimits { cpus: Some(0.5), memory: Some(Bytes::from_mebi(1)), pids: Some(64) };
        let v1 = [
            "cpu.cfs_period_us=100000",
            "cpu.cfs_quota_us=50000",
            "memory.limit_in_bytes=1048576",
            "memory.memsw.limit_in_bytes=1052672",
            "pids.max=64",
        ];
        assert_eq!(written(Version::V1, &limits), v1);
        let v2 = ["cpu.max=50000 100000", "memory.max=1048576", "memory.swap.max=0", "pids.max=64"];
        assert_eq!(written(Version::V2, &limits), v2);
    }

    #[test]
    fn a_resource_without_a_limit_is_not_written() {
        let none = ResourceLimits::default();
        assert!(written(Version::V1, &none).is_empty() && written(Version::V2, &none).is_empty());
        assert_eq!(Controller::needed(&none).count(), 3);
    }
}
