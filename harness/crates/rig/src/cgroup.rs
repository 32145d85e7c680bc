//! Control groups: finds and reads those of a process, and creates groups that limit a target.
//!
//! Supports both interfaces of the kernel, version 1 (one tree of directories per controller) and version 2 (one tree for all), also
//! together. Finds the directories through `/proc/<pid>/cgroup` and `mountinfo`, never by a fixed path, because the mount in a
//! container may show only a part of the tree.
//!
//! A [`Group`] reads; it keeps its files open, so a reading costs one system call per file. An [`Own`] is a group of ours: the keeper
//! creates it before it starts a target with limits, lets the child enter through an [`Entrance`] between fork and exec, and removes
//! it. Its name contains its keeper, so that [`remove_leftovers`] finds the groups that a killed keeper could not remove.

mod entrance;
mod error;
mod find;
mod leftovers;
mod name;
mod own;
mod quota;
mod read;
mod remove;
mod room;
mod settings;

pub use entrance::Entrance;
pub use error::Error;
pub use find::{Place, Places, Version, find, hierarchies};
pub use leftovers::{Cleared, leftovers, remove_leftovers};
pub use name::{Maker, name};
pub use own::Own;
pub use quota::Quota;
pub use read::Group;
pub use room::ProcessLimit;
