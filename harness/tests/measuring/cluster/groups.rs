//! The control groups of containers, with their limits, in both versions of the kernel's interface.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

const ROOT: &str = "/sys/fs/cgroup";

/// The period of a CPU limit in microseconds, as the kubelet sets it.
const PERIOD: u64 = 100_000;

/// Limits of a container.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    pub(super) cpus: Option<f64>,
    pub(super) memory_bytes: Option<u64>,
}

/// The control group of a container; with version 1, one for each controller.
#[derive(Debug)]
pub(super) struct Group {
    folders: Vec<PathBuf>,
    is_unified: bool,
}

/// Returns the beginning of the names of all groups of this process.
fn mark() -> String {
    format!("harness-pod-{}-", std::process::id())
}

fn is_unified() -> bool {
    fs::read_to_string(Path::new(ROOT).join("cgroup.controllers")).is_ok_and(|words| words.contains("memory"))
}

/// Returns the folders in which groups are made.
fn roots(is_unified: bool) -> Vec<PathBuf> {
    if is_unified {
        return vec![PathBuf::from(ROOT)];
    }
    let controllers = ["cpu", "cpuacct", "memory", "pids"].map(|name| Path::new(ROOT).join(name));
    controllers.into_iter().filter(|folder| folder.is_dir()).collect()
}

impl Group {
    /// Creates the group of the container with this id.
    ///
    /// # Errors
    /// Returns an error when the kernel does not permit it.
    pub(super) fn create(id: &str, limits: Limits) -> io::Result<Self> {
        let is_unified = is_unified();
        if is_unified {
            fs::write(Path::new(ROOT).join("cgroup.subtree_control"), "+cpu +memory +pids")?;
        }
        let folders: Vec<PathBuf> =
            roots(is_unified).into_iter().map(|root| root.join(format!("{}{id}", mark()))).collect();
        let group = Self { folders, is_unified };
        let created = group.folders.iter().try_for_each(fs::create_dir_all).and_then(|()| group.limit(limits));
        if created.is_err() {
            group.remove();
        }
        created.map(|()| group)
    }

    fn limit(&self, Limits { cpus, memory_bytes }: Limits) -> io::Result<()> {
        let quota = cpus.map(|cpus| (cpus * PERIOD as f64).round() as u64);
        if let Some(quota) = quota {
            if self.is_unified {
                self.write("cpu.max", &format!("{quota} {PERIOD}"))?;
            } else {
                self.write("cpu.cfs_period_us", &PERIOD.to_string())?;
                self.write("cpu.cfs_quota_us", &quota.to_string())?;
            }
        }
        memory_bytes.map_or(Ok(()), |bytes| {
            self.write(if self.is_unified { "memory.max" } else { "memory.limit_in_bytes" }, &bytes.to_string())
        })
    }

    fn find(&self, file: &str) -> Option<PathBuf> {
        self.folders.iter().map(|folder| folder.join(file)).find(|path| path.exists())
    }

    fn write(&self, file: &str, text: &str) -> io::Result<()> {
        let path = self.find(file).ok_or_else(|| io::Error::other(format!("there is no {file}")))?;
        fs::write(path, text)
    }

    /// Returns the files by which a process enters the group.
    pub(super) fn entrances(&self) -> Vec<PathBuf> {
        self.folders.iter().map(|folder| folder.join("cgroup.procs")).collect()
    }

    /// Returns the processes in the group.
    pub(super) fn processes(&self) -> Vec<i32> {
        let text = self.folders.first().and_then(|folder| fs::read_to_string(folder.join("cgroup.procs")).ok());
        text.unwrap_or_default().lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// Returns whether the kernel killed a process of the group because its memory was used up.
    pub(super) fn was_out_of_memory(&self) -> bool {
        let file = if self.is_unified { "memory.events" } else { "memory.oom_control" };
        let text = self.find(file).and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        text.lines().filter_map(|line| line.strip_prefix("oom_kill ")).any(|count| count != "0")
    }

    /// Removes the group, once its last process is gone.
    pub(super) fn remove(&self) {
        for folder in &self.folders {
            for _ in 0..100 {
                if fs::remove_dir(folder).is_ok() || !folder.exists() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Returns the groups of this process that exist.
pub(super) fn existing() -> Vec<String> {
    let entries = roots(is_unified()).into_iter().flat_map(|root| fs::read_dir(root).into_iter().flatten().flatten());
    let paths = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&mark()));
    paths.map(|entry| entry.path().display().to_string()).collect()
}
