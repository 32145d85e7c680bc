//! Control groups: where a process's are, what they say, and groups of our own that hold a target to its limits.
//!
//! Both interfaces of the kernel are read, version 1 (one tree of directories per controller) and version 2 (one tree for
//! all), also side by side. The directories are found through `/proc/<pid>/cgroup` and `mountinfo`, never by a fixed path:
//! inside a container the mount may show a part of the tree only.
//!
//! A [`Group`] reads; it keeps its files open and costs a system call per file. An [`Own`] is a group that we make: the
//! keeper makes it before it starts a target with limits, lets the child enter through a [`Entrance`] between fork and exec, and
//! removes it. Its name tells whose it is, so that [`remove_leftovers`] finds what a killed keeper could not remove.

mod entrance;
mod error;
mod find;
mod leftovers;
mod name;
mod own;
mod read;
mod remove;
mod settings;

pub use entrance::Entrance;
pub use error::Error;
pub use find::{Place, Places, Version, find, hierarchies};
pub use leftovers::{Cleared, leftovers, remove_leftovers};
pub use name::{Maker, name};
pub use own::Own;
pub use read::Group;
