//! Reads `[target.pod]`, and says what a target in a pod cannot have.

use harness_base::units::Bytes;
use harness_fleet::spec::FleetEngine;
use harness_rig::target::spec::{MadePod, PodShape};

use super::*;

pub(crate) const POD: &str = r#"
name = "x"
[fleet]
engine = "kubernetes"
nodes = 2
image = "registry.example/harness:1"
[upstream.builtin]
[target.pod]
command = ["builtin:sidecar", "--listen", "0.0.0.0:8080", "--upstream", "{upstream.url}"]
limits = { cpus = 0.5, memory = "128MiB" }
[target.endpoints]
proxy = "http://{pod}:8080"
health = "http://{pod}:8081/health"
[request]
path = "/a"
expect = { status = 200 }
[stage.startup]
[stage.overhead]
[stage.capacity]
vus = 20
"#;

/// An upstream of the author's own in the same pod.
const APP: &str = "[target.pod.app]\nimage = \"app:1\"\nlimits = { cpus = 1.0, memory = \"64MiB\" }\n";

/// Returns the scenario with an app in the pod, and with another upstream.
fn with_app(app: &str, upstream: &str) -> String {
    POD.replace("[target.endpoints]", &format!("{app}[target.endpoints]")).replace("[upstream.builtin]", upstream)
}

fn made(scenario: &Scenario) -> &MadePod {
    let Launch::Pod(pod) = &scenario.target.launch else { panic!("{:?}", scenario.target) };
    pod.made().unwrap()
}

/// Checks that a change of [`POD`] is the only mistake, and that its line has these words.
#[track_caller]
fn refused(change: (&str, &str), words: &[&str]) {
    assert!(POD.contains(change.0), "{change:?}");
    let found = mistakes(&POD.replace(change.0, change.1), &[]);
    let says = |mistake: &String| words.iter().all(|word| mistake.contains(word));
    assert!(found.len() == 1 && found.iter().all(says), "{words:?}: {found:#?}");
}

#[test]
fn a_bundled_sidecar_in_a_pod_is_native_and_has_limits() {
    let scenario = good(POD, &[]);
    let pod = made(&scenario);
    assert_eq!((pod.limits.cpus, pod.limits.memory, pod.native), (0.5, Bytes::from_mebi(128), true));
    assert_eq!((pod.image.as_deref(), pod.command.len(), pod.app.as_ref()), (None, 5, None));
    assert_eq!(scenario.target.endpoints.proxy, "http://{pod}:8080");
    assert_eq!((pod.upstream.cpus, pod.upstream.memory), (1.0, Bytes::from_mebi(256)));
    let smaller = good(POD, &["target.pod.upstream.limits.cpus=0.5", "target.pod.agent.limits.cpus=0.25"]);
    assert_eq!((made(&smaller).upstream.cpus, made(&smaller).upstream.memory), (0.5, Bytes::from_mebi(256)));
    let Launch::Pod(pod) = &smaller.target.launch else { panic!("{:?}", smaller.target) };
    assert_eq!((pod.agent.cpus, pod.agent.memory), (0.25, Bytes::from_mebi(128)));
    let fleet = scenario.fleet.as_ref().unwrap();
    assert_eq!((fleet.engine, fleet.listen.to_string().as_str()), (FleetEngine::Kubernetes, "0.0.0.0:7411"));
    let Some(Upstream::Builtin(builtin)) = &scenario.stages[1].upstream else { panic!("{:?}", scenario.stages) };
    assert_eq!(builtin.address, None, "it listens at the address of the pod");
    assert_eq!(scenario.stages[1].requests[0].expect.upstream_hits, LedgerRule::Exact);
    let plan = Plan::new(&scenario, &Options::default()).unwrap();
    let words = plan.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "native sidecar in a pod of Kubernetes: builtin:sidecar --listen 0.0.0.0:8080",
        "0.5 CPUs, 128MiB",
        "fleet 2 nodes on Kubernetes, hub in a pod, never on the node of the target, wait",
    ] {
        assert!(words.contains(said), "{said}: {words}");
    }
    assert!(plan.is_repeatable() && plan.unset_variables().is_empty());
}

