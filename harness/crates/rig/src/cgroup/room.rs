//! Reads how many more processes and threads the control groups of this process permit.

use std::path::{Path, PathBuf};

use super::find::{Place, Places};

/// A limit on processes and threads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessLimit {
    /// The group that sets it.
    pub group: PathBuf,
    pub most: u64,
    /// Processes and threads that it still permits.
    pub left: u64,
}

impl ProcessLimit {
    /// Finds the limit of this process that permits the fewest more; `None` without one.
    pub fn of_self() -> Option<Self> {
        let places = Places::of(Path::new("/"), std::process::id().cast_signed()).unwrap_or_default();
        Self::of(places.pids.as_ref()?)
    }

    fn of(place: &Place) -> Option<Self> {
        place.upwards().filter_map(Self::at).min_by_key(|limit| limit.left)
    }

    fn at(group: &Path) -> Option<Self> {
        let read = |name: &str| std::fs::read_to_string(group.join(name)).ok()?.trim().parse::<u64>().ok();
        // Without a limit, the file says "max".
        let (most, present) = (read("pids.max")?, read("pids.current")?);
        Some(Self { group: group.to_owned(), most, left: most.saturating_sub(present) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::find::Version;
    use super::*;

    #[test]
    fn the_tightest_limit_of_all_groups_above_counts() {
        let top = std::env::temp_dir().join(format!("harness-room-{}", std::process::id()));
        let own = top.join("ci/job");
        std::fs::create_dir_all(&own).unwrap();
        let write = |folder: &Path, max: &str, present: &str| {
            std::fs::write(folder.join("pids.max"), max).unwrap();
            std::fs::write(folder.join("pids.current"), present).unwrap();
        };
        let place = Place { version: Version::V2, path: own.clone(), mount: top.clone() };
        write(&own, "max\n", "3\n");
        assert_eq!(ProcessLimit::of(&place), None);
        write(&top.join("ci"), "20\n", "18\n");
        write(&own, "8\n", "3\n");
        let found = ProcessLimit::of(&place).unwrap();
        assert_eq!((found.group, found.most, found.left), (top.join("ci"), 20, 2));
        std::fs::remove_dir_all(&top).unwrap();
    }
}
