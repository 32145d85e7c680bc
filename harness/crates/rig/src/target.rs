//! Launches the target, or finds the one that runs, and the upstream behind it.
//!
//! A [`Launcher`] is one way to run a target: as a process of ours, as a container, or as a process that runs already. It returns
//! as soon as the target is started. The probe finds out when the target listens and answers.

pub mod capability;
pub mod certificates;
mod command;
pub(crate) mod container;
mod descriptors;
mod dispatch;
mod echo_path;
mod egress;
mod egress_place;
mod endpoints;
mod error;
mod external;
mod free;
mod in_pod;
mod inputs;
mod launcher;
pub mod loopback;
pub mod placeholders;
mod ports;
mod process;
mod relay;
mod running;
mod site;
pub mod spec;
mod stdio;
pub mod template;
mod upstream;
mod url;

pub use command::{CommandLine, CommandSite, RunRequest};
pub use container::containers::Containers;
pub use container::engine::version as engine_version;
pub use container::error::{Error as ContainerError, Fault};
pub use container::leftover::{Kind as LeftoverKind, Leftover};
pub use container::sweep::{clean, sweep_main};
pub use dispatch::{executable, launch, prepare, saved_image};
pub use echo_path::{Carried, EchoPath, EchoRelay, launch_echo_relay};
pub use egress::{RunningEgress, launch_egress};
pub use egress_place::EgressPlace;
pub use endpoints::Endpoints;
pub use error::Error;
pub use in_pod::{UPSTREAM_PORT, endpoints_in_pod, render_in_pod, url_host, url_in_pod};
pub use launcher::{Executable, LaunchRequest, Launcher};
pub use ports::{Allotted, Owner, Ports};
pub use relay::{RunningRelay, Way, launch_relay};
pub use running::{Elsewhere, Running};
pub use site::{Site, own_binary};
pub use upstream::{RunningUpstream, launch_upstream, upstream_arguments};
pub use url::{HttpUrl, UrlError};

/// How often a launch is tried when its port is taken before the target binds it; see [`Running::lost_port`].
pub const ATTEMPTS: u32 = 3;
