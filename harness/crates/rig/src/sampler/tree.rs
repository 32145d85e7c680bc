//! The target's process tree: its root and all descendants, including those that were re-parented to the keeper; or all processes of its
//! container, if that is one beside ours.

use std::path::Path;

use procfs::process::all_processes;

use super::process::{Absent, Levels, Subject};
use super::watched::Watched;
use crate::launch::MARK;
use crate::pod::{PROC, cgroup, pids};
use crate::threads::ThreadsUsage;
use crate::usage::{ThreadUsage, TreeUsage};
use harness_base::clock::Mono;

/// A process of the tree.
#[derive(Debug)]
struct Member {
    subject: Subject,
    /// The last known CPU time of children that ended meanwhile, in nanoseconds.
    ended_ns: u64,
    /// The levels of the last reading; `None` for a zombie.
    levels: Option<Levels>,
}

/// Values that are costly to read, so they are read only at 1 Hz and at edges. `None` when a live process did not permit it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Costly {
    pub(super) pss_bytes: Option<u64>,
    pub(super) descriptors: Option<u32>,
    pub(super) major_faults: Option<u64>,
}

/// The known process tree.
#[derive(Debug)]
pub(super) struct ProcessTree {
    members: Vec<Member>,
    keeper: Option<Subject>,
    /// Children of the keeper that are not the target's.
    others: Vec<i32>,
    /// `NAME=value` in the environment of the target's processes.
    mark: Option<String>,
    /// The control groups of all processes of the target; absent if they are found by their parents.
    cgroup: Option<String>,
    /// The CPU time of ended processes whose parent is not a member, in nanoseconds.
    ended_ns: u64,
    /// The largest sum so far, because the CPU time of the tree never falls.
    cpu_ns: u64,
}

impl Member {
    /// Returns the CPU time of the process and of its ended children, in nanoseconds. The kernel's own account of waited-for
    /// children also knows those that came and went between two looks; it knows none when SIGCHLD is ignored.
    fn total_ns(&self) -> u64 {
        self.subject.cpu_ns + self.ended_ns.max(self.subject.reaped_ns)
    }
}

impl ProcessTree {
    pub(super) fn new(watched: &Watched) -> Self {
        let target = watched.target.as_ref();
        let root = target.and_then(|tree| Subject::open(tree.pid));
        let mark = target.and_then(|tree| tree.mark.as_ref()).map(|mark| format!("{MARK}={mark}"));
        let own = [watched.generator, watched.upstream, watched.egress].into_iter().flatten();
        let others = own.chain(watched.relays.iter().copied()).collect();
        let keeper = watched.keeper.and_then(Subject::open);
        let members = root.into_iter().map(Member::from).collect();
        let cgroup = watched.container.as_ref().map(|container| container.cgroup.clone());
        Self { members, keeper, others, mark, cgroup, ended_ns: 0, cpu_ns: 0 }
    }

    /// Finds new processes, and drops those that have ended.
    pub(super) fn refresh(&mut self) {
        let gone: Vec<bool> = self.members.iter_mut().map(|member| !member.subject.refresh()).collect();
        self.retire(&gone);
        if let Some(cgroup) = self.cgroup.clone() {
            return self.adopt_all_in(&cgroup);
        }
        let children_lists = ChildLists::now();
        self.adopt_orphans(&children_lists);
        let mut next = 0;
        while let Some(parent) = self.members.get(next) {
            let (pid, children) = (parent.subject.pid, children_lists.children(&parent.subject));
            for child in children {
                self.adopt(child, pid, None);
            }
            next += 1;
        }
    }

    /// Reads the CPU clocks only, so that the time between them is short.
    pub(super) fn clock(&mut self) {
        self.members.iter_mut().for_each(|member| member.subject.clock());
    }

