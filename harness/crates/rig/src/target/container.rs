//! A target that is a container.
//!
//! The launch returns as soon as the program is executed, before the engine's start call returns, so that the probe does not miss the
//! target's first milliseconds. The engine's own times are recorded separately from those of the target.

mod advice;
mod calls;
pub(crate) mod containers;
mod create;
pub(crate) mod engine;
pub(crate) mod error;
mod exec;
mod image;
mod label;
pub(super) mod leftover;
pub(crate) mod load;
mod nonce;
mod placed;
mod resolve;
mod start;
pub(super) mod sweep;
mod transport;
pub(super) mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::error::Error;
use super::free::check_free;
use super::launcher::{Executable, LaunchRequest, Launcher};
use super::placeholders::Values;
use super::ports::Allotted;
use super::process::{endpoints, render, render_all, render_file, render_program};
use super::running::{Hold, Running};
use super::site::{Site, fresh_folder};
use super::spec::{ContainerSpec, ImageSpec, Network};
use crate::keeper::clean_env;

impl Launcher for ContainerSpec {
    async fn launch(&self, request: &LaunchRequest<'_>) -> Result<Running, Error> {
        let site = request.site;
        let engine = site.containers.engine(&site.keeper).await?;
        let image = resolve::resolve(engine, site, self).await?;
        let bridge = match self.network {
            Network::Host => None,
            Network::Bridge => Some(site.containers.bridge(engine).await?),
        };
        let mut filled = fill(self, request)?;
        let (run, number) = site.containers.next();
        let wanted = create::Wanted {
            name: format!("harness-{run}-{number}-{}", filled.name),
            spec: self,
            image: &image,
            command: std::mem::take(&mut filled.command),
            env: std::mem::take(&mut filled.env),
            mark: format!("{}-c{number}", site.keeper.pid()),
            rendered: std::mem::take(&mut filled.rendered),
            bridge: bridge.map(|bridge| bridge.name.as_str()),
            hosts: request.egress.map_or(&[], |place| place.direct.as_slice()),
            cpuset: request.cpuset.or(self.cpuset.as_deref()),
            limits: request.limits,
        };
        let log = site.logs.join(format!("{}.log", filled.name));
        let started = start::start(engine, &wanted, &log).await?;
        running(&wanted, request, (filled.values, filled.folder), started, log)
    }
}

/// A container's part of a scenario, with placeholders replaced.
struct Filled<'a> {
    /// The name, unique per launch.
    name: String,
    values: Values<'a>,
    command: Vec<String>,
    env: Vec<(String, String)>,
    /// What is mounted at the same path.
    rendered: Vec<PathBuf>,
    /// The folder of the rendered files.
    folder: PathBuf,
}

/// Renders the texts of the container, and checks the ports of this host that it will use.
fn fill<'a>(spec: &ContainerSpec, request: &LaunchRequest<'a>) -> Result<Filled<'a>, Error> {
    let site = request.site;
    let cwd = fresh_folder(&site.scratch, request.name)?;
    let files: BTreeMap<String, PathBuf> =
        request.spec.files.iter().map(|(name, _)| (name.clone(), cwd.join(name))).collect();
    // The program reads the authority of the foreign hosts at the same path as here.
    let authority = request.egress.map(|place| place.authority.clone());
    // The folder instead of its files, because a file that is exchanged under its name is another one.
    let rendered = (!files.is_empty()).then(|| cwd.clone()).into_iter().chain(authority).collect();
    let values = Values::new(&site.ports, request.upstream, files).with_egress(request.egress);
    let mut values = values.again(request.allotted);
    for (name, template) in &request.spec.files {
        render_file(&mut values, name, &site.folder.join(template), &cwd)?;
    }
    let command = render_all(&mut values, &spec.command, "target.container.command")?;
    let mut env = Vec::with_capacity(spec.env.len());
    for (name, text) in &spec.env {
        env.push((name.clone(), render(&mut values, text, &format!("target.container.env.{name}"))?));
    }
    if spec.network == Network::Host {
        let endpoints = endpoints(&mut values, "target", &request.spec.endpoints)?;
        check_free(&endpoints, values.allotted(), request.upstream)?;
    }
    let name = cwd.file_name().map_or_else(|| request.name.to_owned(), |name| name.to_string_lossy().into_owned());
    Ok(Filled { name, values, command, env, rendered, folder: cwd })
}

/// Creates the running target of a started container.
fn running(
    wanted: &create::Wanted<'_>,
    request: &LaunchRequest<'_>,
    (mut values, folder): (Values<'_>, PathBuf),
    started: start::Started,
    log: PathBuf,
) -> Result<Running, Error> {
    if let Some(address) = started.address {
        values.answers_at(address);
    }
    let endpoints = endpoints(&mut values, "target", &request.spec.endpoints)?;
    let network = wanted.spec.network;
    Ok(Running {
        pid: started.contained.pid(),
        mark: Some(wanted.mark.clone()),
        spawned: Some(started.spawned),
        endpoints,
        program: wanted.image.program(&wanted.command),
        executable: wanted.image.binary.clone().unwrap_or_default(),
        builtin: wanted.image.builtin,
        folder: Some(folder),
        stalls: None,
        log: Some(log),
        limited: request.limits.is_some_and(|limits| !limits.is_empty()),
        network: Some(network.name().to_owned()),
        // On a bridge, the ports belong to the container only.
        allotted: if network == Network::Host { values.allotted().clone() } else { Allotted::default() },
        hold: Hold::Container(started.contained),
    })
}

/// Finds the engine and creates what a launch needs besides the container, so that an upstream can listen on the bridge.
///
/// # Errors
/// Returns [`Error`], with the next command to type.
pub(super) async fn prepare(spec: &ContainerSpec, site: &Site) -> Result<(), Error> {
    let engine = site.containers.engine(&site.keeper).await?;
    resolve::resolve(engine, site, spec).await?;
    if spec.network == Network::Bridge {
        site.containers.bridge(engine).await?;
    }
    Ok(())
}

/// Saves the image of a container; `None` for one that is built from a binary, because it is not pulled.
///
/// # Errors
/// Returns [`Error`], with the next command to type.
pub(super) async fn saved_image(spec: &ContainerSpec, site: &Site) -> Result<Option<PathBuf>, Error> {
    if let ImageSpec::Binary(_) = spec.image {
        return Ok(None);
    }
    let engine = site.containers.engine(&site.keeper).await?;
    let image = resolve::resolve(engine, site, spec).await?;
    Ok(Some(resolve::save(engine, site, &image.named).await?))
}

/// Finds the binary of a container without starting it. An image has no program on this host.
///
/// # Errors
/// Returns [`Error`] when its placeholders cannot be replaced, or the program does not exist.
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
