//! Describes a target in a pod for `harness check`.

use super::Plan;
use harness_rig::target::spec::{AppSpec, ContainerLimits, MadePod, PodShape, PodSpec};

/// Describes the pod: its containers with their limits, or the manifest that it is made of.
pub(super) fn describe(pod: &PodSpec) -> String {
    match &pod.shape {
        PodShape::Manifest { path, container, sha256: _ } => {
            format!("container {container} of the pod in {}", path.display())
        }
        PodShape::Made(made) => of_made(made),
    }
}

/// States that the pods of a plan take time to start too, which depends on the cluster; empty without pods.
pub(super) fn starts(plan: &Plan) -> String {
    if !plan.is_in_pod() {
        return String::new();
    }
    let planned = plan.stages.iter().map(|stage| stage.work.planned());
    let pods: u64 = planned.map(|work| work.rounds().map_or_else(|| work.wanted(), |load| load.instances)).sum();
    format!(" and the time to start {pods} pods one after the other")
}

fn of_made(made: &MadePod) -> String {
    let MadePod { image, command, native, limits, upstream: _, app, env: _ } = made;
    let kind = if *native { "native sidecar" } else { "container" };
    let app = app.as_ref().map(|app| {
        let AppSpec { image, command, limits, env: _ } = app;
        format!(", beside the app {}", container(image.as_deref(), command, *limits))
    });
    let target = container(image.as_deref(), command, *limits);
    format!("{kind} in a pod of Kubernetes: {target}{}", app.unwrap_or_default())
}

fn container(image: Option<&str>, command: &[String], limits: ContainerLimits) -> String {
    let image = image.map(|image| format!("image {image}"));
    let command = (!command.is_empty()).then(|| command.join(" "));
    let program = image.into_iter().chain(command).collect::<Vec<_>>().join(", ");
    format!("{program}, {} CPUs, {}", limits.cpus, limits.memory.notation())
}
