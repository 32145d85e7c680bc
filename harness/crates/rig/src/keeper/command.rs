//! The command of a process that the keeper starts.

use std::path::PathBuf;

use harness_base::units::Bytes;
use serde::{Deserialize, Serialize};

use crate::group::ResourceLimits;

/// The default limit of the output that is kept per process.
pub const LOG_LIMIT: Bytes = Bytes::from_mebi(8);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// What to call it in messages.
    pub name: String,
    /// Program and arguments. A program without a slash is looked up in the `PATH` of `env`, a relative one starts at `cwd`.
    pub argv: Vec<String>,
    /// The whole environment; see [`super::clean_env`].
    pub env: Vec<(String, String)>,
    pub cwd: PathBuf,
    /// CPUs it may run on; those of the keeper where absent.
    pub cpuset: Option<Vec<u64>>,
    /// What it and all that comes from it may use together; with limits it runs in a control group of its own.
    pub limits: Option<ResourceLimits>,
    /// Log file of what it prints; see [`super::log_tail`].
    pub log: PathBuf,
    /// Bytes of output kept on disk.
    pub log_limit: Bytes,
    /// Whether its stdin and stdout are pipes to us ([`super::Child::take_pipes`]). Otherwise stdin is empty and stdout is logged.
    pub pipes: bool,
}

impl Command {
    /// A command that logs within the usual limit, has no pipes and runs on any CPU.
    pub fn new(name: &str, argv: Vec<String>, env: Vec<(String, String)>, cwd: PathBuf, log: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            argv,
            env,
            cwd,
            cpuset: None,
            limits: None,
            log,
            log_limit: LOG_LIMIT,
            pipes: false,
        }
    }
}
