//! The container engine, as its own client sees it: the claims of a run are checked from outside.

#![allow(dead_code, reason = "every test file uses a part of it")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use harness_image as image;

/// Returns whether there is an engine. Without one, prints that the test is skipped, or fails if HARNESS_REQUIRE_DOCKER=1 is set.
pub fn there_is_an_engine(test: &str) -> bool {
    let found = docker(&["version", "--format", "{{.Server.APIVersion}}"]);
    if found.is_none() {
        let required = std::env::var("HARNESS_REQUIRE_DOCKER").is_ok_and(|value| value == "1");
        assert!(!required, "{test}: HARNESS_REQUIRE_DOCKER=1 and no container engine answers; try: docker version");
        eprintln!("SKIPPED {test}: no container engine answers; start one and run it again");
    }
    found.is_some()
}

/// Returns what `docker` prints, where it succeeds.
pub fn docker(args: &[&str]) -> Option<String> {
    let output = Command::new("docker").args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Containers, networks and images whose label `name` has this value, each with its kind.
pub fn labelled(label: &str) -> Vec<String> {
    let filter = format!("label={label}");
    let list = |kind: &str, args: &[&str]| {
        let args: Vec<&str> = args.iter().copied().chain(["--quiet", "--filter", &filter]).collect();
        let ids = docker(&args).unwrap_or_else(|| panic!("docker {args:?}"));
        ids.lines().map(|id| format!("{kind} {id}")).collect::<Vec<_>>()
    };
    let all = [list("container", &["ps", "--all"]), list("network", &["network", "ls"]), list("image", &["images"])];
    all.concat()
}

/// An image made of a program of this host, removed with the test.
pub struct Image(pub String);

impl Image {
    /// Makes it and has the engine load it.
    pub fn of(program: &Path, name: &str) -> Self {
        let folder = super::support::Scratch::new();
        let tag = format!("harness-test-{name}-{}:1", std::process::id());
        let (out, labels) = (folder.0.join("image.tar"), BTreeMap::new());
        let order = image::BuildRequest {
            executable: program,
            extra: &[],
            furnished: false,
            labels: &labels,
            tag: Some(&tag),
            out: &out,
        };
        image::build(&order).unwrap();
        docker(&["load", "--quiet", "--input", &out.display().to_string()]).expect("loaded");
        Self(tag)
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        docker(&["rmi", "--force", &self.0]);
    }
}
