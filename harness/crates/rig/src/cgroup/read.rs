//! Reads a group.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::find::{Place, Places, Version};
use crate::group::{GroupUsage, ResourceLimits};
use harness_base::units::Bytes;

/// The size of the buffer, which must hold the longest text, `memory.stat`.
const TEXT: usize = 8 * 1024;
/// The value of version 1 for "no limit": the largest number of bytes that are whole pages.
const NO_LIMIT: u64 = 1 << 62;

/// A group with open files. If its directory was removed it reads as empty, never as another group.
#[derive(Debug)]
pub struct Group {
    places: Places,
    cpu: Cpu,
    memory: Memory,
}

#[derive(Debug, Default)]
struct Cpu {
    /// `cpuacct.usage`; version 1.
    usage: Option<File>,
    /// `cpu.stat`, which names the time throttled by version.
    stat: Option<File>,
}

#[derive(Debug, Default)]
struct Memory {
    usage: Option<File>,
    peak: Option<File>,
    stat: Option<File>,
    /// `memory.oom_control`, `memory.events`.
    events: Option<File>,
    /// `memory.failcnt`; version 1.
    failures: Option<File>,
    /// `memory.pressure`; version 2.
    pressure: Option<File>,
}

impl Group {
    /// Returns the group of process `pid`; `None` when there is no such process, or its group is not visible.
    pub fn of(pid: i32) -> Option<Self> {
        Self::under(Path::new("/"), pid)
    }

    /// Like [`Group::of`], with the files below `root` instead of `/`.
    pub fn under(root: &Path, pid: i32) -> Option<Self> {
        Places::of(root, pid).and_then(Self::open)
    }

    /// Returns the group in these directories; `None` when none of it can be read.
    pub fn open(places: Places) -> Option<Self> {
        let cpu = Cpu {
            usage: places.cpuacct.as_ref().and_then(|place| open(place, "cpuacct.usage")),
            stat: places.cpu.as_ref().and_then(|place| open(place, "cpu.stat")),
        };
        let memory = places.memory.as_ref().map(Memory::open).unwrap_or_default();
        let group = Self { places, cpu, memory };
        (!group.read().is_empty()).then_some(group)
    }

    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Reads counters and levels. All are `None` once the group was removed.
    pub fn read(&self) -> GroupUsage {
        let mut usage = GroupUsage::default();
        self.cpu.read(&mut usage);
        self.memory.read(&mut usage);
        usage
    }

    /// Starts the peak of memory again from the present level, for this handle at least. `false` when the kernel does not
    /// permit it: version 2 does from Linux 6.12 on.
    pub fn reset_peak(&self) -> bool {
        self.memory.peak.as_ref().is_some_and(|file| file.write_at(b"0", 0).is_ok())
    }

    /// Returns the current limits of this group only; those of the groups above it may be tighter.
    pub fn limits(&self) -> ResourceLimits {
        let Places { cpu, memory, pids, .. } = &self.places;
        let text = |place: &Option<Place>, v1: &str, v2: &str| text(place.as_ref()?, v1, v2);
        let bytes = text(memory, "memory.limit_in_bytes", "memory.max").and_then(|text| text.trim().parse().ok());
        ResourceLimits {
            cpus: cpu.as_ref().and_then(cpu_limit),
            memory: bytes.filter(|bytes| *bytes < NO_LIMIT).map(Bytes),
            pids: text(pids, "pids.max", "pids.max").and_then(|text| text.trim().parse().ok()),
        }
    }
}

/// Returns the CPU limit of the group in a directory, in CPUs; `None` without one.
pub(super) fn cpu_limit(place: &Place) -> Option<f64> {
    let period = text(place, "cpu.cfs_period_us", "cpu.max")?;
    let quota = text(place, "cpu.cfs_quota_us", "cpu.max")?;
    share(&quota, &period)
}

/// Returns the time so far for which a group was throttled, from its open `cpu.stat`, in nanoseconds.
pub(super) fn throttled_ns(stat: &File) -> Option<u64> {
    Text::of(Some(stat)).throttled_ns()
}

/// Reads the file of a setting, which has a name for each version.
fn text(place: &Place, v1: &str, v2: &str) -> Option<String> {
    let name = if place.version == Version::V1 { v1 } else { v2 };
    std::fs::read_to_string(place.path.join(name)).ok()
}

/// Returns quota ÷ period. Version 2 has both in one line; no limit is -1 or `max`.
fn share(quota: &str, period: &str) -> Option<f64> {
    let quota: u64 = quota.split_whitespace().next()?.parse().ok()?;
    let period: u64 = period.split_whitespace().last()?.parse().ok().filter(|period| *period > 0)?;
    Some(quota as f64 / period as f64)
}

impl Cpu {
    fn read(&self, usage: &mut GroupUsage) {
        let stat = Text::of(self.stat.as_ref());
        let ns_of = |micros: u64| micros.saturating_mul(1_000);
        usage.cpu_ns = Text::of(self.usage.as_ref()).number().or_else(|| stat.value("usage_usec").map(ns_of));
        usage.periods = stat.value("nr_periods");
        usage.throttled_periods = stat.value("nr_throttled");
        usage.throttled_ns = stat.throttled_ns();
    }
}

