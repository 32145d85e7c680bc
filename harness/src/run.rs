//! Run: drives the acting wing, stage by stage, tells those who watch, and returns the record.

mod admin;
mod bench;
mod builds;
mod engine;
mod event;
mod faults;
mod flame;
mod halt;
mod header;
mod home;
mod interrupt;
mod ledger;
mod limits;
mod load;
mod profile;
mod recorder;
mod rig;
mod rounds;
mod soak;
mod startup;
mod trial;
mod whole_lines;

pub use event::Event;
pub use halt::chain;
pub use home::Home;
pub use interrupt::Interrupt;
pub use profile::no_profile;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::interop::import::Spec as Import;
use crate::measure::trial::Build;
use crate::measure::{FaultsFacts, ImageFacts, Record, SoakFacts, StageRecord, StageStatus};
use crate::plan::{FaultsWork, Plan, Stage, Work};
use halt::Halt;
use harness_base::exit::Exit;
use harness_image as image;
use harness_rig::cgroup;
use harness_rig::keeper::{self, Keeper};
use harness_rig::target::spec::Spec;
use harness_rig::target::{self, Containers, Site};
use recorder::Recorder;
use rig::Rig;

/// Why a run could not begin. Once it has begun, whatever happens is part of its record.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process that owns all others could not be started.
    #[error(transparent)]
    Keeper(#[from] keeper::Error),
    /// The journal could not be begun.
    #[error(
        "cannot write the journal in {folder}: {cause}; choose another place with --out DIR, or look with: df -h {folder}"
    )]
    Journal { folder: String, cause: std::io::Error },
}

/// Does what the plan says. Everything that was started is stopped when this returns.
///
/// # Errors
/// [`Error`] when the run could not even begin.
pub async fn execute(
    plan: &Plan,
    home: &Home,
    interrupt: Interrupt,
    events: &mut (dyn FnMut(Event) + Send),
) -> Result<Record, Error> {
    let journal = |cause| Error::Journal { folder: home.results.display().to_string(), cause };
    let logs = home.results.join("logs");
    let keeper = Keeper::start(&logs)?;
    remove_leftovers(plan);
    keeper.scratch(&home.scratch)?;
    let site = Site {
        keeper: keeper.clone(),
        ports: Arc::default(),
        containers: Arc::new(Containers::of(&home.run_id)),
        scratch: home.scratch.clone(),
        logs,
        folder: plan.folder.clone(),
        exe: target::own_binary(),
    };
    let header = header::header(plan, home, &site);
    let cpus = header.host.cpus as f64;
    let recorder = Recorder::begin(&home.results, header).map_err(journal)?;
    let mut rig = Rig { plan, site, interrupt, recorder, cpus, events };
    stages(&mut rig).await;
    keeper.shutdown().await;
    let interrupted = rig.interrupt.requested();
    Ok(rig.recorder.end(interrupted))
}

/// Removes what runs left behind whose keeper was killed; what cannot be removed now is told by `harness clean`.
fn remove_leftovers(plan: &Plan) {
    for folder in keeper::scratch_leftovers(&std::env::temp_dir()) {
        let _kept = std::fs::remove_dir_all(folder);
    }
    if plan.stages.iter().any(Stage::is_limited) {
        let _kept = cgroup::remove_leftovers();
    }
}

/// Runs the stages in their order. A stage that is not valid does not keep the next one from running; a target that
/// failed or an interrupt does.
async fn stages(rig: &mut Rig<'_>) {
    for stage in &rig.plan.stages {
        let expected = stage.expected_duration();
        rig.tell(Event::StageBegun { name: stage.name.clone(), kind: stage.kind, expected });
        rig.recorder.stage_begun(stage_record(stage));
        let ended = work(rig, stage).await;
        let (status, go_on) = match ended {
            Ok(()) => (StageStatus::Valid, true),
            Err(Halt::Invalid(reasons)) => (StageStatus::Invalid(reasons), true),
            Err(Halt::Failed(failure)) if stage.optional => (StageStatus::Skipped(failure.message), true),
            Err(Halt::Failed(failure)) => (StageStatus::Failed(failure), false),
            Err(Halt::Interrupted) => (StageStatus::Incomplete, false),
        };
        rig.recorder.stage_ended(status.clone());
        rig.tell(Event::StageEnded { name: stage.name.clone(), status });
        if !go_on {
            break;
        }
    }
}

