//! `[target.pod]` of a scenario, as written.

use std::path::PathBuf;

use harness_base::units::Bytes;

/// The word of a command that stands for the bundled reference sidecar.
pub const BUNDLED_SIDECAR: &str = "builtin:sidecar";

/// A target in a pod of Kubernetes, with its upstream beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct PodSpec {
    pub shape: PodShape,
    /// The limits of the agent, which the harness adds to the pod.
    pub agent: ContainerLimits,
}

/// What a container of a pod requests, and at most gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ContainerLimits {
    /// CPU time per wall time: 0.5 is half of one CPU.
    pub cpus: f64,
    pub memory: Bytes,
}

/// Where a pod comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum PodShape {
    /// The harness makes it.
    Made(Box<MadePod>),
    /// A manifest of the author's, to which only the agent is added.
    Manifest {
        /// The file, absolute.
        path: PathBuf,
        /// The name of the container that is measured.
        container: String,
        /// The SHA-256 of what the file said when the scenario was read, hexadecimal. The content itself can have secrets.
        sha256: String,
    },
}

/// A pod that the harness makes. Each of its containers requests what it is limited to.
#[derive(Debug, Clone, PartialEq)]
pub struct MadePod {
    /// The image of the target; that of the fleet if absent.
    pub image: Option<String>,
    /// Program and arguments of the target; those of its image if empty. [`BUNDLED_SIDECAR`] first: the reference sidecar with these
    /// arguments, from the image of the fleet.
    pub command: Vec<String>,
    pub env: Vec<(String, String)>,
    /// Whether the target is a native sidecar: an init container that is always restarted and runs before the app.
    pub native: bool,
    pub limits: ContainerLimits,
    /// The limits of the bundled upstream, if that is beside it.
    pub upstream: ContainerLimits,
    /// The upstream beside it; absent if it is the bundled one, or there is none.
    pub app: Option<AppSpec>,
}

/// A container with an upstream of the author's.
#[derive(Debug, Clone, PartialEq)]
pub struct AppSpec {
    /// Its image; that of the fleet if absent.
    pub image: Option<String>,
    /// Program and arguments; those of its image if empty.
    pub command: Vec<String>,
    pub env: Vec<(String, String)>,
    pub limits: ContainerLimits,
}

impl ContainerLimits {
    /// What the agent gets by default. A reading takes less than a millisecond, but an agent that is throttled while it probes a target that
    /// starts would find out late.
    pub const AGENT: Self = Self { cpus: 1.0, memory: Bytes::from_mebi(128) };
    /// What the bundled upstream gets by default.
    pub const UPSTREAM: Self = Self { cpus: 1.0, memory: Bytes::from_mebi(256) };
}

impl PodSpec {
    /// Returns whether the target is the bundled reference sidecar.
    pub fn is_bundled(&self) -> bool {
        self.made().is_some_and(|made| made.command.first().is_some_and(|word| word == BUNDLED_SIDECAR))
    }

    /// Returns the pod if the harness makes it.
    pub fn made(&self) -> Option<&MadePod> {
        match &self.shape {
            PodShape::Made(made) => Some(made),
            PodShape::Manifest { .. } => None,
        }
    }

    /// Returns what is measured: the bundled sidecar, the image, or the container of the manifest.
    pub fn named(&self) -> String {
        match &self.shape {
            PodShape::Made(_) if self.is_bundled() => BUNDLED_SIDECAR.to_owned(),
            PodShape::Made(made) => made.image.clone().or_else(|| made.command.first().cloned()).unwrap_or_default(),
            PodShape::Manifest { path, container, sha256: _ } => {
                let file = path.file_name().unwrap_or(path.as_os_str());
                format!("container {container} of {}", file.to_string_lossy())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(shape: PodShape) -> PodSpec {
        PodSpec { shape, agent: ContainerLimits::AGENT }
    }

    #[test]
    fn a_target_in_a_pod_is_named_by_what_is_measured() {
        let made = |image: Option<&str>, command: &[&str]| {
            spec(PodShape::Made(Box::new(MadePod {
                image: image.map(str::to_owned),
                command: command.iter().map(|word| (*word).to_owned()).collect(),
                env: Vec::new(),
                native: true,
                limits: ContainerLimits { cpus: 0.5, memory: Bytes::from_mebi(128) },
                upstream: ContainerLimits::UPSTREAM,
                app: None,
            })))
        };
        let bundled = made(None, &[BUNDLED_SIDECAR, "--listen", "0.0.0.0:8080"]);
        assert_eq!((bundled.named().as_str(), bundled.is_bundled()), ("builtin:sidecar", true));
        let image = made(Some("proxy:1"), &["/proxy"]);
        assert_eq!((image.named().as_str(), image.is_bundled()), ("proxy:1", false));
        let (path, container) = (PathBuf::from("/a/pod.yaml"), "proxy".to_owned());
        let shape = PodShape::Manifest { path, container, sha256: String::new() };
        assert_eq!(spec(shape).named(), "container proxy of pod.yaml");
    }
}
