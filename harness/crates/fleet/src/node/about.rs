//! Describes this node and its machine.

use std::path::Path;

use nix::unistd::gethostname;

use crate::hello::About;
use harness_rig::host::{facts, word};

/// Gathers what the hub wants to know.
pub(crate) fn about(name: Option<String>) -> About {
    let facts = facts();
    let cpus = facts.cpus as f64;
    let host_name = || gethostname().map_or_else(|_| "unknown".to_owned(), |name| name.to_string_lossy().into_owned());
    About {
        name: name.unwrap_or_else(host_name),
        cpus: facts.cpu_quota.map_or(cpus, |quota| quota.min(cpus)),
        memory_bytes: facts.memory_bytes,
        kernel: facts.kernel,
        cpu_model: facts.cpu_model,
        boot: word(Path::new("/proc/sys/kernel/random/boot_id")),
    }
}