#[test]
fn a_sidecar_and_an_upstream_of_the_authors_own_stand_in_one_pod() {
    let target = "image = \"${HARNESS_TEST_NEVER_SET}\"\nsidecar = \"plain\"\nenv = { UPSTREAM = \"{upstream.url}\" }\n\
                  command = [\"/proxy\"]";
    let command = POD.lines().find(|line| line.starts_with("command")).unwrap();
    let text = with_app(APP, "[upstream]\nurl = \"http://{pod}:9000\"").replace(command, target);
    let scenario = good(&text, &[]);
    let pod = made(&scenario);
    assert_eq!((pod.native, pod.image.as_deref()), (false, Some("${HARNESS_TEST_NEVER_SET}")));
    let app = pod.app.as_ref().unwrap();
    assert_eq!((app.image.as_deref(), app.limits.cpus, app.limits.memory), (Some("app:1"), 1.0, Bytes::from_mebi(64)));
    assert_eq!(scenario.stages[1].upstream, Some(Upstream::Url("http://{pod}:9000".to_owned())));
    assert_eq!(Plan::new(&scenario, &Options::default()).unwrap().unset_variables(), ["HARNESS_TEST_NEVER_SET"]);
}

#[test]
fn the_fleet_of_a_cluster_has_a_place_in_it() {
    let more = "nodes = 2\ncontext = \"kind-lab\"\nnamespace = \"bench\"\nnode_selector = { pool = \"load\" }\n\
                co_located = true\neach = { cpus = 0.5 }";
    let scenario = good(&POD.replace("nodes = 2", more), &[]);
    let fleet = scenario.fleet.as_ref().unwrap();
    assert_eq!((fleet.context.as_deref(), fleet.namespace.as_deref()), (Some("kind-lab"), Some("bench")));
    assert_eq!((fleet.node_selector["pool"].as_str(), fleet.co_located, fleet.each.cpus), ("load", true, Some(0.5)));
    let text = Plan::new(&scenario, &Options::default()).unwrap().to_string();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("context kind-lab, namespace bench, on nodes with pool=load, may share nodes"), "{words}");
    let digest = |overrides: &[&str]| good(POD, overrides).facts.plan_sha256.unwrap();
    assert_eq!(digest(&[]), digest(&["fleet.namespace=bench"]));
    assert_ne!(digest(&[]), digest(&["fleet.co_located=true"]));
    assert_ne!(digest(&[]), digest(&["target.pod.limits.cpus=1.0"]));
}

#[test]
fn keys_of_another_engine_are_refused() {
    for (key, words) in [
        ("listen = \"127.0.0.1:7411\"", ["fleet.listen", "is about this machine"]),
        ("reach = [\"10.0.0.0/24\"]", ["fleet.reach", "is about this machine"]),
        ("i-own-this = true", ["fleet.i-own-this", "is about this machine"]),
        ("constraints = [\"node.role==worker\"]", ["fleet.constraints", "write node_selector"]),
        ("namespace = \"Bench\"", ["fleet.namespace", "is not the name of a namespace"]),
        ("context = \"\"", ["fleet.context", "must not be empty"]),
    ] {
        refused(("nodes = 2", &format!("nodes = 2\n{key}")), &words);
    }
    refused(("image = \"registry.example/harness:1\"\n", ""), &["fleet.image", "is missing"]);
    let joined = format!("{GOOD}\n[fleet]\nengine = \"joined\"\nnodes = 2\nnamespace = \"bench\"\n");
    let found = mistakes(&joined, &[]);
    assert!(found.len() == 1 && found[0].contains("fleet.namespace: is about a cluster of Kubernetes"), "{found:#?}");
}

