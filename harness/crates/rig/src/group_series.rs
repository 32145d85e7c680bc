//! The use of a control group over a series of readings.

use super::group::{GroupDelta, GroupUsage};
use super::usage::{Reading, Series};

impl Series<Reading> {
    /// Returns what the target's group used between the first and the last reading that have one; `None` with fewer than two. The
    /// group outlives the target's end, so it may reach further than [`Series::target_cpu_ns`].
    pub fn group_delta(&self) -> Option<GroupDelta> {
        let mut known = self.groups();
        let (first, last) = (known.next()?, known.last()?);
        Some(last.1.since(first.1, last.0.at.since(first.0.at).0))
    }

    /// Returns the memory charged to the target's group in bytes, one value per reading that has one.
    pub fn group_memory(&self) -> Vec<u64> {
        self.groups().filter_map(|(_, usage)| usage.memory_bytes).collect()
    }

    /// Returns the largest memory the group is known to have been charged within the series, in bytes: the levels seen, and the kernel's
    /// peak where it differs from that of the first reading, as it then arose later. Where the peak was reset
    /// for the first reading, this is all there is to know; otherwise it is a lower bound.
    pub fn group_peak(&self) -> Option<u64> {
        let before = self.groups().next()?.1.memory_peak_bytes;
        let risen = |usage: &GroupUsage| usage.memory_peak_bytes.filter(|peak| Some(*peak) != before);
        self.groups().flat_map(|(_, usage)| [usage.memory_bytes, risen(usage)]).flatten().max()
    }

    fn groups(&self) -> impl Iterator<Item = (&Reading, &GroupUsage)> {
        self.0.iter().filter_map(|reading| Some((reading, reading.group.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use harness_base::clock::Mono;

    use super::*;
    use crate::group::tests::{MS, usage};

    fn series(groups: &[Option<GroupUsage>]) -> Series<Reading> {
        let at = |index: usize| Mono(index as u64 * 100 * MS);
        let reading = |(index, group): (usize, &Option<GroupUsage>)| Reading {
            at: at(index),
            group: *group,
            ..Reading::default()
        };
        Series(groups.iter().enumerate().map(reading).collect())
    }

    #[test]
    fn shares_come_from_the_first_and_last_reading_that_have_a_group() {
        let series = series(&[None, Some(usage(0)), None, Some(usage(2)), Some(usage(3)), None]);
        let delta = series.group_delta().unwrap();
        assert_eq!((delta.span_ns, delta.cpu_ns, delta.periods), (300 * MS, Some(150 * MS), Some(3)));
        assert_eq!((delta.cpus(), delta.throttled_share(), delta.throttled_time()), (Some(0.5), Some(1.0), Some(0.4)));
        assert_eq!((delta.oom_kills, delta.limit_hits, delta.memory_stall()), (Some(0), None, Some(0.1)));
        assert_eq!(series.group_memory(), [1_000, 1_002, 1_003]);
    }

    #[test]
    fn a_peak_from_before_the_series_is_not_its_peak() {
        let steady = series(&[Some(usage(0)), Some(usage(1))]);
        assert_eq!(steady.group_peak(), Some(1_001));
        let reset = GroupUsage { memory_peak_bytes: Some(4_000), ..usage(1) };
        assert_eq!(series(&[Some(usage(0)), Some(reset)]).group_peak(), Some(4_000));
        let higher = GroupUsage { memory_peak_bytes: Some(12_000), ..usage(1) };
        assert_eq!(series(&[Some(usage(0)), Some(higher), Some(usage(2))]).group_peak(), Some(12_000));
        assert_eq!(series(&[None]).group_peak(), None);
    }

    #[test]
    fn one_reading_gives_no_delta() {
        assert_eq!(series(&[None, Some(usage(0))]).group_delta(), None);
    }
}
