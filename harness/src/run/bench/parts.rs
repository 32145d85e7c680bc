//! Returns the parts of an instance, and what they say.

use std::path::Path;
use std::sync::Arc;

use super::alive::LINES;
use super::{Bench, ended_early};
use crate::measure::reason::Cause;
use crate::measure::{Ending, Failure};
use crate::run::admin::Admin;
use crate::run::halt::Halt;
use crate::run::relays::RelayCount;
use harness_base::address::Address;
use harness_base::error::causes;
use harness_base::exit::Exit;
use harness_rig::keeper;
use harness_rig::sampler::Watched;
use harness_rig::target::HttpUrl;

impl Bench {
    /// Lists the living processes of the target; none of one in a pod.
    pub(crate) fn processes(&self) -> Vec<i32> {
        match self.pod {
            Some(_) => Vec::new(),
            None => keeper::family(self.target.pid, self.target.mark.as_deref()),
        }
    }

    /// Lists the living processes of the target, and those of the harness beside it.
    pub(crate) fn own_processes(&self) -> Vec<i32> {
        let Watched { generator, upstream, egress, relays, keeper, .. } = &self.watched;
        let single = [generator, upstream, egress, keeper].into_iter().copied().flatten();
        self.processes().into_iter().chain(single).chain(relays.iter().copied()).collect()
    }

    /// Returns the way to give commands to the upstream; `None` if it is not the bundled one.
    pub(crate) fn admin(&self) -> Option<Arc<Admin>> {
        self.admin.clone()
    }

    /// Returns the way to give commands to the foreign hosts; `None` if the scenario has none.
    pub(crate) fn foreign(&self) -> Option<Arc<Admin>> {
        self.foreign.as_ref().map(|foreign| Arc::clone(&foreign.admin))
    }

    /// Reads what the relays of the network, or of the path of a stage, did so far; nothing without them.
    ///
    /// # Errors
    /// Returns [`Halt::Failed`] if one gives no answer.
    pub(crate) async fn relay_counts(&self) -> Result<Vec<RelayCount>, Halt> {
        let mut counts = self.relays.counts().await?;
        if let Some(engine) = &self.engine {
            counts.extend(engine.relay_counts().await?);
        }
        Ok(counts)
    }

    /// Creates the failure of a run whose bundled upstream gives no answer. It is a part of the harness, so the target is not at fault.
    pub(crate) fn without_upstream(&self, error: &dyn std::error::Error) -> Halt {
        let ended = self.upstream_ending().map(ended_early);
        self.upstream_failed(ended.into_iter().chain(causes(error)).collect())
    }

    /// Returns how the upstream ended; `None` if it lives or is not ours.
    pub(super) fn upstream_ending(&self) -> Option<Ending> {
        self.upstream.as_ref()?.running.as_ref()?.ended()
    }

    pub(super) fn upstream_failed(&self, causes: Vec<String>) -> Halt {
        let running = self.upstream.as_ref().and_then(|upstream| upstream.running.as_ref());
        let failure = Failure::new(Cause::Error(causes), Exit::Usage);
        Halt::from(failure.with_log(running.map(|running| running.log_tail(LINES)).unwrap_or_default()))
    }

    /// Returns the address of the upstream, if there is one.
    pub(crate) fn upstream_address(&self) -> Option<Address> {
        self.upstream.as_ref().map(|upstream| upstream.url.address.clone())
    }

    /// Returns the URL at a key of the scenario.
    pub(crate) fn endpoint(&self, key: &str) -> Option<&HttpUrl> {
        self.target.endpoints.other(key)
    }

    /// Returns the log of the target; `None` if it is not ours.
    pub(crate) fn log(&self) -> Option<&Path> {
        self.target.log.as_deref()
    }

    /// Returns where requests to the target go.
    pub(crate) fn proxied(&self) -> &HttpUrl {
        &self.target.endpoints.proxy
    }
}
