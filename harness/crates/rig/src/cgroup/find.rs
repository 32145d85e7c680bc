//! Finds the control groups of a process, from two files of `/proc`.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Version {
    /// One tree of directories per controller.
    V1,
    /// One tree for all controllers.
    V2,
}

/// The directory of a group for one controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    pub version: Version,
    pub path: PathBuf,
    /// The top of the tree, as far as it is mounted here.
    pub mount: PathBuf,
}

impl Place {
    /// Iterates over the directories of this group and of those above it, as far as they are mounted here.
    pub(super) fn upwards(&self) -> impl Iterator<Item = &Path> {
        self.path.ancestors().take_while(|directory| directory.starts_with(&self.mount))
    }
}

/// The directories of one group, as far as they are visible.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Places {
    pub cpu: Option<Place>,
    /// CPU time; only in version 1, because version 2 has it in the same file as the throttling.
    pub cpuacct: Option<Place>,
    pub memory: Option<Place>,
    pub pids: Option<Place>,
}

#[derive(Debug)]
pub(super) struct Mount {
    pub(super) version: Version,
    pub(super) options: String,
    /// The group that is shown at the top.
    root: PathBuf,
    pub(super) point: PathBuf,
}

/// Returns the directories of the process whose `/proc/<pid>/cgroup` is `cgroup` and where `/proc/self/mountinfo` is `mountinfo`.
pub fn find(cgroup: &str, mountinfo: &str) -> Places {
    let mounts = mounts(mountinfo);
    let place = |controller: &str| place(cgroup, &mounts, controller);
    let cpuacct = place("cpuacct").filter(|place| place.version == Version::V1);
    Places { cpu: place("cpu"), cpuacct, memory: place("memory"), pids: place("pids") }
}

/// Returns where control group trees are mounted on this host.
pub fn hierarchies() -> BTreeSet<PathBuf> {
    let mountinfo = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    mounts(&mountinfo).into_iter().map(|mount| mount.point).collect()
}

/// Returns all control group trees that are mounted.
pub(super) fn mounts(mountinfo: &str) -> Vec<Mount> {
    mountinfo.lines().filter_map(mount).collect()
}

fn mount(line: &str) -> Option<Mount> {
    let (left, right) = line.split_once(" - ")?;
    let mut right = right.split(' ');
    let version = match right.next()? {
        "cgroup" => Version::V1,
        "cgroup2" => Version::V2,
        _ => return None,
    };
    let options = right.nth(1)?.to_owned();
    let mut left = left.split(' ').skip(3).map(unescaped);
    let (root, point) = (left.next()?, left.next()?);
    Some(Mount { version, options, root, point })
}

fn place(cgroup: &str, mounts: &[Mount], controller: &str) -> Option<Place> {
    let lines = || cgroup.lines().filter_map(line);
    // A controller that is bound to a tree of version 1 is not there in version 2.
    let bound = lines().find(|(controllers, _)| controllers.split(',').any(|name| name == controller));
    let (version, path) = match bound {
        Some((_, path)) => (Version::V1, path),
        None => (Version::V2, lines().find(|(controllers, _)| controllers.is_empty())?.1),
    };
    let holds = |mount: &&Mount| {
        mount.version == version
            && (version == Version::V2 || mount.options.split(',').any(|option| option == controller))
    };
    let mut shown = mounts.iter().filter(holds).filter_map(|mount| Some((mount, below(&mount.root, path)?)));
    let (mount, below) = shown.next()?;
    // Joining nothing would leave a slash at the end.
    let path = if below.as_os_str().is_empty() { mount.point.clone() } else { mount.point.join(below) };
    Some(Place { version, path, mount: mount.point.clone() })
}

/// Returns the controllers and the path of a line such as `4:cpu,cpuacct:/user.slice`; a path may hold colons.
fn line(text: &str) -> Option<(&str, &str)> {
    let mut parts = text.splitn(3, ':').skip(1);
    Some((parts.next()?, parts.next()?))
}

/// `path` seen from `root`; `None` when the mount does not show it.
fn below(root: &Path, path: &str) -> Option<PathBuf> {
    let below = Path::new(path).strip_prefix(root).ok()?;
    below.components().all(|part| matches!(part, Component::Normal(_))).then(|| below.to_owned())
}

/// Blank, tab, line feed and backslash stand there as three octal digits behind a backslash.
fn unescaped(text: &str) -> PathBuf {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let code = after.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        rest = match code {
            Some(code) => {
                plain.push(char::from(code));
                after.get(3..).unwrap_or_default()
            }
            None => {
                plain.push('\\');
                after
            }
        };
    }
    plain.push_str(rest);
    PathBuf::from(plain)
}

impl Places {
    /// Returns the directories of process `pid`, and the files below `root` instead of `/`. `None` when there is no such process.
    pub fn of(root: &Path, pid: i32) -> Option<Self> {
        let proc = root.join("proc");
        Self::read(&proc.join(pid.to_string()).join("cgroup"), &proc.join("self/mountinfo"), root)
    }

    /// Returns the directories of process `pid` of another container, as that container has mounted them. The kernel writes both files for
    /// this process, the reader, so they agree on the names of groups wherever the container's own tree begins. `None` when there is no
    /// such process.
    pub fn through(pid: i32) -> Option<Self> {
        let folder = Path::new("/proc").join(pid.to_string());
        Self::read(&folder.join("cgroup"), &folder.join("mountinfo"), &folder.join("root"))
    }