    /// Reads levels and settles CPU times. `None` when no process lives, or a live one could not be read.
    pub(super) fn look(&mut self) -> Option<TreeUsage> {
        let looks: Vec<_> = self.members.iter_mut().map(Member::look).collect();
        let gone: Vec<bool> = looks.iter().map(|look| *look == Err(Absent::Gone)).collect();
        self.retire(&gone);
        let cpu_ns = self.ended_ns + self.members.iter().map(Member::total_ns).sum::<u64>();
        self.cpu_ns = self.cpu_ns.max(cpu_ns);
        if looks.contains(&Err(Absent::Unreadable)) {
            return None;
        }
        let mut usage = TreeUsage { cpu_ns: self.cpu_ns, ..TreeUsage::default() };
        for levels in self.members.iter().filter_map(|member| member.levels) {
            usage.processes += 1;
            usage.threads += levels.threads;
            usage.rss_bytes += levels.rss_bytes;
            usage.voluntary_switches += levels.voluntary_switches;
            usage.involuntary_switches += levels.involuntary_switches;
        }
        (usage.processes > 0).then_some(usage)
    }

    /// Reads PSS (which holds the memory lock of each process for a moment) and major faults, and counts descriptors.
    pub(super) fn costly(&self) -> Costly {
        Costly {
            pss_bytes: sum(self.members.iter().map(|member| member.subject.pss_bytes())),
            descriptors: sum(self.members.iter().map(|member| member.subject.descriptors().map(u64::from)))
                .and_then(|count| u32::try_from(count).ok()),
            major_faults: sum(self.members.iter().map(|member| member.subject.major_faults())),
        }
    }

    /// Returns the threads of all processes that can be read.
    pub(super) fn threads(&self) -> Vec<ThreadUsage> {
        self.members.iter().filter_map(|member| member.subject.threads()).flatten().collect()
    }

    /// Returns what the threads did since `then`, when they were read as `before`.
    pub(super) fn threads_since(&self, then: Mono, before: &[ThreadUsage]) -> Option<ThreadsUsage> {
        let now = Mono::now();
        let used = ThreadsUsage::between(before, &self.threads(), now.since(then).0)?;
        let tid = used.busiest.tid;
        let busiest_name = self.members.iter().find_map(|member| member.subject.thread_name(tid));
        Some(ThreadsUsage { busiest_name, ..used })
    }

    /// Resets VmHWM of every process. Returns `false` when one does not permit it.
    pub(super) fn reset_peaks(&self) -> bool {
        self.members.iter().all(|member| member.subject.reset_peak())
    }

    /// Returns the sum of VmHWM of the live processes at the last look; `None` when none lives.
    pub(super) fn peak_bytes(&self) -> Option<u64> {
        let peaks = || self.members.iter().filter_map(|member| member.levels);
        peaks().next().map(|_| peaks().map(|levels| levels.peak_bytes).sum())
    }

    fn adopt_orphans(&mut self, children_lists: &ChildLists) {
        let (Some(keeper), Some(mark)) = (&self.keeper, self.mark.clone()) else { return };
        let (pid, children) = (keeper.pid, children_lists.children(keeper));
        for child in children {
            self.adopt(child, pid, Some(&mark));
        }
    }

    /// Adds the new processes with these control groups, whoever started them.
    fn adopt_all_in(&mut self, groups: &str) {
        let proc = Path::new(PROC);
        for pid in pids(proc) {
            let is_known = self.members.iter().any(|member| member.subject.pid == pid);
            if !is_known && cgroup(proc, pid).is_some_and(|found| found == groups) {
                self.members.extend(Subject::open(pid).map(Member::from));
            }
        }
    }

    /// Adds `pid` if it is new, still a child of `parent`, and has `mark` if one is given.
    fn adopt(&mut self, pid: i32, parent: i32, mark: Option<&str>) {
        if self.others.contains(&pid) || self.members.iter().any(|member| member.subject.pid == pid) {
            return;
        }
        let Some(subject) = Subject::open(pid) else { return };
        if subject.parent == parent && mark.is_none_or(|mark| subject.carries(mark)) {
            self.members.push(Member::from(subject));
        }
    }