#[test]
fn a_pod_and_a_fleet_in_its_cluster_need_each_other() {
    let fleet = "[fleet]\nengine = \"kubernetes\"\nnodes = 2\nimage = \"registry.example/harness:1\"\n";
    refused((fleet, ""), &["target.pod", "is reached from within the cluster only", "engine = \"kubernetes\""]);
    let outside = mistakes(&format!("{GOOD}\n{fleet}"), &[]);
    assert!(outside.len() == 1 && outside[0].contains("target: is on this machine"), "{outside:#?}");
}

#[test]
fn what_is_on_this_machine_has_no_meaning_in_a_pod() {
    let port = "write the number of the port: a pod has an address of its own";
    for (change, words) in [
        (("0.0.0.0:8080", "0.0.0.0:{port.proxy}"), ["target.pod.command.2", port]),
        (("0.0.0.0:8080", "{socket.proxy}"), ["target.pod.command.2", port]),
        (("0.0.0.0:8080", "{file.a}"), ["target.pod.command.2", "which a pod does not see"]),
        (("0.0.0.0:8080", "{key.file}"), ["target.pod.command.2", "which a pod does not see"]),
        (("0.0.0.0:8080", "{pod}:8080"), ["target.pod.command.2", "is known only once the pod runs"]),
        (("{pod}:8081", "{target.address}:8081"), ["target.endpoints.health", "write {pod}"]),
        (("{pod}:8081", "127.0.0.1:8081"), ["target.endpoints.health", "answers at the address of its pod"]),
        (("[target.endpoints]", "[generator]\ncpuset = [0]\n[target.endpoints]"), ["generator.cpuset", "this machine"]),
        (
            ("[request]", "[network]\nclient = { delay = \"1ms\" }\n[request]"),
            ["network", "relays are on this machine"],
        ),
        (("[request]", "[egress.slack]\nbuiltin = \"slack\"\n[request]"), ["egress", "on this machine"]),
        (("[stage.overhead]", "[stage.overhead]\ncpuset = [0]"), ["stage.overhead.cpuset", "this machine"]),
        (
            ("[stage.overhead]", "[stage.overhead]\nlimits = { pids = 9 }"),
            ["stage.overhead.limits.pids", "remove pids"],
        ),
        (("[stage.startup]", "[stage.artifact]"), ["stage.artifact", "does not run with a target in a pod yet"]),
        (("[stage.startup]", "[stage.soak]"), ["stage.soak", "does not run with a target in a pod yet"]),
        (
            ("[stage.startup]", "[stage.faults]\nfaults = [\"restart\"]"),
            ["stage.faults", "does not run on a fleet yet"],
        ),
        (("[request]", "[compare]\nagainst = \"other:1\"\n[request]"), ["fleet", "loads one target at a time"]),
    ] {
        refused(change, &words);
    }
    let outside = mistakes(&GOOD.replace("127.0.0.1:{port.admin}/ready", "{pod}:80/ready"), &[]);
    assert!(
        outside.len() == 1 && outside[0].contains("{pod} has no value: the target is not in a pod"),
        "{outside:#?}"
    );
}

#[test]
fn an_upstream_is_in_the_pod_too() {
    for (upstream, words) in [
        ("[upstream.builtin]\nunix = true", ["upstream.builtin.unix", "at the address of its pod"]),
        ("[upstream.builtin]\naddress = \"127.0.0.2\"", ["upstream.builtin.address", "at the address of its pod"]),
        ("[upstream.builtin]\ntls = true", ["upstream.builtin.tls", "certificates of the run"]),
        ("[upstream]\nurl = \"http://127.0.0.1:9000\"", ["upstream.url", "the arms would take different ways"]),
        ("[upstream]\nurl = \"http://{pod}:9000\"", ["upstream.url", "no container of the pod answers there"]),
    ] {
        refused(("[upstream.builtin]", upstream), &words);
    }
    for (app, upstream, words) in [
        (APP.to_owned(), "[upstream.builtin]", ["target.pod.app", "is a second upstream"]),
        (
            APP.replace("image = \"app:1\"\n", ""),
            "[upstream]\nurl = \"http://{pod}:9000\"",
            ["target.pod.app.image", "is missing"],
        ),
    ] {
        let found = mistakes(&with_app(&app, upstream), &[]);
        assert!(found.len() == 1 && words.iter().all(|word| found[0].contains(word)), "{words:?}: {found:#?}");
    }
}

