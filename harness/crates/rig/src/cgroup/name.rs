//! The name of a group of ours: it tells who made it.

use std::path::Path;

use procfs::process::Process;

const PREFIX: &str = "harness";

/// Who made something that outlives its maker. A number alone could have passed to another process, and means another one in
/// a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Maker {
    /// Number of its namespace of process ids.
    pub namespace: u64,
    pub pid: i32,
    /// When it was started, in clock ticks since the host was.
    pub started: u64,
}

/// The name of this process's group number `number`.
pub fn name(number: u64) -> String {
    let Maker { namespace, pid, started } = Maker::this();
    format!("{PREFIX}-{namespace}-{pid}-{started}-{number}")
}

/// Who made the group of this name; `None` when it is no name of ours.
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

    /// Of a process of this namespace.
    pub fn of(pid: i32) -> Self {
        Self { namespace: namespace(), pid, started: started(pid).unwrap_or(0) }
    }

    /// Whether it no longer runs. Of another namespace that cannot be known, so it counts as running.
    pub fn is_gone(self) -> bool {
        self.namespace == namespace() && started(self.pid) != Some(self.started)
    }
}

/// When the process was started; `None` once it ended.
fn started(pid: i32) -> Option<u64> {
    let stat = Process::new(pid).and_then(|process| process.stat()).ok()?;
    (!matches!(stat.state, 'Z' | 'X')).then_some(stat.starttime)
}

/// From a link such as `pid:[4026531836]`; 0 where it cannot be read.
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
    fn what_others_made_is_not_ours() {
        for name in
            ["harness", "harness-", "harness-1-2-3", "harness-1-2-3-4-5", "harness-1-2-x-4", "harnessed-1-2-3-4"]
        {
            assert_eq!(maker(name), None, "{name}");
        }
        assert_eq!(maker("harness-1-99999999999-3-4"), None);
    }
}