    /// Drops the members marked in `gone`, whose CPU time passes to their parent.
    fn retire(&mut self, gone: &[bool]) {
        if !gone.contains(&true) {
            return;
        }
        let mut marks = gone.iter();
        let (ended, kept) = std::mem::take(&mut self.members).into_iter().partition(|_| marks.next() == Some(&true));
        self.members = kept;
        let ended: Vec<Member> = ended;
        for member in ended {
            let parent = self.members.iter_mut().find(|parent| parent.subject.pid == member.subject.parent);
            let account = parent.map_or(&mut self.ended_ns, |parent| &mut parent.ended_ns);
            *account += member.total_ns();
        }
    }
}

impl Member {
    fn look(&mut self) -> Result<Levels, Absent> {
        let look = self.subject.levels();
        self.levels = look.ok();
        look
    }
}

impl From<Subject> for Member {
    fn from(subject: Subject) -> Self {
        Self { subject, ended_ns: 0, levels: None }
    }
}

/// Returns the sum over live processes; processes that ended are skipped, one that cannot be read makes the sum unknown.
fn sum(values: impl Iterator<Item = Result<u64, Absent>>) -> Option<u64> {
    let known = values.filter(|value| !matches!(value, Err(Absent::Gone | Absent::Zombie)));
    known.reduce(|sum, value| Ok(sum? + value?)).and_then(Result::ok)
}

#[derive(Debug)]
enum ChildLists {
    /// Each thread lists its own.
    Files,
    /// Kernels without `CONFIG_PROC_CHILDREN`: pid and parent of every process of the host.
    Table(Vec<(i32, i32)>),
}

impl ChildLists {
    fn now() -> Self {
        if Path::new("/proc/thread-self/children").exists() { Self::Files } else { Self::table() }
    }

    fn table() -> Self {
        let processes = all_processes().into_iter().flatten().filter_map(Result::ok);
        Self::Table(processes.filter_map(|process| process.stat().ok()).map(|stat| (stat.pid, stat.ppid)).collect())
    }

    fn children(&self, of: &Subject) -> Vec<i32> {
        match self {
            Self::Files => of.children(),
            Self::Table(pairs) => {
                let own = pairs.iter().filter(|(_, parent)| *parent == of.pid);
                own.map(|(pid, _)| *pid).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::watched::{Container, Tree};
    use super::*;

    #[test]
    fn all_processes_of_the_container_are_the_targets_whoever_started_them() {
        let mut sleepers = [(), ()].map(|()| std::process::Command::new("sleep").arg("60").spawn().unwrap());
        let [root, other] = sleepers.each_ref().map(|sleeper| sleeper.id().cast_signed());
        let found = |groups: Option<String>| {
            let container = groups.map(|cgroup| Container { cgroup, places: None });
            let target = Some(Tree { pid: root, mark: None, group: true });
            let mut tree = ProcessTree::new(&Watched { target, container, ..Watched::default() });
            tree.refresh();
            [root, other].map(|pid| tree.members.iter().filter(|member| member.subject.pid == pid).count())
        };
        let same = cgroup(Path::new(PROC), root);
        let counts = [found(None), found(Some("0::/elsewhere\n".to_owned())), found(same)];
        for sleeper in &mut sleepers {
            sleeper.kill().unwrap();
            sleeper.wait().unwrap();
        }
        assert_eq!(counts, [[1, 0], [1, 0], [1, 1]]);
    }

    #[test]
    fn a_sum_skips_the_ended_and_refuses_the_unreadable() {
        assert_eq!(sum([Ok(1), Err(Absent::Gone), Err(Absent::Zombie), Ok(2)].into_iter()), Some(3));
        assert_eq!(sum([Ok(1), Err(Absent::Unreadable)].into_iter()), None);
        assert_eq!(sum([Err(Absent::Unreadable)].into_iter()), None);
        assert_eq!(sum([Err(Absent::Gone)].into_iter()), None);
    }

    #[test]
    fn both_ways_to_find_children_agree() {
        let mut child = std::process::Command::new("sleep").arg("5").spawn().unwrap();
        let own = Subject::open(std::process::id().cast_signed()).unwrap();
        let pid = child.id().cast_signed();
        let found =
            [ChildLists::now(), ChildLists::table()].map(|children_lists| children_lists.children(&own).contains(&pid));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found, [true, true]);
    }
}
