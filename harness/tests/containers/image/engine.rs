//! The container engine, by its own command, as a person would ask it.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

/// Returns whether an engine answers. Without one the test is skipped, loudly, unless it is required.
pub fn engine_or_skip() -> bool {
    let answers = Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]).output();
    let answers = answers.is_ok_and(|output| output.status.success());
    let required = std::env::var_os("HARNESS_REQUIRE_DOCKER").is_some_and(|value| value == "1");
    assert!(answers || !required, "HARNESS_REQUIRE_DOCKER=1, and no Docker engine answers; check with: docker version");
    if !answers {
        eprintln!("SKIPPED: no Docker engine answers; check with: docker version");
    }
    answers
}

pub fn docker(arguments: &[&str]) -> Output {
    Command::new("docker").args(arguments).output().unwrap()
}

pub fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap().trim().to_owned()
}

/// The name of an image of one test; the image is removed with it.
pub struct Tag(pub String);

impl Tag {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(format!("harness-test-image-{}:{number}", std::process::id()))
    }

    /// Loads an archive that carries this name.
    pub fn load(&self, archive: &Path) {
        let loaded = stdout(&docker(&["load", "--input", archive.to_str().unwrap()]));
        assert!(loaded.contains(&self.0), "{loaded}");
    }

    /// Runs the image without a network.
    pub fn run(&self, options: &[&str], arguments: &[&str]) -> Output {
        let fixed = ["run", "--rm", "--network", "none", "--label", "harness-test"];
        docker(&[&fixed[..], options, &[self.0.as_str()], arguments].concat())
    }
}

impl Drop for Tag {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["image", "rm", "--force", &self.0]).output();
    }
}
