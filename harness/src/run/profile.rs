//! Records a flame graph of the target, in an additional window after the last measured one, under `perf`.
//!
//! Sampling slows the target down, so the trial of this window is discarded. If profiling fails, the stage records the
//! reason, and its numbers stay valid.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::bench::Bench;
use super::event::Event;
use super::flame::{self, Folded};
use super::halt::Halt;
use super::rig::Rig;
use super::trial::{self, LEAD};
use crate::measure::Arm;
use crate::measure::profile::{Profile, Stacks, Taken};
use crate::measure::trial::Build;
use crate::measure::{Ending, LoadFacts};
use crate::plan::Plan;
use crate::work::Stage;
use crate::work::load::LoadWork;
use harness_base::clock::Mono;
use harness_base::error::chain;
use harness_base::units::Nanos;
use harness_load::LoadEngine;
use harness_load::frames::TrialOrder;
use harness_rig::aside::aside;
use harness_rig::keeper::{self, Child, Command, Refusal, clean_env};
use harness_rig::target::Site;

/// The folder of the profiles in that of the run.
const FOLDER: &str = "profile";
/// Samples per second of every thread on a CPU. A prime number, so that sampling does not stay in phase with work that
/// recurs every millisecond.
const PER_SECOND: u32 = 499;
/// Bytes of the stack that are stored with a sample, from which its callers are unwound later.
const STACK: &str = "dwarf,16384";
/// Limits of the window, which is otherwise as long as that of the stage.
const SHORTEST: Nanos = Nanos::from_secs(2);
const LONGEST: Nanos = Nanos::from_secs(5);
/// Longest warm-up before it, because the target is warm already.
const WARMUP: Nanos = Nanos::from_secs(1);
/// Time limit for perf to attach, to write its data, and to read it again.
const PATIENCE: Nanos = Nanos::from_secs(60);
/// From this level on, the kernel does not allow sampling without privileges.
const PARANOID: i64 = 3;

/// The reason why there is no profile.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(
        "perf is not in the PATH; install it with: sudo apt-get install linux-perf (Debian), linux-tools-generic (Ubuntu) or perf (Fedora)"
    )]
    Missing,
    #[error("perf {doing}: {message}; {}", advice(*level))]
    Refused { doing: &'static str, message: String, level: Option<i64> },
    #[error("perf took no sample of the target in {window}: it was hardly on a CPU; try a higher rate")]
    NoSample { window: Nanos },
    #[error("{} cannot be written: {cause}; check with: df -h {}", path.display(), path.display())]
    Unwritable { path: PathBuf, cause: std::io::Error },
    #[error(transparent)]
    Keeper(keeper::Error),
    #[error("the load of the profiled window failed: {0}")]
    Load(String),
    /// The run was interrupted.
    #[error("interrupted")]
    Interrupted,
}

/// Advises by `kernel.perf_event_paranoid`.
fn advice(level: Option<i64>) -> String {
    match level {
        Some(level) if level >= PARANOID => format!(
            "kernel.perf_event_paranoid is {level}, so only root may sample: sudo sysctl kernel.perf_event_paranoid=1"
        ),
        Some(level) => format!(
            "kernel.perf_event_paranoid is {level}; a container or a virtual machine may forbid it too; try by hand: perf record -e \
             cpu-clock -- true"
        ),
        None => "this kernel has no perf events (there is no /proc/sys/kernel/perf_event_paranoid)".to_owned(),
    }
}

/// Returns why a plan with profiles will have none, if that is known before the run.
pub fn no_profile(plan: &Plan) -> Option<String> {
    plan.profile?;
    let path = std::env::var("PATH").unwrap_or_default();
    let missing = keeper::find_program("perf", &plan.folder, &path).is_err();
    let loaded = plan.stages.iter().any(|stage| stage.work.planned().is_profiled());
    if !loaded {
        Some("no selected stage has load; profiles are taken in overhead, capacity, constrained and soak".to_owned())
    } else if missing {
        Some(Trouble::Missing.to_string())
    } else {
        None
    }
}

