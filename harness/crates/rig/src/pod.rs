//! Looks at the other containers of a pod from inside one of them, which shares the namespaces of processes and of the network with them.
//!
//! A container is recognized by the text of `/proc/PID/cgroup` of its processes. The kernel writes this text for the process that reads it,
//! so all processes of a container have the same one, and no other process has it, also where each container has a namespace of control
//! groups of its own.

mod found;
mod group;
mod peers;
mod processes;
mod seen;
mod watch;

pub use found::Found;
pub use group::group_of;
pub use peers::peers;
pub(crate) use processes::{PROC, cgroup, pids};
pub use seen::Unseen;
pub use watch::Watch;
