//! Examines the machine: virtualization and stolen CPU time.

use std::path::Path;

use super::condition::{Condition, State};
use super::source::{Source, text};
use crate::measure::audit::Limits;
use harness_base::units::Ratio;
use harness_rig::host;

/// A tenth of the audit's limit, which a median over rounds does not show.
const GOOD_STEAL_SHARE: f64 = 0.1;

pub(super) fn virtualization(source: &Source<'_>) -> Condition {
    judge_virtualization(host::virtualization(source.root), lists_flags(source.root))
}

/// Returns whether this kernel lists CPU flags that reveal a hypervisor; ARM kernels do not.
fn lists_flags(root: &Path) -> bool {
    text(root, "proc/cpuinfo").is_some_and(|text| text.lines().any(|line| line.starts_with("flags")))
}

fn judge_virtualization(found: Option<String>, lists_flags: bool) -> Condition {
    let why = "a hypervisor shares the CPUs among several guests, so results of different days differ more";
    let (state, message) = match found {
        Some(layers) => (State::Fair, layers),
        None if lists_flags => (State::Good, "none".to_owned()),
        None => (State::Unknown, "this kernel does not report it".to_owned()),
    };
    let how = "use a dedicated machine for numbers that you publish; check with: systemd-detect-virt";
    Condition::new("virtualization", why, state, message).improve(how)
}

/// Checks the CPU time that the hypervisor gave to other guests.
pub(super) fn steal(source: &Source<'_>) -> Condition {
    judge_steal(source.window.readings.steal())
}

fn judge_steal(share: Option<f64>) -> Condition {
    let (name, why) = ("steal", "a trial is INVALID when the hypervisor takes more CPU time than the audit allows");
    let limit = Limits::default().steal.0;
    let Some(share) = share else {
        return Condition::new(name, why, State::Unknown, "not in /proc/stat")
            .improve("check with: head -1 /proc/stat");
    };
    let state = State::at_most(share, limit * GOOD_STEAL_SHARE, limit);
    Condition::new(name, why, state, format!("{} of all CPU time, limit {}", Ratio(share), Ratio(limit)))
        .number("steal_ratio", share)
        .number("limit_ratio", limit)
        .improve("repeat later, or use an instance with dedicated CPUs; watch the column st of: vmstat 1")
}

#[cfg(test)]
mod tests {
    use super::super::source::tree::Tree;
    use super::*;

    const GUEST: &str = "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu sse hypervisor avx\n\n";

    #[test]
    fn a_hypervisor_shows_in_the_flags_and_has_its_name_from_dmi() {
        let tree = Tree::new(&[("proc/cpuinfo", GUEST)]);
        let found = || judge_virtualization(host::virtualization(tree.path()), lists_flags(tree.path()));
        assert_eq!((found().state, found().value.as_str()), (State::Fair, "virtual machine"));
        tree.write("sys/class/dmi/id/sys_vendor", "QEMU\n");
        tree.write(".dockerenv", "");
        assert_eq!(found().value, "docker on virtual machine (QEMU)");
    }

    #[test]
    fn a_bare_machine_is_good_and_a_silent_kernel_unknown() {
        let bare = Tree::new(&[("proc/cpuinfo", &GUEST.replace("hypervisor ", ""))]);
        let arm = Tree::new(&[("proc/cpuinfo", "processor\t: 0\nFeatures\t: fp asimd\n\n")]);
        let states = [&bare, &arm]
            .map(|tree| judge_virtualization(host::virtualization(tree.path()), lists_flags(tree.path())).state);
        assert_eq!(states, [State::Good, State::Unknown]);
    }

    #[test]
    fn the_limit_of_stolen_time_is_that_of_the_audit() {
        let states = [Some(0.0), Some(0.004), Some(0.05), Some(0.06), None].map(|share| judge_steal(share).state);
        assert_eq!(states, [State::Good, State::Good, State::Fair, State::Poor, State::Unknown]);
        assert_eq!(judge_steal(Some(0.06)).value, "6.00 % of all CPU time, limit 5.00 %");
    }
}
