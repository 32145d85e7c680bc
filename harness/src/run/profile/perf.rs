//! Runs `perf`, and keeps what it sampled.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::measure::Ending;
use crate::measure::profile::{Profile, Stacks, Taken};
use crate::run::flame::{self, Folded};
use crate::run::halt::Halt;
use crate::run::rig::Rig;
use crate::work::Stage;
use harness_base::error::chain;
use harness_base::units::Nanos;
use harness_rig::aside::aside;
use harness_rig::keeper::{self, Child, Command, Refusal, clean_env};
use harness_rig::target::Site;

/// The name of the program.
pub(super) const PERF: &str = "perf";
/// The folder of the profiles in that of the run.
const FOLDER: &str = "profile";
/// Samples per second of every thread on a CPU. A prime number, so that sampling does not stay in phase with work that
/// recurs every millisecond.
const PER_SECOND: u32 = 499;
/// Bytes of the stack that are stored with a sample, from which its callers are unwound later.
const STACK: &str = "dwarf,16384";
/// Time limit for perf to attach, to write its data, and to read it again.
pub(super) const PATIENCE: Nanos = Nanos::from_secs(60);
/// How many functions are recorded by name.
const TOP: usize = 10;
/// From this level on, the kernel does not allow sampling without privileges.
const PARANOID: i64 = 3;

/// The reason why there is no profile.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
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

/// Returns whether perf can be found by a run of the scenario in `folder`.
pub(super) fn is_found(folder: &Path) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    keeper::find_program(PERF, folder, &path).is_ok()
}

/// Records the profile of a stage, or why it has none.
///
/// # Errors
/// Returns [`Halt::Interrupted`] if that is the reason.
pub(super) fn into_record(rig: &mut Rig<'_>, taken: Result<Taken, Trouble>) -> Result<(), Halt> {
    let profile = match taken {
        Ok(taken) => Profile::Taken(taken),
        Err(Trouble::Interrupted) => return Err(Halt::Interrupted),
        Err(trouble) => Profile::Absent(chain(&trouble)),
    };
    rig.recorder.stage_fact(|stage| stage.profile = Some(profile));
    Ok(())
}

/// Converts the end of an incomplete window: the run continues unless it was interrupted.
pub(super) fn stopped(halt: Halt) -> Trouble {
    match halt {
        Halt::Interrupted => Trouble::Interrupted,
        Halt::Failed(failure) => Trouble::Load(failure.to_string()),
        Halt::Invalid(reasons) => Trouble::Load(reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
    }
}

/// Returns the arguments with which perf records into `data`, without what it samples.
pub(super) fn recording(stacks: Stacks, data: &Path) -> Vec<String> {
    let call_graph = if stacks == Stacks::Dwarf { STACK } else { stacks.name() };
    let (rate, data) = (PER_SECOND.to_string(), data.to_string_lossy());
    // perf must not write a cache into the home directory.
    let files = ["--no-buildid", "--no-buildid-cache", "-o", &*data];
    let how = ["record", "-F", &rate, "--call-graph", call_graph];
    how.into_iter().chain(files).map(str::to_owned).collect()
}

/// Reads the recorded samples and folds them.
pub(super) async fn read(site: &Site, stage: &Stage, data: &Path) -> Result<Folded, Trouble> {
    // Without periods, so that a stack counts samples.
    let fields = "comm,pid,tid,time,event,ip,sym,dso";
    let args = ["script", "-i", &*data.to_string_lossy(), "--no-inline", "-F", fields].map(str::to_owned);
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

pub(super) fn perf(site: &Site, name: &str, args: &[String], pipes: bool) -> Result<Child, Trouble> {
    let argv = std::iter::once(PERF.to_owned()).chain(args.iter().cloned()).collect();
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
pub(super) async fn ended(child: Child, patience: Nanos, doing: &'static str) -> Result<(), Trouble> {
    let ending = tokio::time::timeout(patience.duration(), child.wait()).await;
    let message = match ending {
        Ok(Ending::Code(0)) => return Ok(()),
        Ok(ending) => format!("it {ending}, saying: {}", child.log_tail(4).join(" ")),
        Err(_) => format!("it took more than {patience}"),
    };
    Err(Trouble::Refused { doing, message, level: level() })
}

/// Reads `kernel.perf_event_paranoid`.
pub(super) fn level() -> Option<i64> {
    std::fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").ok()?.trim().parse().ok()
}

/// Writes graph and stacks into the folder of the reports.
pub(super) fn keep(
    results: &Path,
    stage: &Stage,
    folded: &Folded,
    (stacks, window): (Stacks, Nanos),
) -> Result<Taken, Trouble> {
    if folded.samples == 0 {
        return Err(Trouble::NoSample { window });
    }
    let taken = Taken {
        graph: format!("{FOLDER}/{}.svg", stage.name),
        folded: format!("{FOLDER}/{}.folded", stage.name),
        stacks,
        event: folded.event.clone(),
        samples: folded.samples,
        window_ns: window.0,
        top: folded.top(TOP),
    };
    let unwritable = |path: &Path, cause| Trouble::Unwritable { path: path.to_owned(), cause };
    let subtitle =
        format!("{} samples of {}, {} stacks; not from a measured window", taken.samples, taken.event, stacks.name());
    let (graph, text) = (results.join(&taken.graph), results.join(&taken.folded));
    let folder = results.join(FOLDER);
    std::fs::create_dir_all(&folder).map_err(|cause| unwritable(&folder, cause))?;
    let drawn = flame::draw(folded, &format!("target in stage {}", stage.name), &subtitle);
    for (path, content) in [(graph, drawn), (text, Ok(folded.text.clone()))] {
        content.and_then(|content| std::fs::write(&path, content)).map_err(|cause| unwritable(&path, cause))?;
    }
    Ok(taken)
}
