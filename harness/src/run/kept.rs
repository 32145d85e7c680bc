//! Keeps a fleet whose nodes others have started from one run of a command to the next: a retry, or the rerun that confirms a block. Nodes that
//! have left would not come back.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::event::Event;
use super::fleet::{self, Fleet};
use super::halt::Halt;
use super::interrupt::Interrupt;
use crate::plan::Plan;
use harness_rig::keeper::{self, Keeper};
use harness_rig::target::Site;

/// The fleet that the runs of one command share. Its hub, and with it the nodes, ends with this process, however that ends.
#[derive(Debug, Default)]
pub struct Kept(Mutex<Option<Arc<Fleet>>>);

impl Kept {
    /// Returns whether all nodes wait for another run.
    pub fn is_ready(&self) -> bool {
        self.fleet().as_ref().is_some_and(|fleet| fleet.is_idle())
    }

    /// Ends the nodes and their hub, if there are any.
    pub async fn end(&self) {
        let fleet = self.fleet().take();
        if let Some(fleet) = fleet {
            fleet.end().await;
        }
    }

    /// Returns the fleet of the run before, or starts the first one.
    async fn begin(
        &self,
        plan: &Plan,
        (site, run_id): (&Site, &str),
        interrupt: &Interrupt,
        events: &mut (dyn FnMut(Event) + Send),
    ) -> Result<Option<Arc<Fleet>>, Halt> {
        let before = self.fleet().clone();
        if let Some(fleet) = before {
            events(Event::Note(format!("  {} nodes have stayed", fleet.facts().nodes.len())));
            return Ok(Some(fleet));
        }
        let own = apart(site).map_err(|error| Halt::tooling(&error))?;
        let started = fleet::start(plan, (&own, run_id), interrupt, events).await?;
        self.fleet().clone_from(&started);
        Ok(started)
    }

    fn fleet(&self) -> MutexGuard<'_, Option<Arc<Fleet>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the fleet of a run, or returns the one that was kept.
///
/// # Errors
/// Returns the errors of [`fleet::start`], or [`Halt::Failed`] if a keeper cannot be started for a fleet that is to be kept.
pub(super) async fn begin(
    kept: Option<&Kept>,
    plan: &Plan,
    (site, run_id): (&Site, &str),
    interrupt: &Interrupt,
    events: &mut (dyn FnMut(Event) + Send),
) -> Result<Option<Arc<Fleet>>, Halt> {
    match kept {
        Some(kept) => kept.begin(plan, (site, run_id), interrupt, events).await,
        None => fleet::start(plan, (site, run_id), interrupt, events).await,
    }
}

/// Ends the fleet of a run, unless it is kept and can take part in another one.
pub(super) async fn leave(kept: Option<&Kept>, fleet: Option<&Fleet>) {
    match (kept, fleet) {
        (Some(kept), _) if kept.is_ready() => {}
        (Some(kept), _) => kept.end().await,
        (None, Some(fleet)) => fleet.end().await,
        (None, None) => {}
    }
}

/// Returns a site with a keeper and a folder of its own, because the keeper of a run ends with it and ends all that it has started.
fn apart(site: &Site) -> Result<Site, keeper::Error> {
    let keeper = Keeper::start(&site.logs.join("fleet"))?;
    let mut scratch = site.scratch.clone().into_os_string();
    scratch.push("-fleet");
    let scratch = PathBuf::from(scratch);
    keeper.scratch(&scratch)?;
    Ok(Site { keeper, scratch, ..site.clone() })
}