#[test]
fn a_pod_names_its_program_and_its_limits() {
    let limits = "limits = { cpus = 0.5, memory = \"128MiB\" }\n";
    let lacking = mistakes(&POD.replace(limits, ""), &[]);
    let keys = ["target.pod.limits.cpus: is missing", "target.pod.limits.memory: is missing"];
    assert!(lacking.len() == 2 && keys.iter().all(|key| lacking.iter().any(|one| one.contains(key))), "{lacking:#?}");
    refused(("cpus = 0.5", "cpus = 0.001"), &["target.pod.limits.cpus", "must be at least 0.01"]);
    refused(("builtin:sidecar", "builtin:upstream"), &["target.pod.command.0", "does not run in a pod"]);
    refused((limits, &format!("image = \"a\"\n{limits}")), &["target.pod.image", "is in the image of [fleet]"]);
    let command = POD.lines().find(|line| line.starts_with("command")).unwrap();
    refused((command, ""), &["target.pod.image", "is missing"]);
    refused(
        (limits, &format!("sidecar = \"extra\"\n{limits}")),
        &["target.pod.sidecar", "must be one of native, plain"],
    );
}

/// Returns the scenario with the manifest of a pod instead, and its mistakes.
fn with_manifest(name: &str, manifest: &str, container: &str) -> (String, Vec<String>) {
    let folder = crate::support::Scratch::new();
    let path = folder.0.join(name);
    std::fs::write(&path, manifest).unwrap();
    let command = POD.lines().find(|line| line.starts_with("command")).unwrap();
    let text = POD
        .replace(command, &format!("manifest = \"{}\"\n{container}", path.display()))
        .replace("limits = { cpus = 0.5, memory = \"128MiB\" }\n", "")
        .replace("[upstream.builtin]", "[upstream]\nurl = \"http://{pod}:9000\"");
    let found = mistakes(&text, &[]);
    (text, found)
}

#[test]
fn a_manifest_of_the_authors_own_names_the_container_that_is_measured() {
    let yaml =
        "kind: Pod\nspec:\n  initContainers:\n  - name: proxy\n    image: proxy:1\n  containers:\n  - name: app\n";
    assert_eq!(with_manifest("pod.yaml", yaml, "container = \"proxy\"").1, [""; 0]);
    let json = r#"{ "kind": "Pod", "spec": { "containers": [{ "name": "proxy" }, { "name": "app" }] } }"#;
    assert_eq!(with_manifest("pod.json", json, "container = \"app\"").1, [""; 0]);
    for (manifest, container, words) in [
        (json, "", ["target.pod.container: is missing", "the pod has proxy, app"]),
        (json, "container = \"prxy\"", ["\"prxy\" is no container of the pod", "did you mean proxy?"]),
        ("{", "container = \"proxy\"", ["target.pod.manifest", "the manifest is not JSON"]),
        ("{ \"kind\": \"Job\" }", "container = \"proxy\"", ["target.pod.manifest", "but of kind \"Job\""]),
        (json, "container = \"proxy\"\nimage = \"a\"", ["target.pod.image", "belongs to a pod that the harness makes"]),
    ] {
        let (_, found) = with_manifest("pod.json", manifest, container);
        assert!(found.len() == 1 && words.iter().all(|word| found[0].contains(word)), "{words:?}: {found:#?}");
    }
    let (text, _) = with_manifest("pod.json", json, "container = \"proxy\"");
    let found = mistakes(&text.replace("[stage.startup]", "[stage.constrained]"), &[]);
    // The file is gone too.
    assert!(found.iter().any(|mistake| mistake.contains("a manifest of yours has limits of its own")), "{found:#?}");
}

