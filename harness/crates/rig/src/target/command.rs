//! A target that runs to its end: its inputs, its commands, and the start of one run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::inputs;
use super::placeholders::Values;
use super::process::{program, render, render_command, render_file};
use super::site::{Site, fresh_folder};
use super::spec::{CommandSpec, ProcessSpec, Spec};
use crate::group::ResourceLimits;
use crate::keeper::{Child, Command, clean_env};
use crate::stopwatch::{self, COMMAND};

/// The key of the measured command.
pub(super) const RUN: &str = "target.command.run";

/// The empty programs that run before each run.
const EMPTIES: u32 = 5;

/// The files that all runs of a stage use, of both builds.
#[derive(Debug, Clone)]
pub struct CommandSite {
    folder: PathBuf,
    files: BTreeMap<String, PathBuf>,
    /// The generated inputs.
    pub inputs: Vec<PathBuf>,
    /// Absent if there is none for this machine.
    empty: Option<PathBuf>,
}

/// The commands of one build, ready to be started.
#[derive(Debug, Clone)]
pub struct CommandLine {
    run: Vec<String>,
    /// The file of the measured program.
    pub executable: PathBuf,
    /// The commands before and after a run; absent if there are none.
    pub prepare: Option<Vec<String>>,
    pub cleanup: Option<Vec<String>>,
    env: Vec<(String, String)>,
    cpuset: Option<Vec<u64>>,
    empty: Option<PathBuf>,
    /// The working folder of all runs; a new one for each if absent.
    pub cwd: Option<PathBuf>,
    folder: PathBuf,
}

impl CommandSite {
    /// Writes the files of a scenario into a new folder named `name`.
    ///
    /// # Errors
    /// Returns [`Error`] if a file cannot be written.
    pub fn create(site: &Site, spec: &Spec, command: &CommandSpec, (name, seed): (&str, u64)) -> Result<Self, Error> {
        let folder = fresh_folder(&site.scratch, name)?;
        let names = spec.files.iter().map(|(name, _)| name).chain(command.inputs.iter().map(|(name, _)| name));
        let files: BTreeMap<String, PathBuf> = names.map(|name| (name.clone(), folder.join(name))).collect();
        let mut values = Values::new(&site.ports, None, files.clone());
        for (name, template) in &spec.files {
            render_file(&mut values, name, &site.folder.join(template), &folder)?;
        }
        for (name, input) in &command.inputs {
            inputs::write(name, input, &folder.join(name), seed)?;
        }
        let inputs = command.inputs.iter().map(|(name, _)| folder.join(name)).collect();
        let path = folder.join("empty-program");
        let unwritable = |cause| Error::Folder { path: path.clone(), cause };
        let empty = stopwatch::write_empty(&path).map_err(unwritable)?.then_some(path);
        Ok(Self { folder, files, inputs, empty })
    }

    /// Renders the commands of one build.
    ///
    /// # Errors
    /// Returns [`Error`] if a program does not exist or a placeholder cannot be replaced.
    pub fn line(&self, site: &Site, command: &CommandSpec) -> Result<CommandLine, Error> {
        let ProcessSpec { command: words, env, cpuset } = &command.run;
        let mut values = Values::new(&site.ports, None, self.files.clone());
        let mut variables = Vec::with_capacity(env.len());
        for (name, text) in env {
            variables.push((name.clone(), render(&mut values, text, &format!("target.command.env.{name}"))?));
        }
        let env = clean_env(&site.scratch, &variables);
        let argv = render_command(&mut values, words, RUN)?;
        let run = program(site, argv, &env, RUN.to_owned())?;
        let mut beside = |words: &[String], key: &str| {
            let argv = render_command(&mut values, words, key)?;
            if argv.is_empty() {
                Ok(None)
            } else {
                program(site, argv, &env, key.to_owned()).map(|found| Some(found.argv))
            }
        };
        let prepare = beside(&command.prepare, "target.command.prepare")?;
        let cleanup = beside(&command.cleanup, "target.command.cleanup")?;
        let (run, executable) = (run.argv, run.executable);
        let (cpuset, empty, folder) = (cpuset.clone(), self.empty.clone(), self.folder.clone());
        let cwd = command.folder.clone();
        Ok(CommandLine { run, executable, prepare, cleanup, env, cpuset, empty, cwd, folder })
    }
}

/// How one run is started.
#[derive(Debug, Clone, Copy)]
pub struct RunRequest<'a> {
    /// The name of its log, unique per run.
    pub name: &'a str,
    /// Its working folder.
    pub cwd: &'a Path,
    /// The CPUs that it may run on, instead of those of the target.
    pub cpuset: Option<&'a [u64]>,
    pub limits: Option<&'a ResourceLimits>,
    /// Whether its output is kept in the log; otherwise it goes to `/dev/null`.
    pub logs: bool,
}

impl CommandLine {
    /// Creates an empty working folder for one run.
    ///
    /// # Errors
    /// Returns [`Error::Folder`].
    pub fn fresh_folder(&self) -> Result<PathBuf, Error> {
        fresh_folder(&self.folder, "run")
    }

    /// Starts a measured run. The child is a stopwatch with pipes, which prints a [`stopwatch::Report`].
    ///
    /// # Errors
    /// Returns [`Error::Keeper`].
    pub fn start(&self, site: &Site, request: &RunRequest<'_>) -> Result<Child, Error> {
        let (exe, count) = (site.exe.to_string_lossy().into_owned(), EMPTIES.to_string());
        let empty =
            self.empty.as_ref().map_or_else(|| stopwatch::NONE.into(), |path| path.to_string_lossy().into_owned());
        let output = if request.logs { stopwatch::LOG } else { "null" };
        let front = [exe, COMMAND.to_owned(), empty, count, output.to_owned()];
        let argv = front.into_iter().chain(self.run.iter().cloned()).collect();
        let command = Command { pipes: true, ..self.command(site, request, argv) };
        Ok(site.keeper.spawn(command)?)
    }

    /// Starts a run that is not measured, behind the words of another program that starts it.
    ///
    /// # Errors
    /// Returns [`Error::Keeper`].
    pub fn start_under(&self, site: &Site, request: &RunRequest<'_>, front: &[String]) -> Result<Child, Error> {
        let argv = front.iter().chain(&self.run).cloned().collect();
        Ok(site.keeper.spawn(self.command(site, request, argv))?)
    }

    /// Starts the command before or after a run.
    ///
    /// # Errors
    /// Returns [`Error::Keeper`].
    pub fn start_beside(&self, site: &Site, request: &RunRequest<'_>, argv: &[String]) -> Result<Child, Error> {
        Ok(site.keeper.spawn(self.command(site, request, argv.to_vec()))?)
    }

    fn command(&self, site: &Site, request: &RunRequest<'_>, argv: Vec<String>) -> Command {
        let log = site.logs.join(format!("target-{}.log", request.name));
        let mut command = Command::new(request.name, argv, self.env.clone(), request.cwd.to_owned(), log);
        command.cpuset = request.cpuset.or(self.cpuset.as_deref()).map(<[u64]>::to_vec);
        command.limits = request.limits.copied();
        command
    }
}
