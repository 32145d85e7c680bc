//! Sidecars that are measured in their pods, in the stand-in for a cluster: numbers against the truth, rights, failures, and what is left.

mod failing;
mod scenario;

use std::collections::BTreeSet;

use crate::alone;
use crate::cluster::{Cluster, Faults, Right};
use crate::fleet::is_exact;
use crate::support::waiting::eventually;
use crate::support::{Ran, Scratch, harness, recovered_from, undisturbed};
use harness::measure::ResourceLimits;
use harness_base::units::Bytes;
use scenario::{OVERHEAD, STARTUP, by_manifest, in_pod, run_in, run_on};

/// Checks that a run used no right that it does not have, and that nothing of it exists any more.
fn nothing_is_left(cluster: &Cluster) {
    let denied = cluster.denied();
    assert!(denied.is_empty(), "{denied:?}");
    eventually("nothing of the run is left", || cluster.left().is_empty());
}

/// Returns the median of the time that the sidecar added to a request, in milliseconds, from the instance with the most of it.
fn truth(cluster: &Cluster) -> f64 {
    let truths = cluster.truths();
    let medians = truths.iter().filter_map(|truth| truth["added_request_ns"]["median"].as_f64());
    medians.fold(0.0, f64::max) / 1e6
}

/// Checks what the record states about the pod of each instance.
fn pods_are_recorded(ran: &Ran, stage: &str) {
    let limits = ResourceLimits { cpus: Some(0.5), memory: Some(Bytes::from_mebi(128)), pids: None };
    let instances = ran.stage(stage).instances;
    let mut names = BTreeSet::new();
    for instance in &instances {
        assert_eq!(instance.limits, Some(limits), "limits in force");
        let launch = &instance.launch;
        let (listening, ready) = (launch.listening_ns.unwrap(), launch.ready_ns.unwrap());
        let plausible = 1_000_000..5_000_000_000;
        assert!(plausible.contains(&listening) && plausible.contains(&ready), "{launch:?}");
        // A target that was up at the first look was looked at too late, and the gap says by how much.
        assert!(launch.probe_gap_ns > 0, "{launch:?}");
        let pod = launch.pod.as_ref().unwrap();
        assert_eq!((pod.qos.as_deref(), pod.node.as_str()), (Some("Guaranteed"), "stand-in"));
        assert!(pod.container_started.is_some() && pod.ready.is_some(), "{pod:?}");
        names.insert(pod.name.clone());
    }
    assert_eq!(names.len(), instances.len(), "each instance is a pod of its own");
}

#[test]
fn a_sidecar_in_its_pod_is_measured_with_exactly_the_rights_of_the_role() {
    let _alone = alone();
    let Some(cluster) = Cluster::start("pods", Faults::default()) else { return };
    let stages = format!("{STARTUP}{OVERHEAD}");
    let ran = undisturbed(|| run_on(&cluster, &in_pod(&["--add-latency", "3ms"], &stages)));
    ran.expect_code(0);
    nothing_is_left(&cluster);
    let nodes = ran.record().fleet.unwrap().nodes;
    assert_eq!(nodes.len(), 2, "{nodes:?}");
    is_exact(&ran.stage("overhead"));
    keeps_connections_of_its_own(&cluster, &ran);
    assert_eq!(ran.stage("startup").instances.len(), 3);
    pods_are_recorded(&ran, "startup");
    pods_are_recorded(&ran, "overhead");
    // The sidecar costs something beside what it adds.
    let (found, truth) = (ran.value("overhead/latency_p50"), truth(&cluster));
    assert!(
        (2.9..4.0).contains(&truth) && (truth * 0.95..truth + 1.0).contains(&found),
        "found {found} ms, truth {truth} ms"
    );

    // The rest of the Role is for what goes wrong.
    let failed = run_on(&cluster, &in_pod(&["--exit-at-start", "3", "--stderr", "no license found"], STARTUP));
    failed.expect_code(5);
    assert!(failed.shows("no license found"), "{}\n{}", failed.stdout, failed.stderr);
    let cleaned = cluster.serves(&mut harness()).args(["clean", "--kubernetes"]).output().unwrap();
    assert!(cleaned.status.success(), "{}", String::from_utf8_lossy(&cleaned.stderr));
    nothing_is_left(&cluster);
    assert_eq!(&cluster.used(), cluster.role(), "the rights that were used, and those of the Role");
}

/// Checks that the upstream was seen to be connected with the sidecar, too, while the direct arm sent.
fn keeps_connections_of_its_own(cluster: &Cluster, ran: &Ran) {
    let stage = serde_json::to_string(&ran.stage("overhead")).unwrap();
    let others = format!(r#""kind":"redirected","others":{}"#, u8::from(cluster.has_addresses()));
    assert!(stage.contains(&others), "no direct arm has {others}");
}

#[test]
fn the_pod_of_a_manifest_is_measured_with_an_agent_added() {
    let _alone = alone();
    let Some(cluster) = Cluster::start("manifest", Faults::default()) else { return };
    let ran = undisturbed(|| {
        let scratch = Scratch::new();
        let scenario = by_manifest(&scratch, OVERHEAD);
        run_in(&cluster, scratch, &scenario)
    });
    ran.expect_code(0);
    nothing_is_left(&cluster);
    let instances = ran.stage("overhead").instances;
    assert!(instances.iter().all(|instance| instance.launch.pod.is_some() && instance.launch.ready_ns.is_some()));
    assert!(ran.value("overhead/latency_p50") > 0.0 && ran.value("memory/under_load_rss") > 0.0);
}

#[test]
fn no_secret_can_be_read_with_the_rights_of_the_role() {
    let _alone = alone();
    let Some(cluster) = Cluster::start("secrets", Faults::default()) else { return };
    for path in ["secrets", "secrets/harness"] {
        let (status, answer) = cluster.ask("GET", &format!("/api/v1/namespaces/bench/{path}"));
        assert_eq!((status, answer["reason"].as_str()), (403, Some("Forbidden")), "{answer}");
    }
    let denied = ["get", "list"].map(|verb| Right::new(verb, "", "secrets"));
    assert_eq!(cluster.denied(), BTreeSet::from(denied));
    assert!(!cluster.role().iter().any(|right| right.resource == "secrets" && right.verb != "create"));
}

#[test]
fn a_watch_that_is_cut_again_and_again_goes_on() {
    let _alone = alone();
    let faults = Faults { cut_watch_after: Some(2), ..Faults::default() };
    let Some(cluster) = Cluster::start("cut watch", faults) else { return };
    let ran = undisturbed(|| run_on(&cluster, &in_pod(&[], STARTUP)));
    ran.expect_code(0);
    nothing_is_left(&cluster);
}

/// Returns two runs of a sidecar in a pod that adds so much latency, with the truth in milliseconds.
fn pair() -> Option<[(Ran, f64); 2]> {
    let measure = |added: &str| {
        let cluster = Cluster::start("pair", Faults::default())?;
        let ran = undisturbed(|| run_on(&cluster, &in_pod(&["--add-latency", added], OVERHEAD)));
        nothing_is_left(&cluster);
        Some((ran, truth(&cluster)))
    };
    Some([measure("300us")?, measure("800us")?])
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn half_a_millisecond_of_added_latency_is_recovered_in_a_pod() {
    let _alone = alone();
    let Some(first) = pair() else { return };
    let found = |[less, more]: &[(Ran, f64); 2]| {
        let id = "overhead/latency_p50";
        (more.0.value(id) - less.0.value(id), more.1 - less.1)
    };
    recovered_from(0.15, "overhead in a pod", &first, || pair().unwrap(), found);
}
