//! Creates a container from the scenario.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountType, ResourcesUlimits};
use bollard::query_parameters::CreateContainerOptions;

use super::engine::Engine;
use super::error::Error;
use super::image::Image;
use crate::group::ResourceLimits;
use crate::launch::MARK;
use crate::target::spec::{ContainerSpec, ImageSpec};

/// Bytes of output that the engine keeps, in two files; ours is bounded by itself.
const LOG_LIMIT: &str = "8m";

/// A container to create, with placeholders replaced.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) name: String,
    pub(super) spec: &'a ContainerSpec,
    pub(super) image: &'a Image,
    pub(super) command: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) mark: String,
    /// Files of the run that are mounted at the same paths.
    pub(super) rendered: Vec<PathBuf>,
    /// The bridge network; the host's network if absent.
    pub(super) bridge: Option<&'a str>,
    /// Names that the container finds at these addresses.
    pub(super) hosts: &'a [(String, IpAddr)],
    pub(super) cpuset: Option<&'a [u64]>,
    pub(super) limits: Option<&'a ResourceLimits>,
}

impl Wanted<'_> {
    /// Returns the memory limit in bytes.
    pub(super) fn memory(&self) -> Option<u64> {
        self.limits.and_then(|limits| limits.memory).map(|memory| memory.0)
    }
}

/// Creates the container and returns its id.
pub(super) async fn create(engine: &Engine, wanted: &Wanted<'_>) -> Result<String, Error> {
    let env = wanted.env.iter().map(|(name, value)| format!("{name}={value}"));
    let body = ContainerCreateBody {
        image: Some(wanted.image.id.clone()),
        entrypoint: wanted.image.entrypoint.clone(),
        cmd: (!wanted.command.is_empty()).then(|| wanted.command.clone()),
        env: Some(env.chain([format!("{MARK}={}", wanted.mark)]).collect()),
        user: wanted.spec.user.clone(),
        labels: Some(engine.labels.all()),
        host_config: Some(host_config(wanted)),
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptions { name: Some(wanted.name.clone()), ..CreateContainerOptions::default() };
    let created = engine.docker.create_container(Some(options), body).await;
    Ok(created.map_err(|error| explain(wanted, &error))?.id)
}

/// Largest number of processes and threads of a container without a limit of its own, so that a target that forks without end does not
/// take down the host.
const PIDS: i64 = 8192;

/// The status of a request that the engine cannot carry out as it is.
const BAD_REQUEST: u16 = 400;

fn host_config(wanted: &Wanted<'_>) -> HostConfig {
    let log = HashMap::from(
        [("max-size", LOG_LIMIT), ("max-file", "2")].map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let ulimits = wanted.spec.ulimits.iter().map(|(name, value)| ResourcesUlimits {
        name: Some(name.clone()),
        soft: Some(signed(*value)),
        hard: Some(signed(*value)),
    });
    let cpus: Option<Vec<String>> = wanted.cpuset.map(|cpus| cpus.iter().map(ToString::to_string).collect());
    let limits = wanted.limits.copied().unwrap_or_default();
    let memory = wanted.memory().map(signed);
    HostConfig {
        network_mode: Some(wanted.bridge.unwrap_or("host").to_owned()),
        mounts: Some(mounts(wanted)),
        extra_hosts: (!wanted.hosts.is_empty()).then(|| extra_hosts(wanted.hosts)),
        log_config: Some(HostConfigLogConfig { typ: Some("json-file".to_owned()), config: Some(log) }),
        ulimits: Some(ulimits.collect()),
        cpuset_cpus: cpus.map(|cpus| cpus.join(",")),
        nano_cpus: limits.cpus.map(|cpus| (cpus * 1e9).round() as i64),
        memory,
        // The limit of memory and swap together, which allows no swap.
        memory_swap: memory,
        pids_limit: Some(limits.pids.map_or(PIDS, signed)),
        // The program needs none to serve requests; the scenario names those that it does need.
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: (!wanted.spec.capabilities.is_empty()).then(|| wanted.spec.capabilities.clone()),
        // The program must not gain rights by a set-user-id file of its image.
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        ..HostConfig::default()
    }
}

/// Returns entries for `/etc/hosts` of the container.
fn extra_hosts(hosts: &[(String, IpAddr)]) -> Vec<String> {
    hosts.iter().map(|(name, address)| format!("{name}:{address}")).collect()
}

/// Returns the read-only mounts of this host.
fn mounts(wanted: &Wanted<'_>) -> Vec<Mount> {
    let baked = matches!(wanted.spec.image, ImageSpec::Binary(_));
    let files = wanted.spec.files.iter().filter(|_| !baked).chain(&wanted.spec.mounts);
    let placed = files.map(|placed| (placed.from.as_path(), placed.to.as_path()));
    let rendered = wanted.rendered.iter().map(|path| (path.as_path(), path.as_path()));
    placed.chain(rendered).map(|(from, to)| mount(from, to)).collect()
}

fn mount(from: &Path, to: &Path) -> Mount {
    Mount {
        typ: Some(MountType::BIND),
        source: Some(from.to_string_lossy().into_owned()),
        target: Some(to.to_string_lossy().into_owned()),
        read_only: Some(true),
        ..Mount::default()
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Explains a refused create. What the engine finds wrong with a request that names no command is the missing command.
fn explain(wanted: &Wanted<'_>, error: &bollard::errors::Error) -> Error {
    let names_none = wanted.command.is_empty() && wanted.image.entrypoint.is_none();
    match super::error::status(error) {
        Some(BAD_REQUEST) if names_none => no_program(wanted, error),
        _ => refused(wanted, error),
    }
}

/// Returns the error of a program that cannot be executed, which is a mistake of the scenario.
pub(super) fn no_program(wanted: &Wanted<'_>, error: &bollard::errors::Error) -> Error {
    Error::NoProgram { image: wanted.image.named.clone(), message: super::error::engine_message(error) }
}

/// Returns the error of a container that the engine did not start.
pub(super) fn refused(wanted: &Wanted<'_>, error: &bollard::errors::Error) -> Error {
    Error::Refused { doing: format!("start container {}", wanted.name), message: super::error::engine_message(error) }
}
