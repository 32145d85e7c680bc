//! Derives the containers of a target's pod from the scenario.

use serde_json::Value;

use super::super::trouble::Trouble;
use crate::plan::Plan;
use crate::scenario::manifest;
use crate::work::Stage;
use harness_kube::objects::{Container, Shape, Size, TARGET};
use harness_rig::group::ResourceLimits;
use harness_rig::target::spec::{AppSpec, Builtin, ContainerLimits, Launch, MadePod, PodShape, PodSpec, Upstream};
use harness_rig::target::{Error, UPSTREAM_PORT, render_in_pod, upstream_arguments, url_in_pod};

/// What stands for the address of the pod in the arguments of its agent; Kubernetes replaces it.
const ADDRESS: &str = "$(POD_IP)";

/// A pod as the scenario describes it.
#[derive(Debug)]
pub(super) struct Shaped {
    pod: Pod,
    pub(super) proxy: String,
    pub(super) health: Option<String>,
    pub(super) ready: Option<String>,
    /// Where the agent reads the ledger of the bundled upstream.
    pub(super) ledger: Option<String>,
    /// The port of the upstream, at which the direct arm arrives.
    pub(super) direct_port: Option<u16>,
    /// What the agent requests, and at most gets.
    pub(super) agent: Size,
}

#[derive(Debug)]
enum Pod {
    Made { target: Container, app: Option<Container>, native: bool },
    Manifest { pod: Value, container: String },
}

impl Shaped {
    /// # Errors
    /// Returns [`Trouble`] if a text has a placeholder without a value, or the manifest cannot be read.
    pub(super) fn of(plan: &Plan, stage: &Stage) -> Result<Self, Trouble> {
        let spec = plan.target_in(&stage.name, crate::measure::trial::Build::Head);
        let Launch::Pod(PodSpec { shape, agent }) = &spec.launch else { return Err(Error::InPod.into()) };
        let pod = match shape {
            PodShape::Made(made) => made_pod(made, stage)?,
            PodShape::Manifest { path, container, sha256 } => {
                Pod::Manifest { pod: manifest::read_again(path, sha256)?, container: container.clone() }
            }
        };
        let url = |text: &String, name: &str| render_in_pod(text, &format!("target.endpoints.{name}"), ADDRESS);
        let urls = &spec.endpoints;
        Ok(Self {
            pod,
            proxy: url(&urls.proxy, "proxy")?,
            health: urls.health.as_ref().map(|text| url(text, "health")).transpose()?,
            ready: urls.ready.as_ref().map(|text| url(text, "ready")).transpose()?,
            ledger: matches!(stage.upstream, Some(Upstream::Builtin(_)))
                .then(|| format!("http://127.0.0.1:{UPSTREAM_PORT}/__upstream/ledger")),
            direct_port: direct_port(stage)?,
            agent: size(*agent),
        })
    }

    pub(super) fn shape(&self) -> Shape<'_> {
        match &self.pod {
            Pod::Made { target, app, native } => {
                Shape::Made { target: target.clone(), app: app.clone(), native: *native }
            }
            Pod::Manifest { pod, container } => Shape::Manifest { pod, container },
        }
    }

    /// Returns the name of the container that is measured.
    pub(super) fn container(&self) -> &str {
        match &self.pod {
            Pod::Made { .. } => TARGET,
            Pod::Manifest { container, .. } => container,
        }
    }
}

fn made_pod(made: &MadePod, stage: &Stage) -> Result<Pod, Error> {
    let size = size_of(made, &stage.limits);
    let target = container("target.pod", (&made.image, &made.command, &made.env), size)?;
    let app = match (&stage.upstream, &made.app) {
        (Some(Upstream::Builtin(builtin)), _) => Some(bundled(builtin, made.upstream)?),
        (_, Some(app)) => Some(own(app)?),
        _ => None,
    };
    Ok(Pod::Made { target, app, native: made.native })
}

/// Returns the limits of the target: those of the stage, or else those of the pod.
fn size_of(made: &MadePod, limits: &ResourceLimits) -> Size {
    let cpus = limits.cpus.unwrap_or(made.limits.cpus);
    size(ContainerLimits { cpus, memory: limits.memory.unwrap_or(made.limits.memory) })
}

const fn size(limits: ContainerLimits) -> Size {
    Size { cpus: limits.cpus, memory_bytes: limits.memory.0 }
}

fn own(app: &AppSpec) -> Result<Container, Error> {
    container("target.pod.app", (&app.image, &app.command, &app.env), size(app.limits))
}

/// Returns the container of the bundled upstream.
fn bundled(builtin: &Builtin, limits: ContainerLimits) -> Result<Container, Error> {
    let rendered = |word: &String| render_in_pod(word, "upstream.builtin", ADDRESS);
    let args = upstream_arguments(builtin, &format!("0.0.0.0:{UPSTREAM_PORT}"))
        .iter()
        .map(rendered)
        .collect::<Result<_, _>>()?;
    Ok(Container { image: None, command: Vec::new(), args, env: Vec::new(), size: size(limits) })
}

/// Returns a container at `section` of the scenario. The first word can name a bundled program, which the image of the nodes has.
fn container(
    section: &str,
    (image, command, env): (&Option<String>, &[String], &[(String, String)]),
    size: Size,
) -> Result<Container, Error> {
    let rendered =
        |(index, word): (usize, &String)| render_in_pod(word, &format!("{section}.command.{index}"), ADDRESS);
    let mut command = command.iter().enumerate().map(rendered).collect::<Result<Vec<String>, _>>()?;
    let variable = |(name, value): &(String, String)| {
        Ok((name.clone(), render_in_pod(value, &format!("{section}.env.{name}"), ADDRESS)?))
    };
    let env = env.iter().map(variable).collect::<Result<_, Error>>()?;
    let bundled = command.first().and_then(|first| first.strip_prefix("builtin:")).map(|name| format!("__{name}"));
    if let Some(program) = bundled {
        command[0] = program;
        return Ok(Container { image: None, command: Vec::new(), args: command, env, size });
    }
    Ok(Container { image: image.clone(), command, args: Vec::new(), env, size })
}

/// Returns the port of the upstream.
fn direct_port(stage: &Stage) -> Result<Option<u16>, Error> {
    match &stage.upstream {
        Some(Upstream::Builtin(_)) => Ok(Some(UPSTREAM_PORT)),
        // The port does not depend on the address.
        Some(Upstream::Url(text)) => Ok(url_in_pod(text, "upstream.url", "127.0.0.1")?.port),
        _ => Ok(None),
    }
}