/// Profiles the head of a stage whose rounds are complete, if that was asked for.
///
/// # Errors
/// Returns [`Halt::Interrupted`]. All other failures are recorded as a reason.
pub(crate) async fn of_rounds(
    rig: &mut Rig<'_>,
    stage: &Stage,
    work: &LoadWork,
    benches: &mut [Bench],
) -> Result<(), Halt> {
    // Each set of limits of a curve has separate rounds, which are too many to profile.
    let wanted = stage.work.planned().is_profiled();
    match benches.iter_mut().find(|bench| bench.build == Build::Head && wanted) {
        Some(bench) => window(rig, stage, work, bench).await,
        None => Ok(()),
    }
}

/// Profiles the target on this bench, if that was asked for.
///
/// # Errors
/// See [`of_rounds`].
pub(crate) async fn window(rig: &mut Rig<'_>, stage: &Stage, work: &LoadWork, bench: &mut Bench) -> Result<(), Halt> {
    let Some(stacks) = rig.plan.profile else { return Ok(()) };
    rig.emit(Event::Doing("profiling; this window is not measured".to_owned()));
    let profile = match taken(rig, stage, work, bench, stacks).await {
        Ok(taken) => Profile::Taken(taken),
        Err(Trouble::Interrupted) => return Err(Halt::Interrupted),
        Err(trouble) => Profile::Absent(chain(&trouble)),
    };
    rig.recorder.stage_fact(|stage| stage.profile = Some(profile));
    Ok(())
}

async fn taken(
    rig: &Rig<'_>,
    stage: &Stage,
    work: &LoadWork,
    bench: &mut Bench,
    stacks: Stacks,
) -> Result<Taken, Trouble> {
    let length = work.window.max(SHORTEST).min(LONGEST);
    let data = rig.site.scratch.join(format!("{}.perf", stage.name));
    let processes = bench.processes();
    bench.drive(&rig.interrupt, async |generator| generator.open(Arm::Proxied).await).await.map_err(stopped)?;
    let start_at = Mono::now().after(LEAD);
    let warmup = work.warmup.minus(work.ramp).min(WARMUP);
    let order = TrialOrder { ramp: Nanos::ZERO, warmup, window: length, ..trial::order(work, Arm::Proxied, start_at) };
    let recording = record(&rig.site, stage, &data, (stacks, &processes), (start_at.after(warmup), length));
    let load = bench.drive(&rig.interrupt, async |generator| generator.trial(order, |_| {}).await);
    let (recorded, load): (_, Result<LoadFacts, Halt>) = tokio::join!(rig.interrupt.or(recording), load);
    recorded.map_err(stopped)??;
    // The results of the load are not used.
    load.map_err(stopped)?;
    let folded = rig.interrupt.or(read(&rig.site, stage, &data)).await.map_err(stopped)??;
    // It may be large.
    drop(std::fs::remove_file(&data));
    if folded.samples == 0 {
        return Err(Trouble::NoSample { window: length });
    }
    write(
        rig.recorder.folder(),
        stage,
        &folded,
        Taken {
            graph: format!("{FOLDER}/{}.svg", stage.name),
            folded: format!("{FOLDER}/{}.folded", stage.name),
            stacks,
            event: folded.event.clone(),
            samples: folded.samples,
            window_ns: length.0,
        },
    )
}

