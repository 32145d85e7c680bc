//! The settings of the CPUs that change how much measurements scatter, and the commands that set them. The harness changes none of them.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::word::word;

/// The settings when a run began.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Tuning {
    /// The frequency governors of all CPUs, each once; empty if the kernel shows none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub governors: Vec<String>,
    /// Absent if the kernel shows no switch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boost: Option<Boost>,
    /// Whether two threads share a core; absent if the kernel does not show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smt: Option<bool>,
    /// The CPUs on which the kernel schedules only what is pinned to them, as a list such as `2-3`; absent if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolated_cpus: Option<String>,
}

/// Whether CPUs run faster than their sustained frequency while they are cool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Boost {
    pub on: bool,
    pub switch: BoostSwitch,
}

/// The file that switches boost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BoostSwitch {
    /// `no_turbo` of intel_pstate.
    IntelPstate,
    /// `boost` of cpufreq.
    Cpufreq,
}

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    Governor,
    Boost,
    Smt,
    IsolatedCpus,
}

/// The command that keeps the frequency.
pub const SET_GOVERNOR: &str = "sudo cpupower frequency-set -g performance";
/// The command that leaves one thread of each core.
pub const SET_SMT: &str = "echo off | sudo tee /sys/devices/system/cpu/smt/control";

/// The fewest CPUs of which half can be set apart.
const FEWEST_CPUS: u64 = 4;

impl BoostSwitch {
    pub const ALL: [Self; 2] = [Self::IntelPstate, Self::Cpufreq];

    /// Returns the file below `/`.
    pub const fn file(self) -> &'static str {
        match self {
            Self::IntelPstate => "sys/devices/system/cpu/intel_pstate/no_turbo",
            Self::Cpufreq => "sys/devices/system/cpu/cpufreq/boost",
        }
    }

    /// Returns the command that switches boost off.
    pub const fn set(self) -> &'static str {
        match self {
            Self::IntelPstate => "echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo",
            Self::Cpufreq => "echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost",
        }
    }

    /// Returns whether boost is on, by the text of the file.
    fn is_on(self, text: &str) -> Option<bool> {
        match (self, text) {
            (Self::IntelPstate, "0") | (Self::Cpufreq, "1") => Some(true),
            (Self::IntelPstate, "1") | (Self::Cpufreq, "0") => Some(false),
            _ => None,
        }
    }
}

impl Setting {
    pub const ALL: [Self; 4] = [Self::Governor, Self::Boost, Self::Smt, Self::IsolatedCpus];

    /// Returns its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Governor => "governor",
            Self::Boost => "boost",
            Self::Smt => "SMT",
            Self::IsolatedCpus => "isolated CPUs",
        }
    }
}

impl Tuning {
    /// Reads the settings of the host whose `/sys` is below `root` (`/` for this host).
    pub fn read(root: &Path) -> Self {
        let cpu = root.join("sys/devices/system/cpu");
        let entries = std::fs::read_dir(&cpu).into_iter().flatten().flatten();
        let governors: BTreeSet<String> =
            entries.filter_map(|entry| word(&entry.path().join("cpufreq/scaling_governor"))).collect();
        let boost = |switch: BoostSwitch| {
            let on = switch.is_on(&word(&root.join(switch.file()))?)?;
            Some(Boost { on, switch })
        };
        let smt = match word(&cpu.join("smt/active")).as_deref() {
            Some("1") => Some(true),
            Some("0") => Some(false),
            _ => None,
        };
        Self {
            governors: governors.into_iter().collect(),
            boost: BoostSwitch::ALL.into_iter().find_map(boost),
            smt,
            isolated_cpus: word(&cpu.join("isolated")),
        }
    }

    /// Returns the state of a setting for people; `None` if the kernel does not show it, as in most virtual machines.
    pub fn state(&self, setting: Setting) -> Option<String> {
        let switched = |on: bool| if on { "on" } else { "off" }.to_owned();
        match setting {
            Setting::Governor => (!self.governors.is_empty()).then(|| self.governors.join(", ")),
            Setting::Boost => self.boost.map(|boost| switched(boost.on)),
            Setting::Smt => self.smt.map(switched),
            Setting::IsolatedCpus => Some(self.isolated_cpus.clone().unwrap_or_else(|| "none".to_owned())),
        }
    }

    /// Returns the command that sets a setting for measurements on a host with so many CPUs; `None` if it is set already, cannot be set, or
    /// is not shown.
    pub fn command(&self, setting: Setting, cpus: u64) -> Option<String> {
        match setting {
            Setting::Governor => {
                let varies = self.governors.iter().any(|governor| governor != "performance");
                varies.then(|| SET_GOVERNOR.to_owned())
            }
            Setting::Boost => self.boost.filter(|boost| boost.on).map(|boost| boost.switch.set().to_owned()),
            Setting::Smt => self.smt.filter(|on| *on).map(|_| SET_SMT.to_owned()),
            Setting::IsolatedCpus => (self.isolated_cpus.is_none() && cpus >= FEWEST_CPUS).then(|| isolate(cpus)),
        }
    }
}

/// Returns the command that sets the upper half of the CPUs apart, from the next start of the host on.
fn isolate(cpus: u64) -> String {
    let upper = format!("{}-{}", cpus / 2, cpus - 1);
    format!(
        "echo 'GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX isolcpus={upper} nohz_full={upper} rcu_nocbs={upper}\"' | \
         sudo tee /etc/default/grub.d/harness.cfg && sudo update-grub && sudo reboot"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_each_that_is_not_set_has_its_command() {
        let root = std::env::temp_dir().join(format!("harness-tuning-{}", std::process::id()));
        let cpu = root.join("sys/devices/system/cpu");
        let write = |path: &str, text: &str| {
            let path = cpu.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("cpu0/cpufreq/scaling_governor", "schedutil\n");
        write("cpu1/cpufreq/scaling_governor", "performance\n");
        write("intel_pstate/no_turbo", "0\n");
        write("smt/active", "1\n");
        write("isolated", "\n");
        let found = Tuning::read(&root);
        let states = Setting::ALL.map(|setting| found.state(setting).unwrap());
        assert_eq!(states, ["performance, schedutil", "on", "on", "none"]);
        let commands = Setting::ALL.map(|setting| found.command(setting, 8).unwrap());
        assert!(commands[0].ends_with("performance") && commands[1].ends_with("no_turbo") && commands[2] == SET_SMT);
        assert!(commands[3].contains("isolcpus=4-7 nohz_full=4-7"), "{}", commands[3]);
        assert_eq!(found.command(Setting::IsolatedCpus, 2), None, "nothing would be left");
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn what_is_set_or_not_shown_needs_no_command() {
        let set = Tuning {
            governors: vec!["performance".to_owned()],
            boost: Some(Boost { on: false, switch: BoostSwitch::Cpufreq }),
            smt: Some(false),
            isolated_cpus: Some("2-3".to_owned()),
        };
        assert!(Setting::ALL.iter().all(|setting| set.command(*setting, 4).is_none() && set.state(*setting).is_some()));
        let hidden = Tuning::default();
        let states = Setting::ALL.map(|setting| hidden.state(setting));
        assert_eq!(states, [None, None, None, Some("none".to_owned())]);
        assert!(Setting::ALL[..3].iter().all(|setting| hidden.command(*setting, 4).is_none()));
        assert_eq!(BoostSwitch::Cpufreq.is_on("2"), None);
    }
}
