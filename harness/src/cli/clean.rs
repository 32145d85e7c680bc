//! Implements `harness clean`: removes leftovers of killed runs.

use std::path::{Path, PathBuf};

use super::args::CleanArgs;
use super::cluster;
use super::error::{Error, print_text};
use harness_base::exit::Exit;
use harness_base::files;
use harness_rig::target::{self, ContainerError};
use harness_rig::{cgroup, keeper};

/// Removes leftovers, or only lists them.
pub(super) fn clean(args: &CleanArgs) -> Result<Exit, Error> {
    // A cluster can refuse, which must not hide what was removed from this machine.
    let mut found = in_cluster(args)?;
    found.extend(processes(args.dry_run));
    found.extend(containers(args.dry_run)?);
    found.extend(lines("control group", &groups(args.dry_run)?));
    found.extend(lines("folder", &folders(args.dry_run)?));
    let verb = if args.dry_run { "would remove" } else { "removed" };
    for leftover in &found {
        print_text(format!("{verb} {leftover}\n"));
    }
    if found.is_empty() {
        print_text("nothing was left behind\n");
    }
    Ok(Exit::Pass)
}

/// Finds the runs in a namespace of Kubernetes, if that was asked for.
fn in_cluster(args: &CleanArgs) -> Result<Vec<String>, Error> {
    if !args.kubernetes {
        return Ok(Vec::new());
    }
    cluster::leftovers(args.context.as_deref(), args.namespace.as_deref(), args.dry_run)
}

/// Finds processes whose keeper was killed.
fn processes(dry_run: bool) -> Vec<String> {
    let strays = keeper::strays().into_iter().filter(|pid| dry_run || keeper::kill_stray(*pid));
    strays.map(|pid| format!("process {pid}")).collect()
}

fn lines(kind: &str, paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| format!("{kind} {}", path.display())).collect()
}

/// Finds containers, networks, images, services and secrets whose keeper has exited.
fn containers(dry_run: bool) -> Result<Vec<String>, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::tooling(&error))?;
    match runtime.block_on(target::clean(dry_run)) {
        // Without an engine, there are no leftovers in one.
        Err(ContainerError::NoEngine { .. }) => Ok(Vec::new()),
        found => Ok(found.map_err(|error| Error::tooling(&error))?.iter().map(ToString::to_string).collect()),
    }
}

/// Finds control groups whose keeper has exited.
fn groups(dry_run: bool) -> Result<Vec<PathBuf>, Error> {
    if dry_run {
        return Ok(cgroup::leftovers());
    }
    let cleared = cgroup::remove_leftovers();
    match cleared.kept.first() {
        None => Ok(cleared.removed),
        Some(path) => Err(refused(path, "its processes do not exit, or this user may not remove it")),
    }
}

/// Finds scratch folders whose keeper has exited.
fn folders(dry_run: bool) -> Result<Vec<PathBuf>, Error> {
    let found = keeper::scratch_leftovers(&std::env::temp_dir());
    for path in found.iter().filter(|_| !dry_run) {
        files::remove_tree(path).map_err(|error| refused(path, &error.to_string()))?;
    }
    Ok(found)
}

fn refused(path: &Path, message: &str) -> Error {
    let path = path.display();
    Error::tooling(&std::io::Error::other(format!(
        "{path} cannot be removed: {message}; check with: ls -l {path}, or run as root"
    )))
}
