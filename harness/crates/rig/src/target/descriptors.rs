//! The descriptor limit of a target.

use procfs::process::{LimitValue, Process};

use super::running::Running;

impl Running {
    /// Returns its current soft limit of descriptors, which some programs raise themselves.
    /// `None` when it cannot be read.
    pub fn descriptor_limit(&self) -> Option<u64> {
        let limits = Process::new(self.pid).and_then(|process| process.limits()).ok()?;
        match limits.max_open_files.soft_limit {
            LimitValue::Value(limit) => Some(limit),
            LimitValue::Unlimited => Some(u64::MAX),
        }
    }
}
