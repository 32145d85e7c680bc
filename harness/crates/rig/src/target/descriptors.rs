//! How many descriptors a target may open.

use procfs::process::{LimitValue, Process};

use super::running::Running;

impl Running {
    /// Descriptors that each of its processes may have open: its soft limit as it stands now, since some programs raise it themselves.
    /// `None` where it cannot be read.
    pub fn descriptor_limit(&self) -> Option<u64> {
        let limits = Process::new(self.pid).and_then(|process| process.limits()).ok()?;
        match limits.max_open_files.soft_limit {
            LimitValue::Value(limit) => Some(limit),
            LimitValue::Unlimited => Some(u64::MAX),
        }
    }
}
