//! Runs a plan stage by stage, reports events, and returns the record.

pub(crate) mod admin;
pub(crate) mod bench;
pub(crate) mod builds;
pub(crate) mod cancels;
pub(crate) mod disturbers;
mod doors;
mod ended;
pub(crate) mod engine;
pub(crate) mod event;
mod flame;
pub(crate) mod fleet;
pub(crate) mod halt;
mod header;
mod home;
pub(crate) mod interrupt;
mod kept;
pub(crate) mod launches;
pub(crate) mod ledger;
pub(crate) mod limits;
pub(crate) mod load;
mod matrix;
pub(crate) mod netem;
mod nodes_file;
pub(crate) mod on_launch;
pub(crate) mod profile;
pub(crate) mod recorder;
pub(crate) mod relays;
pub(crate) mod rig;
pub(crate) mod rounds;
pub(crate) mod scrape;
pub(crate) mod scraped;
mod tail;
pub(crate) mod trial;
pub(crate) mod turn;
pub(crate) mod whole_lines;

pub use event::Event;
pub use halt::Halt;
pub use home::Home;
pub use interrupt::Interrupt;
pub use kept::Kept;
pub use netem::enter;
pub use profile::no_profile;

use std::sync::Arc;

use crate::measure::reason::Cause;
use crate::measure::record::Retry;
use crate::measure::{Failure, Record};
use crate::plan::Plan;
use crate::work::{Stage, Work};
use harness_base::exit::Exit;
use harness_base::files;
use harness_rig::cgroup;
use harness_rig::host;
use harness_rig::keeper::{self, Keeper};
use harness_rig::netem::{Netem, Place};
use harness_rig::target::certificates::Certificates;
use harness_rig::target::{self, Containers, Site};
use recorder::Recorder;
use rig::Rig;

/// What one command has beside a plan.
#[derive(Debug)]
pub struct Around<'a> {
    /// The previous attempts.
    pub retries: &'a [Retry],
    /// The nodes that others have started, if they stay for all attempts.
    pub kept: Option<&'a Kept>,
    /// The network namespace that [`enter`] returned.
    pub netem: Option<Netem>,
}

/// Errors that prevent a run from beginning. Later failures are part of its record.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The keeper could not be started.
    #[error(transparent)]
    Keeper(#[from] keeper::Error),
    /// The journal could not be created.
    #[error(
        "cannot write the journal in {folder}: {cause}; choose another place with --out DIR, or check with: df -h \
         {folder}"
    )]
    Journal { folder: String, cause: std::io::Error },
    /// The scratch folder could not be removed.
    #[error(
        "the folder of temporary files {folder} could not be removed; look at it with: ls -la {folder}, and remove it with: harness clean"
    )]
    Kept { folder: String },
    /// Something failed before the first stage.
    #[error("{0}")]
    NoStage(Box<Failure>),
}

/// Runs the plan. When this returns, everything that was started has been stopped, except for a fleet that is kept.
///
/// # Errors
/// Returns an [`Error`] if the run could not begin.
pub async fn execute(
    plan: &Plan,
    home: &Home,
    Around { retries, kept, netem }: Around<'_>,
    interrupt: Interrupt,
    events: &mut (dyn FnMut(Event) + Send),
) -> Result<Record, Error> {
    let journal = |cause| Error::Journal { folder: home.results.display().to_string(), cause };
    let logs = home.results.join("logs");
    let keeper = Keeper::start(&logs)?;
    remove_leftovers(plan);
    keeper.scratch(&home.scratch)?;
    let egress = plan.egress.iter().map(|host| host.host.clone());
    // The target finds its upstream at this address where netem makes the path to it.
    let place = netem.iter().map(|_| Place::Upstream.address().to_string());
    let names = plan.generator.tls.server_name.iter().cloned().chain(egress).chain(place);
    let site = Site {
        keeper: keeper.clone(),
        ports: Arc::default(),
        certificates: Arc::new(Certificates::new(&home.scratch.join("tls"), names)),
        containers: Arc::new(Containers::of(&home.run_id).sealed(!plan.egress.is_empty())),
        scratch: home.scratch.clone(),
        logs,
        folder: plan.folder.clone(),
        exe: target::own_binary(),
    };
    let fleet = match kept::begin(kept, plan, (&site, &home.run_id), &interrupt, events).await {
        Ok(fleet) => fleet,
        // The record then says that no stage ran.
        Err(Halt::Interrupted) => None,
        Err(halt) => return Err(without_fleet(halt, &keeper, home).await),
    };
    let facts = fleet.as_ref().map(|fleet| fleet.facts().clone());
    let header = Record { retries: retries.to_vec(), fleet: facts, ..header::header(plan, home, &site) };
    let cpus = header.host.cpus as f64;
    let recorder = Recorder::begin(&home.results, header).map_err(journal)?;
    let mut rig = Rig { plan, site, interrupt, netem, recorder, cpus, fleet, scraped: Vec::new(), turn: None, events };
    if !rig.interrupt.requested() {
        stages(&mut rig).await;
    }
    kept::leave(kept, rig.fleet.as_deref()).await;
    if let Err(error) = keeper.shutdown().await {
        clear_without_keeper(home).await;
        rig.recorder.stage_failed(Failure::of(&error, Exit::Usage))?;
    }
    if home.scratch.exists() {
        let folder = home.scratch.display().to_string();
        rig.recorder.stage_failed(Failure::of(&Error::Kept { folder }, Exit::Usage))?;
    }
    let interrupted = rig.interrupt.requested();
    let reference = if interrupted || plan.is_in_pod() { None } else { host::reference() };
    Ok(rig.recorder.end(interrupted, reference))
}

