//! Starting one process, inside the keeper.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command as Builder, Stdio};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::{AccessFlags, Pid, access, pipe2};
use rustix::process::{PidfdFlags, pidfd_open};

use super::command::Command;
use super::join::{Join, JoinResult, join, refused};
use super::log::{Log, Sink};
use super::refusal::Refusal;
use super::{pre_exec, program};
use crate::cgroup::{self, Own};
use crate::launch::MARK;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

#[derive(Debug)]
pub(super) struct Started {
    pub(super) pid: i32,
    pub(super) spawned: Mono,
    pub(super) log: Log,
    pub(super) group: Option<Own>,
    /// The descriptors for control: the pidfd, then stdin and stdout with pipes.
    pub(super) fds: Vec<OwnedFd>,
}

/// The ends of the child's pipes: its own, and those for control.
struct Ends {
    stdin: Stdio,
    stdout: Stdio,
    stderr: Stdio,
    log: OwnedFd,
    control: Vec<OwnedFd>,
}

/// The group that a child will enter, and the child's report.
struct Grouped {
    own: Own,
    report: JoinResult,
}

impl Grouped {
    /// Returns how long the child took to enter.
    fn joining(&self) -> Option<Nanos> {
        self.report.receive()?.ok()
    }
}

/// Starts `command` as child number `child` with `mark` in its environment.
pub(super) fn spawn(command: &Command, child: u64, mark: &str) -> Result<Started, Refusal> {
    let failed = |error: &dyn std::fmt::Display| Refusal::Failed { program: name(command), message: error.to_string() };
    match std::fs::metadata(&command.cwd) {
        Ok(about) if about.is_dir() => {}
        Err(error) if !program::is_absent(&error) => {
            return Err(failed(&format!("its working folder {}: {error}", command.cwd.display())));
        }
        _ => return Err(Refusal::NoFolder { program: name(command), folder: command.cwd.clone() }),
    }
    let path = command.env.iter().find(|(name, _)| name == "PATH").map_or("", |(_, value)| value.as_str());
    let file = program::find(&name(command), &command.cwd, path)?;
    program::check_format(&file)?;
    let cpus = command.cpuset.as_deref().map(|asked| cpu_set(command, asked)).transpose()?;
    let sink = Sink::create(&command.log, command.log_limit).map_err(|error| Refusal::NoLog {
        program: name(command),
        log: command.log.clone(),
        message: error.to_string(),
    })?;
    let ends = ends(command.pipes).map_err(|error| failed(&error))?;
    let log = Log::new(child, ends.log, sink).map_err(|error| failed(&error))?;

    let mut builder = Builder::new(&file);
    builder.arg0(name(command)).args(command.argv.iter().skip(1)).current_dir(&command.cwd).process_group(0);
    builder.env_clear().envs(command.env.iter().map(|(name, value)| (name, value))).env(MARK, mark);
    builder.stdin(ends.stdin).stdout(ends.stdout).stderr(ends.stderr);
    let (group, join) = group(command, child)?.unzip();
    pre_exec::prepare(&mut builder, cpus, join);
    let begun = Mono::now();
    let mut process = builder.spawn().map_err(|error| explain(command, &file, &error, group.as_ref()))?;
    let pid = i32::try_from(process.id()).map_err(|error| failed(&error))?;
    // The process is not reaped before the caller returns to its loop, so the number cannot be reused yet.
    let pidfd = rustix::process::Pid::from_raw(pid)
        .ok_or(rustix::io::Errno::SRCH)
        .and_then(|pid| pidfd_open(pid, PidfdFlags::empty()))
        .map_err(|error| {
            let _ended = process.kill();
            failed(&format!("pidfd_open: {error} (Linux 5.3 or newer is needed)"))
        })?;
    let fds = [pidfd].into_iter().chain(ends.control).collect();
    let spawned = begun.after(group.as_ref().and_then(Grouped::joining).unwrap_or_default());
    Ok(Started { pid, spawned, log, group: group.map(|grouped| grouped.own), fds })
}

/// Creates the control group of a command with limits.
fn group(command: &Command, child: u64) -> Result<Option<(Grouped, Join)>, Refusal> {
    let Some(limits) = command.limits.filter(|limits| !limits.is_empty()) else { return Ok(None) };
    let refused = |error| Refusal::NoGroup { program: name(command), error };
    let own = Own::create(&cgroup::name(child), &limits).map_err(refused)?;
    let (join, report) = join(&own).map_err(refused)?;
    Ok(Some((Grouped { own, report }, join)))
}

/// Returns the program as named in the command.
fn name(command: &Command) -> String {
    command.argv.first().cloned().unwrap_or_default()
}

/// Creates the pipes. Without `pipes`, stdout and stderr go to the log; with them, stdin and stdout go to control and only stderr to the
/// log.
fn ends(pipes: bool) -> nix::Result<Ends> {
    let (log, write) = pipe2(OFlag::O_CLOEXEC)?;
    if !pipes {
        let stdout = write.try_clone().map_err(|_| Errno::EMFILE)?;
        let (stdout, stderr) = (Stdio::from(stdout), Stdio::from(write));
        return Ok(Ends { stdin: Stdio::null(), stdout, stderr, log, control: Vec::new() });
    }
    let (child_in, to_child) = pipe2(OFlag::O_CLOEXEC)?;
    let (from_child, child_out) = pipe2(OFlag::O_CLOEXEC)?;
    let (stdin, stdout, stderr) = (Stdio::from(child_in), Stdio::from(child_out), Stdio::from(write));
    Ok(Ends { stdin, stdout, stderr, log, control: vec![to_child, from_child] })
}

/// Returns the set of CPUs, each of which must be allowed here.
fn cpu_set(command: &Command, asked: &[u64]) -> Result<CpuSet, Refusal> {
    let own = sched_getaffinity(Pid::from_raw(0)).unwrap_or_else(|_| CpuSet::new());
    let allowed: Vec<u64> =
        (0..CpuSet::count()).filter(|cpu| own.is_set(*cpu).unwrap_or(false)).map(|cpu| cpu as u64).collect();
    let mut set = CpuSet::new();
    for cpu in asked {
        let known = allowed.contains(cpu) && usize::try_from(*cpu).is_ok_and(|cpu| set.set(cpu).is_ok());
        if !known {
            let asked = asked.to_vec();
            return Err(Refusal::NoSuchCpu { program: name(command), asked, allowed });
        }
    }
    if asked.is_empty() {
        return Err(Refusal::NoSuchCpu { program: name(command), asked: Vec::new(), allowed });
    }
    Ok(set)
}

/// Explains an error of exec, given that the file and the folder existed a moment ago.
fn explain(command: &Command, file: &Path, error: &io::Error, group: Option<&Grouped>) -> Refusal {
    let program = name(command);
    if let Some((grouped, Some(Err(errno)))) = group.map(|grouped| (grouped, grouped.report.receive())) {
        return Refusal::NoGroup { program, error: refused(&grouped.own, errno) };
    }
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT) => Refusal::NoInterpreter { program },
        Some(Errno::EACCES) if access(file, AccessFlags::X_OK).is_err() => Refusal::NotExecutable { program },
        Some(Errno::EACCES) => {
            let (file, folder) = (file.display(), command.cwd.display());
            let message = format!(
                "{error}; check its working folder and its interpreter with: ls -ld {folder}; head -c 80 {file}"
            );
            Refusal::Failed { program, message }
        }
        Some(Errno::ENOEXEC) => Refusal::WrongFormat { program },
        _ => Refusal::Failed { program, message: error.to_string() },
    }
}