    /// Reads both files of `/proc`, and puts `root` before the directories.
    fn read(cgroup: &Path, mountinfo: &Path, root: &Path) -> Option<Self> {
        let cgroup = std::fs::read_to_string(cgroup).ok()?;
        let mountinfo = std::fs::read_to_string(mountinfo).ok()?;
        let mut places = find(&cgroup, &mountinfo);
        for place in places.each_mut() {
            for path in [&mut place.path, &mut place.mount] {
                *path = root.join(path.strip_prefix("/").unwrap_or(path));
            }
        }
        Some(places)
    }

    /// Returns all of them; those of several controllers may be the same.
    pub fn each(&self) -> impl Iterator<Item = &Place> {
        [&self.cpu, &self.cpuacct, &self.memory, &self.pids].into_iter().flatten()
    }

    fn each_mut(&mut self) -> impl Iterator<Item = &mut Place> {
        [&mut self.cpu, &mut self.cpuacct, &mut self.memory, &mut self.pids].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(place: Option<&Place>) -> Option<&str> {
        place.and_then(|place| place.path.to_str())
    }

    #[test]
    fn controllers_that_share_a_tree_are_found_by_either_name() {
        let cgroup = "12:name=systemd:/elsewhere\n5:cpu,cpuacct:/user.slice/a:b\n3:memory:/user.slice\n0::/unused\n";
        let mountinfo = "33 25 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
            34 25 0:29 / /sys/fs/cgroup/memory rw shared:10 master:2 - cgroup cgroup rw,memory\n\
            35 25 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let places = find(cgroup, mountinfo);
        let shared = Some("/sys/fs/cgroup/cpu,cpuacct/user.slice/a:b");
        assert_eq!((path(places.cpu.as_ref()), path(places.cpuacct.as_ref())), (shared, shared));
        assert_eq!(path(places.memory.as_ref()), Some("/sys/fs/cgroup/memory/user.slice"));
        let pids = places.pids.as_ref();
        assert_eq!(
            (path(pids), pids.map(|place| place.version)),
            (Some("/sys/fs/cgroup/unified/unused"), Some(Version::V2))
        );
    }

    #[test]
    fn a_mount_that_shows_a_part_of_the_tree_is_seen_through() {
        let mountinfo = "1 2 0:3 /docker/abc /mnt/a\\040b\\134c ro - cgroup2 cgroup rw,nsdelegate\n";
        let cpu = |cgroup: &str| find(cgroup, mountinfo).cpu;
        assert_eq!(path(cpu("0::/docker/abc\n").as_ref()), Some("/mnt/a b\\c"));
        assert_eq!(path(cpu("0::/docker/abc/child\n").as_ref()), Some("/mnt/a b\\c/child"));
        assert_eq!(cpu("0::/docker/abcd\n"), None);
        assert_eq!(cpu("0::/docker/abc/../x\n"), None);
        assert_eq!(cpu("1:name=systemd:/docker/abc\n"), None);
        // Another namespace's group, above ours.
        assert_eq!(find("0::/../other\n", "1 2 0:3 / /c rw - cgroup2 none rw\n"), Places::default());
    }

    #[test]
    fn the_group_of_a_neighbour_is_found_by_names_that_lead_out_of_our_namespace() {
        // As a container with a namespace of its own reads the files of another one.
        let mountinfo =
            "40 39 0:26 /../cri-containerd-b.scope /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate\n";
        let memory = |cgroup: &str| find(cgroup, mountinfo).memory;
        assert_eq!(path(memory("0::/../cri-containerd-b.scope\n").as_ref()), Some("/sys/fs/cgroup"));
        let below = memory("0::/../cri-containerd-b.scope/worker\n");
        assert_eq!(path(below.as_ref()), Some("/sys/fs/cgroup/worker"));
        assert_eq!(memory("0::/../cri-containerd-c.scope\n"), None);
        assert_eq!(memory("0::/\n"), None, "our own group is not shown there");
        // A mount of version 2 that shows the groups of the whole pod.
        let above = "40 39 0:26 /.. /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        assert_eq!(path(find("0::/../b\n", above).cpu.as_ref()), Some("/sys/fs/cgroup/b"));
        assert_eq!(find("0::/../../b\n", above).cpu, None);
    }

    #[test]
    fn this_process_has_the_same_group_through_its_own_folder() {
        let own = std::process::id().cast_signed();
        let (plain, through) = (Places::of(Path::new("/"), own).unwrap(), Places::through(own).unwrap());
        let root = Path::new("/proc").join(own.to_string()).join("root");
        let below: Vec<PathBuf> = plain.each().map(|place| root.join(place.path.strip_prefix("/").unwrap())).collect();
        assert_eq!(through.each().map(|place| place.path.clone()).collect::<Vec<_>>(), below);
        assert_eq!(Places::through(5_000_000), None);
    }

    #[test]
    fn of_several_mounts_one_that_shows_the_group_is_taken() {
        let mountinfo = "1 0 0:3 /other /a rw - cgroup2 none rw\nnot a mount\n2 0 0:3 / /b rw - cgroup2 none rw\n";
        let places = find("0::/this\n", mountinfo);
        assert_eq!((path(places.memory.as_ref()), places.cpuacct), (Some("/b/this"), None));
        assert_eq!(find("0::/this\n", ""), Places::default());
    }
}
