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
    /// The name in messages.
    pub name: String,
    /// The program and its arguments. A program without a slash is searched in the `PATH` of `env`; a relative path is relative to `cwd`.
    pub argv: Vec<String>,
    /// The whole environment; see [`super::clean_env`].
    pub env: Vec<(String, String)>,
    #[serde(with = "super::raw_path")]
    pub cwd: PathBuf,
    /// The CPUs that it may run on; those of the keeper if absent.
    pub cpuset: Option<Vec<u64>>,
    /// The limits of it and its descendants together. With limits it runs in its own control group.
    pub limits: Option<ResourceLimits>,
    /// The log file of its output; see [`super::log_tail`].
    #[serde(with = "super::raw_path")]
    pub log: PathBuf,
    /// The limit of the output that is kept.
    pub log_limit: Bytes,
    /// Whether its stdin and stdout are pipes to control ([`super::Child::take_pipes`]). Otherwise stdin is empty and stdout is logged.
    pub pipes: bool,
}

impl Command {
    /// Creates a command with the default log limit, without pipes, for any CPU.
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
