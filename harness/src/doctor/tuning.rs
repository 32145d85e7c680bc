//! Lists the settings of the CPUs with the commands that set them. The doctor runs none of these commands.

use serde::Serialize;

use crate::measure::{HostFacts, Setting};

/// A setting of the CPUs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tunable {
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub name: &'static str,
    /// Its state; absent if the kernel does not show it, as in most virtual machines.
    pub state: Option<String>,
    /// The command that sets it for measurements; absent if it is set already, or cannot be set here.
    pub command: Option<String>,
}

pub(super) fn tunables(host: &HostFacts) -> Vec<Tunable> {
    let tuning = host.tuning.clone().unwrap_or_default();
    let one = |setting: Setting| Tunable {
        name: setting.name(),
        state: tuning.state(setting),
        command: tuning.command(setting, host.cpus),
    };
    Setting::ALL.into_iter().map(one).collect()
}
