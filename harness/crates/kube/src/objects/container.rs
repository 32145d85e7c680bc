//! Containers: what they run, as which user, and what they may use.

use harness_base::units::Bytes;
use serde_json::{Value, json};

use super::common::{Common, SECRET, secret_name};

/// The name of the container with the upstream.
pub const APP: &str = "app";

/// The folder into which the secret is mounted.
const FOLDER: &str = "/run/harness";
/// All users of a container may read the secret, because the agent has the user of the target.
const READABLE: u32 = 0o444;
/// The environment variable with the path of the file with the secret.
const SECRET_FILE_VARIABLE: &str = "HARNESS_FLEET_SECRET_FILE";

/// What a container may use. Kubernetes also reserves it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Size {
    pub cpus: f64,
    pub memory_bytes: u64,
}

/// A container beside the agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Container {
    /// The image; that of the run if absent.
    pub image: Option<String>,
    /// The program with its first arguments; the image's entrypoint if empty.
    pub command: Vec<String>,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    pub size: Size,
}

/// Describes a container that the scenario asks for. Requests equal limits, so that a pod of such containers is `Guaranteed`.
pub(super) fn described(common: &Common<'_>, name: &str, container: &Container) -> Value {
    let Container { image, command, args, env, size } = container;
    let mut described = ours(name, image.as_deref().unwrap_or(common.image), args);
    if !command.is_empty() {
        described["command"] = json!(command);
    }
    if !env.is_empty() {
        described["env"] = env.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    }
    described["resources"] = json!({ "requests": quantities(*size), "limits": quantities(*size) });
    described
}

/// Describes a container with an image and arguments, without privileges and without a way to get any.
pub(super) fn ours(name: &str, image: &str, args: &[String]) -> Value {
    let mut described = json!({
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": restricted(),
    });
    if !args.is_empty() {
        described["args"] = json!(args);
    }
    described
}

/// The rules for a container of the Pod Security Standard `restricted`; the rest of them is in the spec of the pod.
pub(super) fn restricted() -> Value {
    json!({ "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } })
}

/// Returns an amount of CPU and memory as Kubernetes writes it.
pub(super) fn quantities(size: Size) -> Value {
    json!({ "cpu": cpu(size.cpus), "memory": memory(size.memory_bytes) })
}

/// Writes CPUs in thousandths, at least one.
pub(super) fn cpu(cpus: f64) -> String {
    format!("{:.0}m", (cpus * 1000.0).round().max(1.0))
}

/// Writes whole mebibytes as such, and everything else in bytes.
pub(super) fn memory(bytes: u64) -> String {
    let mebi = Bytes::from_mebi(1).0;
    if bytes > 0 && bytes.is_multiple_of(mebi) { format!("{}Mi", bytes / mebi) } else { bytes.to_string() }
}

/// Lets a container read the secret: the variable with the path of its file, and where the folder is mounted.
pub(super) fn reads_secret(container: &mut Value) {
    container["volumeMounts"] = json!([{ "name": SECRET, "mountPath": FOLDER, "readOnly": true }]);
    container["env"] = json!([{ "name": SECRET_FILE_VARIABLE, "value": format!("{FOLDER}/{SECRET}") }]);
}

/// The volume that [`reads_secret`] mounts.
pub(super) fn secret_volume(common: &Common<'_>) -> Value {
    json!({ "name": SECRET, "secret": { "secretName": secret_name(common.run_id), "defaultMode": READABLE } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_exact() {
        assert_eq!(
            quantities(Size { cpus: 0.5, memory_bytes: 128 << 20 }),
            json!({ "cpu": "500m", "memory": "128Mi" })
        );
        assert_eq!((cpu(2.0).as_str(), cpu(0.0001).as_str(), cpu(0.25).as_str()), ("2000m", "1m", "250m"));
        assert_eq!((memory(1_000_000).as_str(), memory(3 << 30).as_str()), ("1000000", "3072Mi"));
    }
}