/// The record of a stage that has not begun.
fn stage_record(stage: &Stage) -> StageRecord {
    let (offered, wanted) = match &stage.work {
        Work::Artifact { .. } | Work::Import(_) => (None, 1),
        Work::Startup { launches } | Work::Idle { launches, .. } => (None, *launches),
        Work::Load(work) | Work::Curve { load: work, .. } => (Some(trial::offered(work)), work.rounds),
        Work::Soak(soak) => (Some(trial::offered(&soak.load)), soak.windows()),
        Work::Faults(faults) => (Some(trial::offered(&faults.load)), faults.possible().count() as u64),
    };
    let objective = match &stage.work {
        Work::Curve { objective, .. } => Some(*objective),
        _ => None,
    };
    let soak = match &stage.work {
        Work::Soak(soak) => Some(SoakFacts {
            window_ns: soak.window.0,
            warmup_ns: soak.load.warmup.0,
            budget: soak.budget,
            min_abs: soak.min_abs,
        }),
        _ => None,
    };
    let faults = match &stage.work {
        Work::Faults(work) => Some(faults_facts(work)),
        _ => None,
    };
    StageRecord {
        name: stage.name.clone(),
        kind: stage.kind,
        optional: stage.optional,
        offered,
        upstream_delay_ns: stage.upstream.as_ref().and_then(|upstream| upstream.delay()).map(|delay| delay.0),
        limits: Some(stage.limits).filter(|limits| !limits.is_empty()),
        objective,
        soak,
        faults,
        wanted,
        ..StageRecord::default()
    }
}

fn faults_facts(work: &FaultsWork) -> FaultsFacts {
    FaultsFacts {
        before_ns: work.before.0,
        fault_ns: work.fault.0,
        after_ns: work.after.0,
        recover_ns: work.recover.0,
        timeout_ns: work.timeout.0,
        slow_ns: work.slow.0,
        readers: work.readers,
        planned: work.planned.clone(),
    }
}

async fn work(rig: &mut Rig<'_>, stage: &Stage) -> Result<(), Halt> {
    match &stage.work {
        Work::Artifact { image } => artifact(rig, stage, image.as_deref()).await,
        Work::Import(spec) => import(rig, spec),
        Work::Startup { launches } => startup::startup(rig, stage, *launches).await,
        Work::Idle { launches, settle, window } => startup::idle(rig, stage, *launches, *settle, *window).await,
        Work::Load(work) => load::stage(rig, stage, work).await,
        Work::Curve { cells, load, .. } => load::curve(rig, stage, cells, load).await,
        Work::Soak(soak) => soak::soak(rig, stage, soak).await,
        Work::Faults(work) => faults::faults(rig, stage, work).await,
    }
}

/// The engine's image that a build is a container of.
async fn image_of(rig: &Rig<'_>, build: &Spec) -> Result<Option<ImageFacts>, Halt> {
    let saved = rig.interrupt.or(target::saved_image(build, &rig.site)).await?;
    match saved.map_err(|error| bench::launch_halt(&error))? {
        Some(saved) => image_facts(rig, saved).await.map(Some),
        None => Ok(None),
    }
}

/// What an image is made of. Every byte of it is read and some are compressed: on a thread of its own, which an interrupt does
/// not wait for.
async fn image_facts(rig: &Rig<'_>, image: PathBuf) -> Result<ImageFacts, Halt> {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || drop(tell.send(image::facts(&image))));
    let facts = rig.interrupt.or(told).await?.map_err(|error| Halt::tooling(&error))?;
    facts.map_err(|error| Halt::failed(Exit::InvalidInput, &error))
}

/// Reads what another tool has measured.
fn import(rig: &mut Rig<'_>, spec: &Import) -> Result<(), Halt> {
    let found = spec.collect(&rig.plan.folder).map_err(|error| Halt::failed(error.exit(), &error))?;
    rig.recorder.stage_fact(|stage| stage.imports = found);
    Ok(())
}

/// Looks at the executable file of each build, and at the image that is named or that the target is a container of.
async fn artifact(rig: &mut Rig<'_>, stage: &Stage, image: Option<&Path>) -> Result<(), Halt> {
    let found = target::executable(&rig.plan.target, &rig.site).map_err(|error| bench::launch_halt(&error));
    let found = found.map_err(|halt| builds::named(rig, stage, Build::Head, halt))?;
    let size = std::fs::metadata(&found.path).map(|file| file.len()).ok();
    rig.recorder.stage_fact(|stage| stage.binary_size_bytes = size.filter(|_| !found.builtin));
    if let Some(base) = &rig.plan.base {
        // What its file weighs is in the record's header.
        let found = target::executable(base, &rig.site).map_err(|error| bench::launch_halt(&error));
        found.map_err(|halt| builds::named(rig, stage, Build::Base, halt))?;
    }
    let (head, base) = match (image, &rig.plan.base) {
        // It belongs to neither build.
        (Some(named), _) => (Some(image_facts(rig, rig.plan.folder.join(named)).await?), None),
        (None, Some(base)) => (image_of(rig, &rig.plan.target).await?, image_of(rig, base).await?),
        (None, None) => (image_of(rig, &rig.plan.target).await?, None),
    };
    if head.is_some() || base.is_some() {
        rig.recorder.stage_fact(|stage| (stage.image, stage.base_image) = (head, base));
    }
    Ok(())
}
