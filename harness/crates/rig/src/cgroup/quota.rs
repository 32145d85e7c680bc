//! Reads the CPU quota that this process and everything it starts share: that of its own control group and of those above it.

use std::fs::File;
use std::path::Path;

use super::find::{Place, Places};
use super::read::{cpu_limit, throttled_ns};

/// The groups with a CPU quota that contain this process.
#[derive(Debug, Default)]
pub struct Quota {
    cpus: Option<f64>,
    /// `cpu.stat` of each.
    stats: Vec<File>,
}

impl Quota {
    /// Finds the quotas of this process. It has none if its groups are not visible.
    pub fn of_self() -> Self {
        let places = Places::of(Path::new("/"), std::process::id().cast_signed()).unwrap_or_default();
        places.cpu.as_ref().map(Self::of).unwrap_or_default()
    }

    fn of(place: &Place) -> Self {
        let mut found = Self::default();
        for directory in place.upwards() {
            let above = Place { path: directory.to_owned(), ..place.clone() };
            let Some(limit) = cpu_limit(&above) else { continue };
            found.cpus = Some(found.cpus.map_or(limit, |least: f64| least.min(limit)));
            found.stats.extend(File::open(directory.join("cpu.stat")));
        }
        found
    }

    /// Returns the smallest quota in CPUs; `None` without one.
    pub const fn cpus(&self) -> Option<f64> {
        self.cpus
    }

    /// Returns the time so far for which the quotas throttled their groups, in nanoseconds, summed over CPUs and groups. `None` without a
    /// quota.
    pub fn throttled_ns(&self) -> Option<u64> {
        self.cpus?;
        self.stats.iter().map(throttled_ns).try_fold(0_u64, |sum, one| Some(sum.saturating_add(one?)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::find::Version;
    use super::*;

    #[test]
    fn the_smallest_quota_of_all_groups_above_counts() {
        let top = std::env::temp_dir().join(format!("harness-quota-{}", std::process::id()));
        let own = top.join("ci/job");
        std::fs::create_dir_all(&own).unwrap();
        let write = |folder: &Path, max: &str, throttled: &str| {
            std::fs::write(folder.join("cpu.max"), max).unwrap();
            std::fs::write(folder.join("cpu.stat"), format!("nr_periods 9\nthrottled_usec {throttled}\n")).unwrap();
        };
        let place = Place { version: Version::V2, path: own.clone(), mount: top.clone() };
        assert_eq!((Quota::of(&place).cpus(), Quota::of(&place).throttled_ns()), (None, None));
        write(&own, "max 100000\n", "5");
        assert_eq!(Quota::of(&place).cpus(), None);
        write(&top.join("ci"), "150000 100000\n", "7");
        let quota = Quota::of(&place);
        assert_eq!((quota.cpus(), quota.throttled_ns()), (Some(1.5), Some(7_000)));
        write(&own, "50000 100000\n", "5");
        let quota = Quota::of(&place);
        assert_eq!((quota.cpus(), quota.throttled_ns()), (Some(0.5), Some(12_000)));
        std::fs::remove_dir_all(&top).unwrap();
    }
}
