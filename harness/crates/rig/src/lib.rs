//! Starts, limits, probes and samples processes, and removes what they leave behind.
//!
//! - [`keeper`] starts every process of a run, and kills them all when its socket to control closes;
//! - [`target`] launches what is measured, and the upstream behind it;
//! - [`swarm`] places the nodes of a fleet on the engines of a Docker Swarm;
//! - [`probe`] finds out when a target listens and answers;
//! - [`listeners`] finds the ports at which processes listen;
//! - [`pod`] looks at the other containers of a pod from inside one of them;
//! - [`sampler`] reads `/proc` and control groups over a window;
//! - [`paths`] describes the impaired paths of a network; [`netem`] makes those that need the kernel;
//! - [`stopwatch`] runs a command to its end and measures it; [`page_cache`] drops files from the page cache;
//! - [`environment`] removes secrets before anything is started;
//! - [`cgroup`] creates and reads control groups; [`host`] describes the machine.

pub mod aside;
pub mod cgroup;
pub mod environment;
pub mod group;
mod group_series;
pub mod host;
pub mod keeper;
pub mod launch;
pub mod listeners;
pub mod neighbours;
pub mod netem;
pub mod page_cache;
pub mod paths;
pub mod pod;
pub mod probe;
pub mod sampler;
pub mod stdio;
pub mod stopwatch;
pub mod swarm;
pub mod target;
pub mod threads;
pub mod usage;
