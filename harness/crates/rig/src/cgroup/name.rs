//! The name of a group of ours, which contains its creator.

use std::path::Path;

use procfs::process::Process;

const PREFIX: &str = "harness";

/// The process that created something that can outlive it. A pid alone would not identify it, because it can be reused and has another
/// meaning in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Maker {
    /// The number of its pid namespace.
    pub namespace: u64,
    pub pid: i32,
    /// Its start time, in clock ticks since the start of the host.
    pub started: u64,
}

/// Returns the name of this process's group number `number`.
pub fn name(number: u64) -> String {
    let Maker { namespace, pid, started } = Maker::this();
    format!("{PREFIX}-{namespace}-{pid}-{started}-{number}")
}

/// Returns the creator of the group of this name; `None` if it is not a name of ours.
pub(super) fn maker(name: &str) -> Option<Maker> {
    let mut parts = name.strip_prefix(PREFIX)?.strip_prefix('-')?.split('-');
    let mut next = || parts.next()?.parse::<u64>().ok();
    let (namespace, pid, started, _number) = (next()?, next()?, next()?, next()?);
    let pid = i32::try_from(pid).ok()?;
    parts.next().is_none().then_some(Maker { namespace, pid, started })
}

impl Maker {
    fn this() -> Self {
        Self::of(std::process::id().cast_signed())
    }

    /// Describes a process of this namespace.
    pub fn of(pid: i32) -> Self {
        Self { namespace: namespace(), pid, started: started(pid).unwrap_or(0) }
    }

    /// Returns whether it has ended. A process of another namespace counts as running, because its state is unknown.
    pub fn is_gone(self) -> bool {
        self.namespace == namespace() && started(self.pid) != Some(self.started)
    }
}

/// Returns the start time of a process; `None` after its end.
fn started(pid: i32) -> Option<u64> {
    let stat = Process::new(pid).and_then(|process| process.stat()).ok()?;
    (!matches!(stat.state, 'Z' | 'X')).then_some(stat.starttime)
}

/// Reads the pid namespace from a link such as `pid:[4026531836]`; 0 when it cannot be read.
fn namespace() -> u64 {
    let link = std::fs::read_link(Path::new("/proc/self/ns/pid")).unwrap_or_default();
    link.to_string_lossy().chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_its_maker() {
        assert_eq!(maker(&name(7)), Some(Maker::this()));
        assert!(!Maker::this().is_gone());
        let earlier = Maker { started: 1, ..Maker::this() };
        assert!(earlier.is_gone(), "another process had this number before");
        assert!(!Maker { namespace: 1, ..earlier }.is_gone(), "of another container nothing is known");
    }

    #[test]
    fn objects_of_others_are_not_ours() {
        for name in
            ["harness", "harness-", "harness-1-2-3", "harness-1-2-3-4-5", "harness-1-2-x-4", "harnessed-1-2-3-4"]
        {
            assert_eq!(maker(name), None, "{name}");
        }
        assert_eq!(maker("harness-1-99999999999-3-4"), None);
    }
}
