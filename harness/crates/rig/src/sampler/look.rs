//! Takes one [`Reading`] of all watched processes.

use procfs::{CpuTime, Current, CurrentSI, KernelStats, MemoryPressure};

use super::process::{Subject, cpu_clock, ticks_ns};
use super::tree::{Costly, ProcessTree};
use super::watched::Watched;
use crate::cgroup::{Group, Quota};
use crate::host::allowed_cpus;
use crate::usage::{HostUsage, ProcessUsage, Reading};
use harness_base::clock::{Mono, process_cpu};

/// Which peaks were reset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reset {
    pub(super) tree: bool,
    pub(super) group: bool,
}

#[derive(Debug)]
pub(super) struct Scene {
    pub(super) tree: ProcessTree,
    generator: Option<Subject>,
    upstream: Option<Subject>,
    keeper: Option<i32>,
    egress: Option<i32>,
    relays: Vec<Counted>,
    group: Option<Group>,
    quota: Quota,
    cpus: Vec<usize>,
    /// The last known CPU time of the keeper, in nanoseconds.
    keeper_ns: u64,
    /// The last known CPU time of the process that plays foreign hosts, in nanoseconds.
    egress_ns: u64,
    /// The last known state of the host.
    host: HostUsage,
}

/// A process of ours whose CPU time is counted with that of control.
#[derive(Debug)]
struct Counted {
    pid: i32,
    /// The last known CPU time, in nanoseconds.
    cpu_ns: u64,
}

impl Counted {
    fn cpu_ns(&mut self) -> u64 {
        self.cpu_ns = cpu_clock(self.pid).unwrap_or(0).max(self.cpu_ns);
        self.cpu_ns
    }
}

impl Scene {
    pub(super) fn new(watched: &Watched) -> Self {
        Self {
            tree: ProcessTree::new(watched),
            generator: watched.generator.and_then(Subject::open),
            upstream: watched.upstream.and_then(Subject::open),
            keeper: watched.keeper,
            egress: watched.egress,
            relays: watched.relays.iter().map(|pid| Counted { pid: *pid, cpu_ns: 0 }).collect(),
            group: group_of(watched),
            quota: Quota::of_self(),
            cpus: usable_cpus(watched),
            keeper_ns: 0,
            egress_ns: 0,
            host: HostUsage::default(),
        }
    }

    /// Watches a target that was launched meanwhile, and the upstream if it was not there before.
    pub(super) fn watch(&mut self, watched: &Watched) {
        self.tree = ProcessTree::new(watched);
        self.tree.refresh();
        if self.upstream.is_none() {
            self.upstream = watched.upstream.and_then(Subject::open);
        }
        self.cpus = usable_cpus(watched);
    }

    /// Takes a reading. With `edge`, includes what is read only at the edges of a window: the threads of generator and upstream, and the
    /// host's memory pressure. Reads clocks first, close together, and levels after them.
    pub(super) fn reading(&mut self, edge: bool) -> Reading {
        let at = Mono::now();
        self.tree.clock();
        self.generator.iter_mut().chain(&mut self.upstream).for_each(Subject::clock);
        self.keeper_ns = self.keeper.and_then(cpu_clock).unwrap_or(0).max(self.keeper_ns);
        self.egress_ns = self.egress.and_then(cpu_clock).unwrap_or(0).max(self.egress_ns);
        let relays_ns: u64 = self.relays.iter_mut().map(Counted::cpu_ns).sum();
        let control_cpu_ns = process_cpu().0 + self.keeper_ns + self.egress_ns + relays_ns;
        self.host = host(&self.cpus).unwrap_or(self.host);
        self.host.throttled_ns = self.quota.throttled_ns();
        self.host.memory_stall_ns = if edge { memory_stall_ns() } else { None };
        let group = self.group.as_ref().map(Group::read).filter(|usage| !usage.is_empty());
        Reading {
            at,
            target: self.tree.look(),
            generator: own(&mut self.generator, edge),
            upstream: own(&mut self.upstream, edge),
            control_cpu_ns,
            host: self.host,
            group,
        }
    }

    /// Returns the largest memory charged to the target's group since its peak was last reset, in bytes.
    pub(super) fn group_peak(&self) -> Option<u64> {
        self.group.as_ref().and_then(|group| group.read().memory_peak_bytes)
    }

    /// Resets the peaks of the target's processes and of its group. Returns whether that was permitted.
    pub(super) fn reset_peaks(&self) -> Reset {
        Reset { tree: self.tree.reset_peaks(), group: self.group.as_ref().is_some_and(Group::reset_peak) }
    }
}

/// Adds costly values to a reading.
pub(super) fn with_costly(mut reading: Reading, costly: Costly) -> Reading {
    if let Some(target) = &mut reading.target {
        (target.pss_bytes, target.descriptors) = (costly.pss_bytes, costly.descriptors);
        target.major_faults = costly.major_faults;
    }
    reading
}

/// Reads one of our own processes; `None` after its end.
fn own(subject: &mut Option<Subject>, threads: bool) -> Option<ProcessUsage> {
    let subject = subject.as_mut()?;
    let levels = subject.levels().ok()?;
    let threads = if threads { subject.threads() } else { None };
    Some(ProcessUsage { cpu_ns: subject.cpu_ns, rss_bytes: levels.rss_bytes, threads })
}

/// Opens the control group of the target, if it is to be read.
fn group_of(watched: &Watched) -> Option<Group> {
    match &watched.container {
        Some(container) => container.places.clone().and_then(Group::open),
        None => watched.target.as_ref().filter(|tree| tree.group).and_then(|tree| Group::of(tree.pid)),
    }
}

/// Returns the CPUs that this process or the target may use, in order. The generator and the upstream may use no others.
fn usable_cpus(watched: &Watched) -> Vec<usize> {
    let target = watched.target.as_ref().map(|tree| tree.pid);
    let mut cpus: Vec<usize> = [Some(0), target].into_iter().flatten().flat_map(allowed_cpus).collect();
    cpus.sort_unstable();
    cpus.dedup();
    cpus
}

/// Reads the lines of `cpus` in `/proc/stat`; all lines if `cpus` has none of them. Busy time is the wall clock minus idle and stolen
/// time. The kernel accounts idle time exactly, but samples user and system time by its tick. A load that is paced by timers wakes with
/// the tick, and would appear several times as busy as it is.
fn host(cpus: &[usize]) -> Option<HostUsage> {
    let stats = KernelStats::current().ok()?;
    // A CPU that is off has no line, so that lines and numbers of CPUs differ; then all lines count.
    let by_number = cpus.last().is_some_and(|last| *last < stats.cpu_time.len());
    let used: Vec<&CpuTime> = if by_number {
        cpus.iter().filter_map(|cpu| stats.cpu_time.get(*cpu)).collect()
    } else {
        stats.cpu_time.iter().collect()
    };
    let sum = |of: fn(&CpuTime) -> u64| ticks_ns(used.iter().map(|cpu| of(cpu)).sum());
    let idle_ns = sum(|cpu| cpu.idle + cpu.iowait.unwrap_or(0));
    let steal_ns = sum(|cpu| cpu.steal.unwrap_or(0));
    let total_ns = Mono::now().0 * used.len() as u64;
    let busy_ns = total_ns.saturating_sub(idle_ns + steal_ns);
    Some(HostUsage { busy_ns, steal_ns, total_ns, ..HostUsage::default() })
}

/// Returns the time so far in which at least one task of the host waited for memory; `None` when the kernel does not account it.
fn memory_stall_ns() -> Option<u64> {
    Some(MemoryPressure::current().ok()?.some.total.saturating_mul(1_000))
}
