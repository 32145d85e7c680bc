//! Starts one run and waits for its end.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::measure::reason::Cause;
use crate::measure::trial::Build;
use crate::measure::{Dropped, Ending, Failure, Reading, Series, TimedRun};
use crate::run::bench::{LAUNCH_SPAN, LINES, launch_halt};
use crate::run::halt::Halt;
use crate::run::rig::Rig;
use crate::stages::command::work::Work;
use crate::work::Stage;
use harness_base::exit::Exit;
use harness_base::files;
use harness_base::units::Nanos;
use harness_rig::keeper::Child;
use harness_rig::page_cache;
use harness_rig::sampler::{LaunchWatch, Tree, Watched};
use harness_rig::stopwatch::Report;
use harness_rig::target::spec::{CommandSpec, Launch};
use harness_rig::target::{CommandLine, CommandSite, RunRequest};

/// Time for the stopwatch to start and to report.
const STARTING: Nanos = Nanos::from_secs(1);
/// Time that a run takes longer while another program samples it and writes what it has.
const SAMPLING: Nanos = Nanos::from_secs(60);
/// Time between SIGTERM and SIGKILL for a run beyond its time limit.
const PATIENCE: Nanos = Nanos::from_millis(500);

/// The commands of all builds, with their files.
pub(super) struct Runs {
    lines: Vec<(Build, CommandLine)>,
    inputs: Vec<PathBuf>,
    cold: bool,
    logs: bool,
    time_limit: Nanos,
}

/// A run that ended, or was stopped.
pub(super) struct Finished {
    /// Absent if it was stopped at the time limit.
    pub(super) run: Option<TimedRun>,
    pub(super) readings: Series<Reading>,
    /// The last lines that it printed.
    pub(super) log: Vec<String>,
}

impl Runs {
    /// Generates the inputs and finds the programs.
    pub(super) fn set_up(rig: &Rig<'_>, stage: &Stage, work: &Work) -> Result<Self, Halt> {
        let place = (stage.name.as_str(), rig.plan.scenario.seed);
        let head = command_of(rig, Build::Head)?;
        let files = CommandSite::create(&rig.site, &rig.plan.target, head, place);
        let files = files.map_err(|error| launch_halt(&error))?;
        let builds = if stage.compared { &[Build::Head, Build::Base][..] } else { &[Build::Head] };
        let mut lines = Vec::new();
        for build in builds {
            let line = files.line(&rig.site, command_of(rig, *build)?).map_err(|error| launch_halt(&error))?;
            lines.push((*build, line));
        }
        let Work { cold, logs, time_limit, .. } = *work;
        Ok(Self { lines, inputs: files.inputs, cold, logs, time_limit })
    }

    /// Checks that the files can be dropped from the page cache. Returns what is dropped; `None` if nothing is to be.
    pub(super) fn check_cold(&self) -> Result<Option<Dropped>, Halt> {
        if !self.cold {
            return Ok(None);
        }
        let files: Vec<PathBuf> = self.lines.iter().flat_map(|(_, line)| self.cached(line)).collect();
        page_cache::check(&files).map(Some).map_err(|error| uncold(&error))
    }

    /// Lists the files that a cold run reads.
    fn cached(&self, line: &CommandLine) -> Vec<PathBuf> {
        self.inputs.iter().chain([&line.executable]).cloned().collect()
    }

    /// Makes one run, with the commands before and after it.
    pub(super) async fn one(&self, rig: &Rig<'_>, stage: &Stage, build: Build, name: &str) -> Result<Finished, Halt> {
        let how = async |line: &CommandLine, request: &RunRequest<'_>| self.measured(rig, line, request).await;
        self.around(rig, stage, (build, name), how).await
    }

    /// Makes one run of the head behind the words of another program, with the commands before and after it.
    pub(super) async fn under(
        &self,
        rig: &Rig<'_>,
        stage: &Stage,
        (name, front): (&str, &[String]),
    ) -> Result<(Option<Ending>, Vec<String>), Halt> {
        let how = async |line: &CommandLine, request: &RunRequest<'_>| self.behind(rig, line, request, front).await;
        self.around(rig, stage, (Build::Head, name), how).await
    }

