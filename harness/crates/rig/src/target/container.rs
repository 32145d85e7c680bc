//! A container that we have the engine start.
//!
//! The launch returns as soon as the program was executed, while the engine's start call is still on its way back: the probe
//! must not lose the target's first milliseconds. What the engine took is recorded beside the target's own times.

mod advice;
mod calls;
pub(super) mod containers;
mod create;
pub(super) mod engine;
pub(super) mod error;
mod exec;
mod image;
mod label;
mod resolve;
mod start;
pub(super) mod sweep;
pub(super) mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::error::Error;
use super::launcher::{Executable, LaunchRequest, Launcher};
use super::placeholders::Values;
use super::process::{check_free, endpoints, render, render_all, render_file, render_program};
use super::running::{Hold, Running};
use super::site::{Site, fresh_folder};
use super::spec::{ContainerSpec, ImageSpec, Network};
use crate::keeper::clean_env;

impl Launcher for ContainerSpec {
    async fn launch(&self, order: &LaunchRequest<'_>) -> Result<Running, Error> {
        let site = order.site;
        let engine = site.containers.engine(&site.keeper).await?;
        let image = resolve::resolve(engine, site, self).await?;
        let bridge = match self.network {
            Network::Host => None,
            Network::Bridge => Some(site.containers.bridge(engine).await?),
        };
        let mut filled = fill(self, order)?;
        let (run, number) = site.containers.next();
        let wanted = create::Wanted {
            name: format!("harness-{run}-{number}-{}", filled.name),
            spec: self,
            image: &image,
            command: std::mem::take(&mut filled.command),
            env: std::mem::take(&mut filled.env),
            mark: format!("{}-c{number}", site.keeper.pid()),
            rendered: std::mem::take(&mut filled.files),
            bridge: bridge.map(|bridge| bridge.name.as_str()),
            cpuset: order.cpuset.or(self.cpuset.as_deref()),
            limits: order.limits,
        };
        let log = site.logs.join(format!("{}.log", filled.name));
        let started = start::start(engine, &wanted, &log).await?;
        running(&wanted, order, filled.values, started, log)
    }
}

/// A container's part of a scenario, placeholders filled.
struct Filled<'a> {
    /// Of the launch, and of no other.
    name: String,
    values: Values<'a>,
    command: Vec<String>,
    env: Vec<(String, String)>,
    files: Vec<PathBuf>,
}

/// Renders what the container is started with, and checks the ports of this host that it is going to take.
fn fill<'a>(spec: &ContainerSpec, order: &LaunchRequest<'a>) -> Result<Filled<'a>, Error> {
    let site = order.site;
    let cwd = fresh_folder(&site.scratch, order.name)?;
    let files: BTreeMap<String, PathBuf> =
        order.spec.files.iter().map(|(name, _)| (name.clone(), cwd.join(name))).collect();
    let rendered = files.values().cloned().collect();
    let mut values = Values::new(&site.ports, order.upstream, files).again(order.ports);
    for (name, template) in &order.spec.files {
        render_file(&mut values, name, &site.folder.join(template), &cwd)?;
    }
    let command = render_all(&mut values, &spec.command, "target.container.command")?;
    let mut env = Vec::with_capacity(spec.env.len());
    for (name, text) in &spec.env {
        env.push((name.clone(), render(&mut values, text, &format!("target.container.env.{name}"))?));
    }
    if spec.network == Network::Host {
        let endpoints = endpoints(&mut values, "target", &order.spec.endpoints)?;
        check_free(&endpoints, values.allotted(), order.upstream)?;
    }
    let name = cwd.file_name().map_or_else(|| order.name.to_owned(), |name| name.to_string_lossy().into_owned());
    Ok(Filled { name, values, command, env, files: rendered })
}

/// What was started, where it answers.
fn running(
    wanted: &create::Wanted<'_>,
    order: &LaunchRequest<'_>,
    mut values: Values<'_>,
    started: start::Started,
    log: PathBuf,
) -> Result<Running, Error> {
    if let Some(address) = started.address {
        values.answers_at(address);
    }
    let endpoints = endpoints(&mut values, "target", &order.spec.endpoints)?;
    let network = wanted.spec.network;
    Ok(Running {
        pid: started.contained.pid(),
        mark: Some(wanted.mark.clone()),
        spawned: Some(started.spawned),
        endpoints,
        program: wanted.image.program(&wanted.command),
        executable: wanted.image.binary.clone().unwrap_or_default(),
        builtin: wanted.image.builtin,
        log: Some(log),
        limited: order.limits.is_some_and(|limits| !limits.is_empty()),
        network: Some(network.name().to_owned()),
        // On a bridge the ports are those of the container alone.
        ports: if network == Network::Host { values.allotted().clone() } else { BTreeMap::new() },
        hold: Hold::Container(started.contained),
    })
}

/// Finds the engine and makes what a launch needs besides the container, so that an upstream can listen on the bridge.
///
/// # Errors
/// [`Error`], each with the next command to type.
pub(super) async fn prepare(spec: &ContainerSpec, site: &Site) -> Result<(), Error> {
    let engine = site.containers.engine(&site.keeper).await?;
    resolve::resolve(engine, site, spec).await?;
    if spec.network == Network::Bridge {
        site.containers.bridge(engine).await?;
    }
    Ok(())
}

/// The image of a container as the engine would hand it on; nothing for one that is made of a binary, which nobody pulls.
///
/// # Errors
/// [`Error`], each with the next command to type.
pub(super) async fn saved_image(spec: &ContainerSpec, site: &Site) -> Result<Option<PathBuf>, Error> {
    if let ImageSpec::Binary(_) = spec.image {
        return Ok(None);
    }
    let engine = site.containers.engine(&site.keeper).await?;
    let image = resolve::resolve(engine, site, spec).await?;
    Ok(Some(resolve::save(engine, site, &image.named).await?))
}

/// The program of a container, found without starting it: that of a binary. An image has none on this host.
///
/// # Errors
/// [`Error`] when its placeholders cannot be filled or there is no such program.
pub(super) fn find(site: &Site, spec: &ContainerSpec) -> Result<Executable, Error> {
    let mut values = Values::new(&site.ports, None, BTreeMap::new());
    match &spec.image {
        ImageSpec::Image(name) => {
            let named = render(&mut values, name, resolve::IMAGE)?;
            Ok(Executable { named, path: PathBuf::new(), builtin: false })
        }
        ImageSpec::Binary(binary) => {
            let named = render_program(&mut values, binary, resolve::BINARY)?;
            let (argv, env) = (vec![named.clone()], clean_env(&site.scratch, &[]));
            let program = super::process::program(site, argv, &env, resolve::BINARY.to_owned())?;
            Ok(Executable { named, path: program.executable, builtin: program.builtin })
        }
    }
}
