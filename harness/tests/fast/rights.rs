//! The rights of a fleet on Kubernetes, and commands that cannot reach a cluster.

use std::path::Path;
use std::process::Output;

use crate::scenario::pod::POD;
use crate::support::{Scratch, harness};
use harness_base::exit::Exit;

/// Runs a command without any cluster that it could reach.
fn typed(arguments: &[&str], folder: &Path) -> Output {
    let mut command = harness();
    command.env("KUBECONFIG", folder.join("none.yaml")).env("HOME", folder).env_remove("KUBERNETES_SERVICE_HOST");
    command.current_dir(folder).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_rights_are_those_of_one_namespace_and_never_read_secrets() {
    let folder = Scratch::new();
    let role = typed(&["fleet", "rbac", "--namespace", "bench"], &folder.0);
    assert!(role.status.success(), "{role:?}");
    let role = text(&role.stdout);
    assert!(role.contains("kind: Role\n") && role.contains("namespace: \"bench\""), "{role}");
    assert!(!role.contains("ClusterRole") && !role.contains('*') && !role.contains("RoleBinding"), "{role}");
    let bound = text(&typed(&["fleet", "rbac", "--subject", "ci:runner"], &folder.0).stdout);
    assert!(bound.contains("ServiceAccount") && bound.contains("\"default\""), "{bound}");
}

#[test]
fn a_cluster_that_is_not_there_is_an_error_of_tooling() {
    let folder = Scratch::new();
    std::fs::write(folder.0.join("x.toml"), POD).unwrap();
    for arguments in [&["fleet", "check", "x.toml"][..], &["clean", "--kubernetes", "--dry-run"]] {
        let output = typed(arguments, &folder.0);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(i32::from(Exit::Usage.code())), "{arguments:?}: {said}");
        assert!(said.starts_with("error: ") && output.stdout.is_empty(), "{arguments:?}: {said}");
    }
}

#[test]
fn a_target_in_a_pod_has_no_profile() {
    let folder = Scratch::new();
    std::fs::write(folder.0.join("x.toml"), POD).unwrap();
    let output = typed(&["run", "x.toml", "--profile"], &folder.0);
    assert_eq!(output.status.code(), Some(i32::from(Exit::InvalidInput.code())));
    assert!(text(&output.stderr).contains("--profile samples processes of this machine"), "{output:?}");
}

#[test]
fn a_place_in_a_cluster_is_only_cleaned_with_it() {
    let folder = Scratch::new();
    let output = typed(&["clean", "--namespace", "bench", "--dry-run"], &folder.0);
    assert_eq!(output.status.code(), Some(i32::from(Exit::Usage.code())), "{output:?}");
}
