//! What the scenario says about a target in a pod: where its upstream is, and its limits.

use crate::measure::ResourceLimits;
use crate::run::bench::launch::launch_halt;
use crate::run::halt::Halt;
use crate::run::rig::Rig;
use crate::work::Stage;
use harness_fleet::pod::Up;
use harness_rig::target::spec::{Launch, Upstream};
use harness_rig::target::{HttpUrl, Running, UPSTREAM_PORT, url_host, url_in_pod};

/// Returns where the direct arm leads: to the upstream at the address of the pod.
pub(super) fn direct(stage: &Stage, target: &Running) -> Result<Option<HttpUrl>, Halt> {
    let Some(address) = target.endpoints.proxy.address.inet() else { return Ok(None) };
    let pod = url_host(address.ip());
    let (text, key) = match &stage.upstream {
        Some(Upstream::Builtin(_)) => (&format!("http://{{pod}}:{UPSTREAM_PORT}"), "upstream.builtin"),
        Some(Upstream::Url(text)) => (text, "upstream.url"),
        _ => return Ok(None),
    };
    url_in_pod(text, key, &pod).map(Some).map_err(|error| launch_halt(&error))
}

/// Returns the limits of the target: those of the stage, or else those of the pod.
pub(super) fn asked(rig: &Rig<'_>, stage: &Stage) -> ResourceLimits {
    let made = match &rig.plan.target.launch {
        Launch::Pod(pod) => pod.made(),
        _ => None,
    };
    ResourceLimits {
        cpus: stage.limits.cpus.or_else(|| made.map(|made| made.limits.cpus)),
        memory: stage.limits.memory.or_else(|| made.map(|made| made.limits.memory)),
        pids: stage.limits.pids,
    }
}

/// Checks that the limits of the target are those that the scenario asks for.
///
/// # Errors
/// Returns [`Halt::Failed`] with the requested and the actual limits.
pub(super) fn in_force(asked: &ResourceLimits, up: &Up) -> Result<(), Halt> {
    if asked.is_empty() || asked.in_force(&up.limits) {
        return Ok(());
    }
    let found = up.limits;
    Err(Halt::tool(format!(
        "the limits of the target in its pod do not hold: asked for {asked}, the kernel has {found}"
    )))
}