/// Ends a run whose fleet did not come together. Returns why.
async fn without_fleet(halt: Halt, keeper: &Keeper, home: &Home) -> Error {
    if keeper.shutdown().await.is_err() {
        clear_without_keeper(home).await;
    }
    let failure = match halt {
        Halt::Failed(failure) => failure,
        Halt::Invalid(_) | Halt::Interrupted => {
            let cause = Cause::Error(vec!["the fleet did not come together".to_owned()]);
            Box::new(Failure::new(cause, Exit::Usage))
        }
    };
    Error::NoStage(failure)
}

/// Removes what the keeper of this run was to remove, because it was killed.
async fn clear_without_keeper(home: &Home) {
    // `harness clean` reports the rest that cannot be removed now.
    let _kept = files::remove_tree(&home.scratch);
    let _kept = cgroup::remove_leftovers();
    let _no_engine = target::clean(false).await;
}

/// Removes leftovers of runs whose keeper was killed; `harness clean` reports those that cannot be removed now.
fn remove_leftovers(plan: &Plan) {
    for folder in keeper::scratch_leftovers(&std::env::temp_dir()) {
        let _kept = files::remove_tree(&folder);
    }
    if plan.stages.iter().any(Stage::is_limited) {
        let _kept = cgroup::remove_leftovers();
    }
}

/// Runs the stages in order, the cells of a stage together. After an invalid stage, the next one still runs; a failed target or an
/// interrupt ends the run.
async fn stages(rig: &mut Rig<'_>) {
    let plan = rig.plan;
    let mut varied: Vec<&str> = Vec::new();
    for stage in &plan.stages {
        let name = plan.matrix.stage_of(&stage.name);
        let is_cell = plan.matrix.cell(&stage.name).is_some();
        if is_cell && varied.contains(&name) {
            continue;
        }
        let go_on = if is_cell {
            varied.push(name);
            let of_stage = |other: &&Stage| plan.matrix.cell(&other.name).is_some_and(|cell| cell.facts.stage == name);
            let cells: Vec<&Stage> = plan.stages.iter().filter(of_stage).collect();
            matrix::run(rig, &cells, work).await
        } else {
            one(rig, stage).await
        };
        if !go_on {
            break;
        }
    }
}

/// Runs a stage that is not a cell. Returns whether the run goes on.
async fn one(rig: &mut Rig<'_>, stage: &Stage) -> bool {
    let expected = stage.expected_duration();
    rig.emit(Event::StageBegun { name: stage.name.clone(), kind: stage.kind(), expected });
    rig.recorder.stage_begun(ended::record(rig.plan, stage));
    let (status, go_on) = ended::status(stage, work(rig, stage).await);
    rig.recorder.stage_ended(status.clone());
    rig.emit(Event::StageEnded { name: stage.name.clone(), status });
    go_on
}

macro_rules! runs {
    ($($Kind:ident $kind:ident,)+) => {
        async fn work(rig: &mut Rig<'_>, stage: &Stage) -> Result<(), Halt> {
            match &stage.work {
                $(Work::$Kind(work) => crate::stages::$kind::run::run(rig, stage, work).await,)+
            }
        }
    };
}
each_kind!(runs);
