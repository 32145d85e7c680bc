//! One process, held by a descriptor of its `/proc` folder: it answers for this process only, also when the kernel gives
//! the pid away again, so pid and start time need not be compared at every look.

use std::io::Read;

use nix::libc::ESRCH;
use nix::time::ClockId;
use nix::unistd::Pid;
use procfs::process::{ClearRefs, Process};
use procfs::{ProcError, ticks_per_second};

use crate::usage::ThreadUsage;

/// The reason why a process yields no levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// It ended and was waited for.
    Gone,
    /// It ended and waits for its parent: its CPU time stands, its memory is gone.
    Zombie,
    /// It lives but could not be read this time.
    Unreadable,
}

/// Levels of a live process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Levels {
    pub(super) rss_bytes: u64,
    pub(super) peak_bytes: u64,
    pub(super) threads: u32,
    pub(super) voluntary_switches: u64,
    pub(super) involuntary_switches: u64,
}

/// A process and the CPU time it was last seen with.
#[derive(Debug)]
pub(super) struct Subject {
    handle: Process,
    pub(super) pid: i32,
    pub(super) parent: i32,
    /// CPU time of children that ended and were waited for, in nanoseconds (10 ms resolution).
    pub(super) reaped_ns: u64,
    /// CPU time so far, in nanoseconds; stays at the last value once the process ended.
    pub(super) cpu_ns: u64,
    /// Read from the clock, but not yet known to be this process's.
    fresh_ns: Option<u64>,
}

impl Subject {
    /// Takes hold of a process; `None` if it does not live.
    pub(super) fn open(pid: i32) -> Option<Self> {
        let handle = Process::new(pid).ok()?;
        let stat = handle.stat().ok()?;
        let reaped_ns = ticks_ns(stat.cutime.max(0).unsigned_abs() + stat.cstime.max(0).unsigned_abs());
        Some(Self { handle, pid, parent: stat.ppid, reaped_ns, cpu_ns: 0, fresh_ns: None })
    }

    /// Reads the CPU clock; [`Subject::levels`] settles whether it was still this process's.
    pub(super) fn clock(&mut self) {
        self.fresh_ns = cpu_clock(self.pid).or_else(|| {
            let stat = self.handle.stat().ok()?;
            Some(ticks_ns(stat.utime + stat.stime))
        });
    }

    /// Reads `/proc/<pid>/status` and settles the CPU time read before.
    pub(super) fn levels(&mut self) -> Result<Levels, Absent> {
        let fresh = self.fresh_ns.take();
        let text = self.read("status")?;
        // The descriptor still names a process, so the pid was not given away while the clock was read.
        self.cpu_ns = self.cpu_ns.max(fresh.unwrap_or(0));
        levels_of(&text).ok_or(Absent::Zombie)
    }

    /// Reads the parent and the waited-for children again. Returns `false` once the process has ended.
    pub(super) fn refresh(&mut self) -> bool {
        match self.handle.stat() {
            Ok(stat) => {
                self.parent = stat.ppid;
                self.reaped_ns = ticks_ns(stat.cutime.max(0).unsigned_abs() + stat.cstime.max(0).unsigned_abs());
                true
            }
            Err(error) => absent(&error) != Absent::Gone,
        }
    }

    /// Returns the proportional set size in bytes.
    pub(super) fn pss_bytes(&self) -> Result<u64, Absent> {
        let text = self.read("smaps_rollup")?;
        kibibytes(&text, "Pss").ok_or(Absent::Zombie)
    }

