//! The hub of a fleet: a process of this machine, or a pod.

use std::sync::Arc;
use std::time::Duration;

use super::kubernetes::OnKubernetes;
use super::trouble::Trouble;
use harness_base::units::Nanos;
use harness_load::Streams;
use harness_rig::keeper::{Child, Command, clean_env};
use harness_rig::target::Site;

/// Time between SIGTERM and SIGKILL for a process.
const PATIENCE: Nanos = Nanos::from_secs(1);
/// The time in which a hub without control ends its nodes and itself.
const ENDING: Duration = Duration::from_secs(3);
/// Number of log lines that a failure contains.
const LINES: usize = 8;

#[derive(Debug)]
pub(super) enum Hub {
    Process(Box<Child>),
    Pod(Arc<OnKubernetes>),
}

impl Hub {
    /// Starts a process.
    ///
    /// # Errors
    /// Returns [`Trouble::Hub`] if the keeper does not start it.
    pub(super) fn start(site: &Site) -> Result<Self, Trouble> {
        Ok(Self::Process(Box::new(site.keeper.spawn(command(site))?)))
    }

    /// Returns the streams to it, once.
    ///
    /// # Errors
    /// Returns [`Trouble`] if there are none, or the pod cannot be reached.
    pub(super) async fn streams(&self) -> Result<Streams, Trouble> {
        match self {
            Self::Process(child) => {
                let (stdin, stdout) = child.take_pipes().ok_or(Trouble::NoPipes)?;
                Streams::of(stdin, stdout).map_err(Trouble::Streams)
            }
            Self::Pod(pod) => pod.hub().await,
        }
    }

    /// Returns the process; `None` for a pod.
    pub(super) fn pid(&self) -> Option<i32> {
        match self {
            Self::Process(child) => Some(child.pid),
            Self::Pod(_) => None,
        }
    }

    /// Returns its last lines; none for a pod, whose log is read only where it explains a failure.
    pub(super) fn log_tail(&self) -> Vec<String> {
        match self {
            Self::Process(child) => child.log_tail(LINES),
            Self::Pod(_) => Vec::new(),
        }
    }

    /// Waits until it has ended by itself, which it does when its streams are closed, and stops a process that does not.
    pub(super) async fn end(&self) {
        if let Self::Process(child) = self {
            let _late = tokio::time::timeout(ENDING, child.wait()).await;
            child.stop(PATIENCE).await;
        }
    }

    /// Stops a process at once.
    pub(super) async fn stop(&self) {
        if let Self::Process(child) = self {
            child.stop(PATIENCE).await;
        }
    }
}

fn command(site: &Site) -> Command {
    let argv = vec![site.exe.to_string_lossy().into_owned(), "__hub".to_owned()];
    let log = site.logs.join("fleet-hub.log");
    let mut command = Command::new("fleet hub", argv, clean_env(&site.scratch, &[]), site.scratch.clone(), log);
    command.pipes = true;
    command
}
