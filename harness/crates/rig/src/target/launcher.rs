//! The interface of the ways in which a target is launched.

use std::future::Future;
use std::path::PathBuf;

use super::egress_place::EgressPlace;
use super::error::Error;
use super::ports::Allotted;
use super::running::Running;
use super::site::Site;
use super::spec;
use super::url::HttpUrl;
use crate::group::ResourceLimits;

/// A launch to be made.
#[derive(Debug, Clone, Copy)]
pub struct LaunchRequest<'a> {
    pub site: &'a Site,
    /// The name of its log and of its working folder, unique per launch.
    pub name: &'a str,
    pub spec: &'a spec::Spec,
    pub upstream: Option<&'a HttpUrl>,
    /// Where it finds the foreign hosts that the harness plays; absent without any.
    pub egress: Option<&'a EgressPlace>,
    /// The CPUs that it may run on, instead of those of the target.
    pub cpuset: Option<&'a [u64]>,
    /// Its limits; with limits it runs in a control group of its own.
    pub limits: Option<&'a ResourceLimits>,
    /// The ports and sockets of an earlier launch, which this one reuses; free ones if absent.
    pub allotted: Option<&'a Allotted>,
}

/// A way to run a target.
pub trait Launcher {
    /// Starts or finds the target. Returns before it listens.
    fn launch(&self, request: &LaunchRequest<'_>) -> impl Future<Output = Result<Running, Error>> + Send;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executable {
    /// The name in the scenario, with placeholders replaced.
    pub named: String,
    pub path: PathBuf,
    /// Whether it is a bundled program.
    pub builtin: bool,
}