    pub(super) fn descriptors(&self) -> Result<u32, Absent> {
        let count = self.handle.fd_count().map_err(|error| absent(&error))?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// Starts VmHWM again from the present RSS. `false` when the kernel does not permit it.
    pub(super) fn reset_peak(&self) -> bool {
        match self.handle.clear_refs(ClearRefs::PeakRSS) {
            Ok(()) => true,
            Err(error) => absent(&error) == Absent::Gone,
        }
    }

    /// Returns the number of page faults for which a page had to be read from a disk, those of its children that ended and were waited for included.
    pub(super) fn major_faults(&self) -> Result<u64, Absent> {
        let stat = self.handle.stat().map_err(|error| absent(&error))?;
        Ok(stat.majflt + stat.cmajflt)
    }

    /// Returns the name of one of its threads; `None` when it has no such thread.
    pub(super) fn thread_name(&self, tid: i32) -> Option<String> {
        self.read(&format!("task/{tid}/comm")).ok().map(|name| name.trim_end().to_owned())
    }

    /// Returns every thread's time on a CPU and waiting for one.
    pub(super) fn threads(&self) -> Option<Vec<ThreadUsage>> {
        let tasks = self.handle.tasks().ok()?.filter_map(Result::ok);
        let usage = |task: procfs::process::Task| {
            let stat = task.schedstat().ok()?;
            Some(ThreadUsage { tid: task.tid, on_cpu_ns: stat.sum_exec_runtime, waiting_ns: stat.run_delay })
        };
        Some(tasks.filter_map(usage).collect())
    }

    /// Returns the pids of its children, from `/proc/<pid>/task/*/children`. A child that exits meanwhile can hide others of the
    /// same thread (procfs(5)); the next look finds them.
    pub(super) fn children(&self) -> Vec<i32> {
        let tasks = self.handle.tasks().into_iter().flatten().filter_map(Result::ok);
        let pids = tasks.filter_map(|task| task.children().ok()).flatten();
        pids.filter_map(|pid| i32::try_from(pid).ok()).collect()
    }

    /// Returns whether its environment has the variable `entry` (as `NAME=value`).
    pub(super) fn carries(&self, entry: &str) -> bool {
        let mut text = Vec::new();
        let read = self.handle.open_relative("environ").ok().and_then(|mut file| file.read_to_end(&mut text).ok());
        read.is_some() && text.split(|byte| *byte == 0).any(|variable| variable == entry.as_bytes())
    }

    fn read(&self, name: &str) -> Result<String, Absent> {
        let mut file = self.handle.open_relative(name).map_err(|error| absent(&error))?;
        // A name may hold any bytes, so the text need not be UTF-8.
        let mut bytes = Vec::with_capacity(2048);
        file.read_to_end(&mut bytes).map_err(|error| absent(&error.into()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Returns the CPU time of a process in nanoseconds, by its own clock.
pub(super) fn cpu_clock(pid: i32) -> Option<u64> {
    let time = ClockId::pid_cpu_clock_id(Pid::from_raw(pid)).ok()?.now().ok()?;
    Some(time.tv_sec().unsigned_abs() * 1_000_000_000 + time.tv_nsec().unsigned_abs())
}

/// Converts clock ticks to nanoseconds.
pub(super) fn ticks_ns(ticks: u64) -> u64 {
    ticks.saturating_mul(1_000_000_000 / ticks_per_second().max(1))
}

fn absent(error: &ProcError) -> Absent {
    match error {
        ProcError::NotFound(_) => Absent::Gone,
        ProcError::Io(error, _) if error.raw_os_error() == Some(ESRCH) => Absent::Gone,
        _ => Absent::Unreadable,
    }
}

/// Parses the levels in the text of `/proc/<pid>/status`; `None` for a process without memory (ended, not yet waited for).
///
/// Read by hand: the procfs crate builds a map of all 50 lines and parses each, at ten times the cost of these five.
fn levels_of(status: &str) -> Option<Levels> {
    Some(Levels {
        rss_bytes: kibibytes(status, "VmRSS")?,
        peak_bytes: kibibytes(status, "VmHWM")?,
        threads: u32::try_from(number(status, "Threads")?).ok()?,
        voluntary_switches: number(status, "voluntary_ctxt_switches").unwrap_or(0),
        involuntary_switches: number(status, "nonvoluntary_ctxt_switches").unwrap_or(0),
    })
}

fn kibibytes(text: &str, key: &str) -> Option<u64> {
    number(text, key).map(|kibibytes| kibibytes * 1024)
}

/// Returns the number behind `key` in text of lines `key: number [unit]`. The kernel escapes line ends in names, so a name
/// cannot forge a line.
fn number(text: &str, key: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    value.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use procfs::FromRead;
    use procfs::process::Stat;

    use super::*;

    const STATUS: &str = "Name:\ta) VmRSS: 5 kB\nState:\tS (sleeping)\nPid:\t41\nVmPeak:\t   54132 kB\n\
        VmHWM:\t   17996 kB\nVmRSS:\t   17236 kB\nRssAnon:\t   10716 kB\nThreads:\t14\n\
        voluntary_ctxt_switches:\t332\nnonvoluntary_ctxt_switches:\t30\n";

    #[test]
    fn levels_are_those_of_the_text_whatever_the_name() {
        let levels = Levels {
            rss_bytes: 17_236 * 1024,
            peak_bytes: 17_996 * 1024,
            threads: 14,
            voluntary_switches: 332,
            involuntary_switches: 30,
        };
        assert_eq!(levels_of(STATUS), Some(levels));
        let zombie = "Name:\tsh\nState:\tZ (zombie)\nThreads:\t1\nvoluntary_ctxt_switches:\t3\n";
        assert_eq!(levels_of(zombie), None);
    }

    #[test]
    fn pss_is_not_one_of_its_parts() {
        let rollup = "55a1-7fff ---p 0 00:00 0 [rollup]\nRss: 1696 kB\nPss_Dirty: 112 kB\nPss:   366 kB\n";
        assert_eq!(kibibytes(rollup, "Pss"), Some(366 * 1024));
        assert_eq!(kibibytes("", "Pss"), None);
    }

    #[test]
    fn stat_splits_after_the_last_parenthesis() {
        let text = "4242 ((a) b) c) S 17 4242 4242 0 -1 4194304 100 20 0 0 123 45 6 7 20 0 3 0 987654 10000000 500 \
            18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0";
        let stat = Stat::from_read(text.as_bytes()).unwrap();
        assert_eq!((stat.comm.as_str(), stat.ppid, stat.starttime), ("(a) b) c", 17, 987_654));
        assert_eq!((stat.utime, stat.stime, stat.cutime, stat.cstime), (123, 45, 6, 7));
    }

    #[test]
    fn a_process_that_is_not_there_is_not_a_zero() {
        // Above the largest pid the kernel hands out (2^22).
        assert!(Subject::open(5_000_000).is_none());
        assert_eq!(cpu_clock(5_000_000), None);
    }

    #[test]
    fn this_process_reads_itself() {
        let mut own = Subject::open(std::process::id().cast_signed()).unwrap();
        own.clock();
        let levels = own.levels().unwrap();
        assert!(own.cpu_ns > 0 && levels.rss_bytes > 0 && levels.peak_bytes >= levels.rss_bytes);
        assert!(own.descriptors().unwrap() >= 3 && own.major_faults().is_ok());
        // The first thread of a test program runs no test, and lives as long as the process.
        let name = std::fs::read_to_string(format!("/proc/self/task/{}/comm", own.pid)).unwrap();
        assert_eq!(own.thread_name(own.pid).as_deref(), Some(name.trim_end()));
        assert_eq!(own.thread_name(1), None);
        // Other tests start and end threads between two looks, now and then.
        let mut agree = || own.levels().unwrap().threads as usize == own.threads().unwrap().len();
        assert!((0..10_000).any(|_| agree()));
    }
}