    /// Makes one run by `how` in its working folder.
    async fn around<T>(
        &self,
        rig: &Rig<'_>,
        stage: &Stage,
        (build, name): (Build, &str),
        how: impl AsyncFn(&CommandLine, &RunRequest<'_>) -> Result<T, Halt>,
    ) -> Result<T, Halt> {
        let line = self.lines.iter().find(|(of, _)| *of == build).map(|(_, line)| line);
        let line = line.ok_or_else(|| Halt::tool("this build has no command"))?;
        if let Some(cwd) = &line.cwd {
            return self.in_folder(rig, stage, line, (name, cwd), how).await;
        }
        let cwd = line.fresh_folder().map_err(|error| launch_halt(&error))?;
        let finished = self.in_folder(rig, stage, line, (name, &cwd), how).await;
        // The run's scratch folder is removed at the end in any case.
        let _kept = files::remove_tree(&cwd);
        finished
    }

    async fn in_folder<T>(
        &self,
        rig: &Rig<'_>,
        stage: &Stage,
        line: &CommandLine,
        (name, cwd): (&str, &Path),
        how: impl AsyncFn(&CommandLine, &RunRequest<'_>) -> Result<T, Halt>,
    ) -> Result<T, Halt> {
        let (limits, cpuset) = (Some(&stage.limits).filter(|limits| !limits.is_empty()), stage.cpuset.as_deref());
        let request = RunRequest { name, cwd, cpuset, limits, logs: self.logs };
        self.beside(rig, line, &request, ("prepare", line.prepare.as_deref())).await?;
        if self.cold {
            page_cache::drop_files(&self.cached(line)).map_err(|error| uncold(&error))?;
        }
        let finished = how(line, &request).await?;
        self.beside(rig, line, &request, ("cleanup", line.cleanup.as_deref())).await?;
        Ok(finished)
    }

    async fn measured(&self, rig: &Rig<'_>, line: &CommandLine, request: &RunRequest<'_>) -> Result<Finished, Halt> {
        let watched = Watched { keeper: Some(rig.site.keeper.pid()), ..Watched::default() };
        let before = LaunchWatch::begin(&watched);
        let child = line.start(&rig.site, request).map_err(|error| launch_halt(&error))?;
        let limit = self.time_limit.plus(STARTING).duration();
        let ended = rig.interrupt.or(tokio::time::timeout(limit, child.wait())).await?;
        let left = before.begun().after(LAUNCH_SPAN).remaining();
        let (run, readings) = match ended {
            Ok(ending) => {
                let run = report(&child, &ending)?;
                rig.interrupt.or(tokio::time::sleep(left.duration())).await?;
                let readings = before.end_after(run.usage());
                (Some(run).filter(|run| run.wall_ns <= self.time_limit.0), readings)
            }
            Err(_) => {
                let target = Some(Tree { pid: child.pid, mark: Some(child.mark.clone()), group: false });
                (None, before.end(&Watched { target, ..watched }))
            }
        };
        child.stop(PATIENCE).await;
        Ok(Finished { run, readings, log: child.log_tail(LINES) })
    }

    /// Waits for the end of a run behind another program; `None` if it was stopped at the time limit.
    async fn behind(
        &self,
        rig: &Rig<'_>,
        line: &CommandLine,
        request: &RunRequest<'_>,
        front: &[String],
    ) -> Result<(Option<Ending>, Vec<String>), Halt> {
        let child = line.start_under(&rig.site, request, front).map_err(|error| launch_halt(&error))?;
        let limit = self.time_limit.plus(SAMPLING).duration();
        let ended = rig.interrupt.or(tokio::time::timeout(limit, child.wait())).await?;
        child.stop(PATIENCE).await;
        Ok((ended.ok(), child.log_tail(LINES)))
    }

    /// Runs a command before or after a run, which must succeed.
    async fn beside(
        &self,
        rig: &Rig<'_>,
        line: &CommandLine,
        request: &RunRequest<'_>,
        (key, argv): (&str, Option<&[String]>),
    ) -> Result<(), Halt> {
        let Some(argv) = argv else { return Ok(()) };
        let name = format!("{}-{key}", request.name);
        let request = RunRequest { name: &name, ..*request };
        let child = line.start_beside(&rig.site, &request, argv).map_err(|error| launch_halt(&error))?;
        let ended = rig.interrupt.or(tokio::time::timeout(self.time_limit.duration(), child.wait())).await?;
        let how = match ended {
            Ok(Ending::Code(0)) => return Ok(()),
            Ok(ending) => ending.to_string(),
            Err(_) => format!("did not end within {}", self.time_limit),
        };
        child.stop(PATIENCE).await;
        let message = format!("target.command.{key}: {} {how}", argv.first().map_or("", String::as_str));
        let failure = Failure::new(Cause::Error(vec![message]), Exit::InvalidInput);
        Err(failure.with_log(child.log_tail(LINES)).into())
    }
}

fn command_of<'a>(rig: &'a Rig<'_>, build: Build) -> Result<&'a CommandSpec, Halt> {
    match &rig.plan.target_of(build).launch {
        Launch::Command(command) => Ok(command),
        _ => Err(Halt::tool("the target is not a command")),
    }
}

/// Reads the report of a stopwatch that has ended.
fn report(child: &Child, ending: &Ending) -> Result<TimedRun, Halt> {
    let mut text = String::new();
    let read = child.take_pipes().map(|(_, stdout)| File::from(stdout).read_to_string(&mut text));
    match (read, serde_json::from_str(&text)) {
        (Some(Ok(_)), Ok(Report::Ended(run))) => Ok(*run),
        (Some(Ok(_)), Ok(Report::NotStarted(message))) => {
            let failure =
                Failure::new(Cause::Error(vec![format!("the command was not started: {message}")]), Exit::InvalidInput);
            Err(failure.into())
        }
        _ => Err(Halt::tool(format!("the stopwatch {ending} without a report"))),
    }
}

fn uncold(error: &page_cache::Error) -> Halt {
    let causes = vec!["cache = \"cold\" is not possible here".to_owned(), error.to_string()];
    Failure::new(Cause::Error(causes), Exit::InvalidInput).into()
}
