//! Checks that a target in a pod, and the fleet of a cluster, get what they need of each other.

use super::fleet::Rest;
use crate::spec::Section;
use crate::work::Stage;
use harness_fleet::spec::{FleetEngine, FleetSpec};
use harness_rig::target::spec::{Builtin, External, Launch, PodSpec, Upstream};

/// Checks everything outside of `[target.pod]` that a target in a pod depends on.
pub(super) fn check(root: &Section<'_>, fleet: Option<&FleetSpec>, rest: &Rest<'_>) {
    let in_cluster = fleet.is_some_and(|fleet| fleet.engine == FleetEngine::Kubernetes);
    match &rest.target.launch {
        Launch::Pod(pod) => {
            if !in_cluster {
                let message = "is started by Kubernetes, and is reached from within the cluster only";
                let hint = "add [fleet] with engine = \"kubernetes\", nodes and image".to_owned();
                root.mistake("target.pod", message, Some(hint));
            }
            check_surroundings(root, pod, rest);
        }
        // The substitute of the reader if the target itself has a mistake.
        Launch::External(External::Pid(0)) => {}
        _ if in_cluster => {
            let message = "is on this machine, which the nodes in the cluster do not reach";
            let hint = "write [target.pod], or another engine in [fleet]".to_owned();
            root.mistake("target", message, Some(hint));
        }
        _ => {}
    }
}

fn check_surroundings(root: &Section<'_>, pod: &PodSpec, rest: &Rest<'_>) {
    if !rest.target.files.is_empty() {
        let hint = "put the files into the image, or mount them in a manifest of yours".to_owned();
        root.mistake("target.files", "a pod does not see files of this machine", Some(hint));
    }
    for key in ["scrape", "log"].into_iter().filter(|key| root.has(key)) {
        let message = "reads what the target reports, and a target in a pod is not reached from this machine";
        root.mistake(key, message, Some(format!("remove [{key}]")));
    }
    check_upstream(root, pod, rest.upstream);
    for stage in rest.stages {
        check_stage(root, pod, stage);
    }
}

/// Checks that the upstream is in the pod too, so that both arms take the same way.
fn check_upstream(root: &Section<'_>, pod: &PodSpec, upstream: Option<&Upstream>) {
    let has_app = pod.made().is_some_and(|made| made.app.is_some());
    let (key, message, hint) = match upstream {
        Some(Upstream::Builtin(builtin)) => {
            check_builtin(root, "upstream.builtin", builtin);
            match pod.made() {
                None => (
                    "upstream.builtin",
                    "cannot be added to a manifest of yours",
                    "write [upstream] url = \"http://{pod}:PORT\" of a container of the manifest",
                ),
                Some(_) if has_app => {
                    ("target.pod.app", "is a second upstream, beside [upstream.builtin]", "remove one of the two")
                }
                Some(_) => return,
            }
        }
        Some(Upstream::Url(url)) if !url.contains("{pod}") => (
            "upstream.url",
            "is not in the pod of the target, so the arms would take different ways",
            "write url = \"http://{pod}:9000\"",
        ),
        Some(Upstream::Url(_)) if pod.made().is_some() && !has_app => {
            ("upstream.url", "no container of the pod answers there", "add [target.pod.app], or use [upstream.builtin]")
        }
        Some(Upstream::Process { .. }) => (
            "upstream.process",
            "is a program on this machine, which a pod does not reach",
            "write [upstream.builtin], or [target.pod.app] and url = \"http://{pod}:9000\"",
        ),
        Some(Upstream::Url(_) | Upstream::Stdio(_)) | None => return,
    };
    root.mistake(key, message, Some(hint.to_owned()));
}

/// Refuses settings of the bundled upstream that have no meaning in a pod, where they are written below `at`.
fn check_builtin(root: &Section<'_>, at: &str, builtin: &Builtin) {
    let settings = [
        ("unix", builtin.unix, "the nodes reach the upstream at the address of its pod"),
        ("tls", builtin.tls, "the certificates of the run are on this machine"),
        ("address", builtin.address.is_some(), "the upstream listens at the address of its pod"),
        ("cpuset", builtin.cpuset.is_some(), "is about CPUs of this machine"),
    ];
    for (name, is_set, message) in settings {
        let key = format!("{at}.{name}");
        if is_set && root.writes(&key) {
            root.mistake(&key, message, Some("remove it".to_owned()));
        }
    }
}

fn check_stage(root: &Section<'_>, pod: &PodSpec, stage: &Stage) {
    let (key, work) = (format!("stage.{}", stage.name), stage.work.planned());
    // What does not run on a fleet, and what describes another stage, is refused already.
    if work.runs_on_fleet() && !work.runs_in_pod() && work.described().is_none() {
        let message = format!("of kind {} does not run with a target in a pod yet", stage.kind().name());
        root.mistake(&key, message, Some("give it a scenario with [target.process]".to_owned()));
        return;
    }
    if let Some(Upstream::Builtin(builtin)) = &stage.upstream {
        check_builtin(root, &format!("{key}.upstream"), builtin);
    }
    if stage.cpuset.is_some() {
        let hint = "remove it; limits.cpus limits the container".to_owned();
        root.mistake(&format!("{key}.cpuset"), "is about CPUs of this machine", Some(hint));
    }
    let limits = format!("{key}.limits");
    if pod.made().is_none() && !stage.limits.is_empty() {
        let hint = "remove the stage or its limits".to_owned();
        root.mistake(&limits, "a manifest of yours has limits of its own, which are not changed", Some(hint));
    } else if stage.limits.pids.is_some() {
        let hint = "remove pids".to_owned();
        root.mistake(&format!("{limits}.pids"), "Kubernetes does not limit the processes of a container", Some(hint));
    }
}