#[test]
fn a_manifest_is_measured_as_it_is() {
    let folder = crate::support::Scratch::new();
    std::fs::write(folder.0.join("pod.json"), r#"{ "kind": "Pod", "spec": { "containers": [{ "name": "a" }] } }"#)
        .unwrap();
    let command = POD.lines().find(|line| line.starts_with("command")).unwrap();
    let manifest = format!("manifest = \"{}/pod.json\"\ncontainer = \"a\"", folder.0.display());
    let text = POD.replace(command, &manifest).replace("limits = { cpus = 0.5, memory = \"128MiB\" }\n", "");
    let found = mistakes(&text, &[]);
    assert!(found.len() == 1 && found[0].contains("upstream.builtin: cannot be added to a manifest"), "{found:#?}");
    let scenario = good(&text.replace("[upstream.builtin]", "[upstream]\nurl = \"http://{pod}:9000\""), &[]);
    let Launch::Pod(pod) = &scenario.target.launch else { panic!("{:?}", scenario.target) };
    let PodShape::Manifest { path, container, sha256 } = &pod.shape else { panic!("{pod:?}") };
    assert_eq!((path, container.as_str(), sha256.len()), (&folder.0.join("pod.json"), "a", 64));
    assert_eq!(pod.named(), "container a of pod.json");
}

/// Returns the digest of the plan with this manifest, which is always at one place, and the whole scenario as it is printed for debugging.
fn planned_with(folder: &crate::support::Scratch, name: &str, manifest: &str) -> (String, String) {
    let path = folder.0.join(name);
    std::fs::write(&path, manifest).unwrap();
    let command = POD.lines().find(|line| line.starts_with("command")).unwrap();
    let text = POD
        .replace(command, &format!("manifest = \"{}\"\ncontainer = \"proxy\"", path.display()))
        .replace("limits = { cpus = 0.5, memory = \"128MiB\" }\n", "")
        .replace("[upstream.builtin]", "[upstream]\nurl = \"http://{pod}:9000\"");
    let scenario = good(&text, &[]);
    let shown = format!("{scenario:?}");
    (scenario.facts.plan_sha256.unwrap(), shown)
}

#[test]
fn what_a_manifest_says_is_part_of_the_plan_and_its_values_are_not_shown() {
    let folder = crate::support::Scratch::new();
    let json = r#"{ "kind": "Pod", "spec": { "containers": [{ "name": "proxy", "image": "proxy:1",
                    "env": [{ "name": "TOKEN", "value": "hunter2" }] }] } }"#;
    let (digest, shown) = planned_with(&folder, "pod.json", json);
    assert!(!shown.contains("hunter2"), "a value of the environment is in the plan");
    assert_eq!(planned_with(&folder, "pod.json", &json.replace(' ', "  ")).0, digest, "only the layout differs");
    for (old, new) in [("proxy:1", "proxy:2"), ("hunter2", "hunter3"), ("TOKEN", "KEY")] {
        assert_ne!(planned_with(&folder, "pod.json", &json.replace(old, new)).0, digest, "{new}");
    }
    if cfg!(feature = "kubernetes") {
        let yaml = "kind: Pod\nspec:\n  containers:\n  - name: proxy\n    image: proxy:1\n";
        let digest = planned_with(&folder, "pod.yaml", yaml).0;
        let commented = yaml.replace("proxy:1", "proxy:1 # the release before");
        assert_eq!(planned_with(&folder, "pod.yaml", &format!("# ours\n{commented}")).0, digest);
        assert_ne!(planned_with(&folder, "pod.yaml", &yaml.replace("proxy:1", "proxy:2")).0, digest);
    }
}
