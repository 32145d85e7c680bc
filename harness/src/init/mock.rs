//! The bundled upstream, at the place where a program expects its upstream.

use std::net::{SocketAddr, TcpListener};

use serde::Deserialize;

use super::stand::Stand;
use crate::run::admin::Admin;
use crate::run::bench::{come_up, launch_halt};
use crate::run::halt::Halt;
use harness_base::units::Nanos;
use harness_rig::target::spec::{ProcessSpec, Upstream};
use harness_rig::target::{Running, RunningUpstream, launch_upstream};

/// Time limit for it to listen.
const DEADLINE: Nanos = Nanos::from_secs(10);
/// Time between SIGTERM and SIGKILL.
const PATIENCE: Nanos = Nanos::from_millis(1500);

/// A running upstream that counts its requests.
pub(super) struct Mock {
    pub(super) upstream: RunningUpstream,
    running: Running,
    admin: Admin,
}

#[derive(Deserialize)]
struct Ledger {
    total: u64,
}

impl Mock {
    /// Starts it at `address`; `None` if another process listens there.
    ///
    /// # Errors
    /// Returns [`Halt::Interrupted`], or a failure of the tool.
    pub(super) async fn at(stand: &Stand, address: SocketAddr) -> Result<Option<Self>, Halt> {
        if TcpListener::bind(address).is_err() {
            return Ok(None);
        }
        let words = ["builtin:upstream", "--listen", &address.to_string(), "--body", "1KiB"];
        let command = words.iter().map(ToString::to_string).collect();
        let process = ProcessSpec { command, env: Vec::new(), cpuset: None };
        let spec = Upstream::Process { process, url: format!("http://{address}") };
        Self::start(stand, &spec).await.map(Some)
    }

    /// Starts the upstream of a scenario.
    ///
    /// # Errors
    /// As [`Mock::at`].
    pub(super) async fn start(stand: &Stand, spec: &Upstream) -> Result<Self, Halt> {
        let launched = launch_upstream(spec, &stand.site, "upstream").await;
        let mut upstream = launched.map_err(|error| launch_halt(&error))?;
        let not_ours = || Halt::tool("the bundled upstream gave no pipes");
        let admin = upstream.admin.take().ok_or_else(not_ours)?;
        let admin = Admin::over(admin).map_err(|error| Halt::tooling(&error))?;
        let running = upstream.running.take().ok_or_else(not_ours)?;
        let (running, came_up) = come_up(&stand.interrupt, running, DEADLINE).await?;
        came_up.map_err(|error| Halt::tooling(&error))?;
        Ok(Self { upstream, running, admin })
    }

    /// Returns how many requests arrived so far.
    ///
    /// # Errors
    /// Returns a failure if it gives no answer.
    pub(super) async fn hits(&self) -> Result<u64, Halt> {
        let ledger = self.admin.ask::<Ledger>("ledger").await;
        ledger
            .map(|ledger| ledger.total)
            .map_err(|error| Halt::tool(format!("cannot read the hits of the upstream: {error}")))
    }

    pub(super) async fn stop(self) {
        self.running.stop(PATIENCE).await;
    }
}
