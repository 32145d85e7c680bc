//! The interface of the ways in which a target is launched.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;

use super::error::Error;
use super::running::Running;
use super::site::Site;
use super::spec;
use super::url::HttpUrl;
use crate::group::ResourceLimits;

/// One launch to be made.
#[derive(Debug, Clone, Copy)]
pub struct LaunchRequest<'a> {
    pub site: &'a Site,
    /// What to call it: the name of its log and of its working folder; one per launch.
    pub name: &'a str,
    pub spec: &'a spec::Spec,
    pub upstream: Option<&'a HttpUrl>,
    /// CPUs it may run on, instead of the target's own.
    pub cpuset: Option<&'a [u64]>,
    /// What it may use; it then runs in a control group of its own.
    pub limits: Option<&'a ResourceLimits>,
    /// Ports by their names that an earlier launch had, and that this one takes again; free ones where absent.
    pub ports: Option<&'a BTreeMap<String, u16>>,
}

/// A way in which a target comes to run.
pub trait Launcher {
    /// Starts or finds the target. Returns before it listens.
    fn launch(&self, order: &LaunchRequest<'_>) -> impl Future<Output = Result<Running, Error>> + Send;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executable {
    /// As the scenario names it, placeholders filled.
    pub named: String,
    pub path: PathBuf,
    /// It is one of the bundled programs.
    pub builtin: bool,
}