impl Memory {
    fn open(place: &Place) -> Self {
        let (usage, peak, events) = match place.version {
            Version::V1 => ("memory.usage_in_bytes", "memory.max_usage_in_bytes", "memory.oom_control"),
            Version::V2 => ("memory.current", "memory.peak", "memory.events"),
        };
        let writable = OpenOptions::new().read(true).write(true).open(place.path.join(peak));
        Self {
            usage: open(place, usage),
            peak: writable.ok().or_else(|| open(place, peak)),
            stat: open(place, "memory.stat"),
            events: open(place, events),
            failures: open(place, "memory.failcnt").filter(|_| place.version == Version::V1 && counts_failures(place)),
            pressure: open(place, "memory.pressure").filter(|_| place.version == Version::V2),
        }
    }

    fn read(&self, usage: &mut GroupUsage) {
        usage.memory_bytes = Text::of(self.usage.as_ref()).number();
        usage.memory_peak_bytes = Text::of(self.peak.as_ref()).number();
        let stat = Text::of(self.stat.as_ref());
        // Version 1 counts the groups below only in the totals.
        usage.anon_bytes = stat.value("anon").or_else(|| stat.value("total_rss"));
        let events = Text::of(self.events.as_ref());
        usage.oom_kills = events.value("oom_kill");
        usage.limit_hits = Text::of(self.failures.as_ref()).number().or_else(|| events.value("max"));
        usage.memory_stall_ns =
            Text::of(self.pressure.as_ref()).stalled_us().map(|micros| micros.saturating_mul(1_000));
    }
}

/// Returns whether running into the limit is counted. Where memory and swap together are limited to the same, that limit is hit
/// first, and newer kernels do not count it.
fn counts_failures(place: &Place) -> bool {
    let limit = |name: &str| std::fs::read_to_string(place.path.join(name)).ok()?.trim().parse::<u64>().ok();
    let (memory, swap) = (limit("memory.limit_in_bytes"), limit("memory.memsw.limit_in_bytes"));
    swap.is_none_or(|swap| Some(swap) > memory)
}

fn open(place: &Place, name: &str) -> Option<File> {
    File::open(place.path.join(name)).ok()
}

/// The present content of a file; empty when it cannot be read.
struct Text {
    bytes: [u8; TEXT],
    length: usize,
}

impl Text {
    fn of(file: Option<&File>) -> Self {
        let mut text = Self { bytes: [0; TEXT], length: 0 };
        text.length = file.and_then(|file| file.read_at(&mut text.bytes, 0).ok()).unwrap_or(0);
        text
    }

    fn as_str(&self) -> &str {
        self.bytes.get(..self.length).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// Returns the whole text as a number.
    fn number(&self) -> Option<u64> {
        self.as_str().trim().parse().ok()
    }

    /// Returns the number behind `key` at the beginning of a line.
    fn value(&self, key: &str) -> Option<u64> {
        let mut lines = self.as_str().lines().filter_map(|line| line.split_once(' '));
        lines.find(|(name, _)| *name == key)?.1.trim().parse().ok()
    }

    /// Returns the time throttled, which has a name and a unit for each version.
    fn throttled_ns(&self) -> Option<u64> {
        let micros = || self.value("throttled_usec").map(|micros| micros.saturating_mul(1_000));
        self.value("throttled_time").or_else(micros)
    }

    /// Returns the total of a pressure file for "at least one task", in microseconds.
    fn stalled_us(&self) -> Option<u64> {
        let some = self.as_str().lines().find_map(|line| line.strip_prefix("some "))?;
        some.split_whitespace().find_map(|field| field.strip_prefix("total="))?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_not_a_number() {
        assert_eq!(share("50000\n", "100000\n"), Some(0.5));
        assert_eq!(share("-1\n", "100000\n"), None);
        assert_eq!(share("25000 100000\n", "25000 100000\n"), Some(0.25));
        assert_eq!(share("max 100000\n", "max 100000\n"), None);
        assert_eq!((share("", ""), share("1", "0")), (None, None));
    }

    #[test]
    fn a_stall_is_that_of_at_least_one_task() {
        let said =
            b"some avg10=1.00 avg60=0.00 avg300=0.00 total=4100\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=300\n";
        let mut text = Text { bytes: [0; TEXT], length: said.len() };
        text.bytes[..said.len()].copy_from_slice(said);
        assert_eq!(text.stalled_us(), Some(4_100));
        assert_eq!(Text::of(None).stalled_us(), None);
    }

    #[test]
    fn this_process_has_a_group_and_closed_has_none() {
        assert!(Group::of(5_000_000).is_none());
        match Group::of(std::process::id().cast_signed()) {
            Some(group) => assert!(group.places().each().count() > 0 && !group.read().is_empty()),
            None => assert_eq!(Places::of(Path::new("/"), std::process::id().cast_signed()), Some(Places::default())),
        }
    }
}