/// Converts the end of an incomplete window: the run continues unless it was interrupted.
fn stopped(halt: Halt) -> Trouble {
    match halt {
        Halt::Interrupted => Trouble::Interrupted,
        Halt::Failed(failure) => Trouble::Load(failure.to_string()),
        Halt::Invalid(reasons) => Trouble::Load(reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
    }
}

/// Records the processes from `begin` on.
async fn record(
    site: &Site,
    stage: &Stage,
    data: &Path,
    (stacks, processes): (Stacks, &[i32]),
    (begin, length): (Mono, Nanos),
) -> Result<(), Trouble> {
    tokio::time::sleep(begin.remaining().duration()).await;
    let (rate, seconds) = (PER_SECOND.to_string(), format!("{:.3}", length.as_secs_f64()));
    let call_graph = if stacks == Stacks::Dwarf { STACK } else { stacks.name() };
    let pids: Vec<String> = processes.iter().map(ToString::to_string).collect();
    let (pids, data) = (pids.join(","), data.to_string_lossy());
    // perf must not write a cache into the home directory.
    let files = ["--no-buildid", "--no-buildid-cache", "-o", &*data];
    let how = ["record", "-F", &rate, "--call-graph", call_graph, "-p", &pids];
    let child =
        perf(site, &format!("perf-{}", stage.name), &[&how[..], &files, &["--", "sleep", &seconds]].concat(), false)?;
    ended(child, length.plus(PATIENCE), "cannot record").await
}

/// Reads the recorded samples and folds them.
async fn read(site: &Site, stage: &Stage, data: &Path) -> Result<Folded, Trouble> {
    // Without periods, so that a stack counts samples.
    let fields = "comm,pid,tid,time,event,ip,sym,dso";
    let args = ["script", "-i", &*data.to_string_lossy(), "--no-inline", "-F", fields];
    let child = perf(site, &format!("perf-script-{}", stage.name), &args, true)?;
    let doing = "cannot be read again";
    let unread = |error: &dyn std::fmt::Display| Trouble::Refused { doing, message: error.to_string(), level: level() };
    let Some((_stdin, stdout)) = child.take_pipes() else { return Err(unread(&"the keeper gave it no pipes")) };
    // It ends with the pipe, which perf closes when it exits.
    let folding = aside(move || flame::fold(File::from(stdout)));
    let folding = tokio::time::timeout(PATIENCE.duration(), folding).await;
    let folded = folding.map_err(|_| unread(&format!("it took more than {PATIENCE}")))?;
    let folded = folded.map_err(|error| unread(&error))?;
    ended(child, PATIENCE, doing).await?;
    folded.map_err(|error| unread(&error))
}

fn perf(site: &Site, name: &str, args: &[&str], pipes: bool) -> Result<Child, Trouble> {
    let argv = ["perf"].into_iter().chain(args.iter().copied()).map(str::to_owned).collect();
    // perf would use settings and caches in the home directory.
    let home = ("HOME".to_owned(), site.scratch.to_string_lossy().into_owned());
    let env = clean_env(&site.scratch, &[home]);
    let mut command = Command::new(name, argv, env, site.scratch.clone(), site.logs.join(format!("{name}.log")));
    command.pipes = pipes;
    site.keeper.spawn(command).map_err(|error| match error {
        keeper::Error::Refused(Refusal::NotInPath { .. }) => Trouble::Missing,
        error => Trouble::Keeper(error),
    })
}

/// Waits until the process has ended successfully.
async fn ended(child: Child, patience: Nanos, doing: &'static str) -> Result<(), Trouble> {
    let ending = tokio::time::timeout(patience.duration(), child.wait()).await;
    let message = match ending {
        Ok(Ending::Code(0)) => return Ok(()),
        Ok(ending) => format!("it {ending}, saying: {}", child.log_tail(4).join(" ")),
        Err(_) => format!("it took more than {patience}"),
    };
    Err(Trouble::Refused { doing, message, level: level() })
}

/// Reads `kernel.perf_event_paranoid`.
fn level() -> Option<i64> {
    std::fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").ok()?.trim().parse().ok()
}

/// Writes graph and stacks into the folder of the reports.
fn write(results: &Path, stage: &Stage, folded: &Folded, taken: Taken) -> Result<Taken, Trouble> {
    let unwritable = |path: &Path, cause| Trouble::Unwritable { path: path.to_owned(), cause };
    let subtitle = format!(
        "{} samples of {}, {} stacks; not from a measured window",
        taken.samples,
        taken.event,
        taken.stacks.name()
    );
    let (graph, stacks) = (results.join(&taken.graph), results.join(&taken.folded));
    let folder = results.join(FOLDER);
    std::fs::create_dir_all(&folder).map_err(|cause| unwritable(&folder, cause))?;
    let drawn = flame::draw(folded, &format!("target in stage {}", stage.name), &subtitle);
    for (path, content) in [(graph, drawn), (stacks, Ok(folded.text.clone()))] {
        content.and_then(|content| std::fs::write(&path, content)).map_err(|cause| unwritable(&path, cause))?;
    }
    Ok(taken)
}
