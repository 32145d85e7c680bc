//! Reads the manifest of a pod of the author's.

use std::path::Path;

use serde_json::Value;

use crate::measure::canonical::Json;
use harness_base::files;

/// Why a file is not the manifest of a pod.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManifestError {
    #[error("the manifest cannot be read: {0}")]
    Unreadable(std::io::Error),
    #[error("the manifest is not JSON: {0}")]
    Json(serde_json::Error),
    #[cfg(feature = "kubernetes")]
    #[error("the manifest is not YAML: {0}")]
    Yaml(String),
    #[cfg(not(feature = "kubernetes"))]
    #[error(
        "the manifest is YAML, and this harness was built without Kubernetes; write it as JSON (kubectl create --dry-run=client -o json -f FILE), \
         install a release, or build with --features kubernetes"
    )]
    NoYaml,
    #[error(
        "the manifest is not that of a Pod, but of kind {kind:?}; write the pod itself, without a Deployment or Job around it"
    )]
    NoPod { kind: String },
    #[cfg(feature = "kubernetes")]
    #[error("the manifest {} was changed after the scenario was read; start the run again", path.display())]
    Changed { path: std::path::PathBuf },
}

/// Reads a manifest: JSON if the name of its file ends with `.json`, and YAML otherwise.
///
/// # Errors
/// Returns why the file is not the manifest of one pod.
pub(crate) fn read(path: &Path) -> Result<Value, ManifestError> {
    let text = files::read_text(path).map_err(ManifestError::Unreadable)?;
    let is_json = path.extension().is_some_and(|extension| extension == "json");
    let pod = if is_json { serde_json::from_str(&text).map_err(ManifestError::Json)? } else { yaml(&text)? };
    match pod["kind"].as_str() {
        Some("Pod") => Ok(pod),
        other => Err(ManifestError::NoPod { kind: other.unwrap_or_default().to_owned() }),
    }
}

/// Reads a manifest again, which must say what it said when its SHA-256 was computed.
///
/// # Errors
/// Returns why the file is not the manifest of one pod, or that it says something else now.
#[cfg(feature = "kubernetes")]
pub(crate) fn read_again(path: &Path, sha256: &str) -> Result<Value, ManifestError> {
    let pod = read(path)?;
    if digest(&pod)? == sha256 { Ok(pod) } else { Err(ManifestError::Changed { path: path.to_owned() }) }
}

/// Returns the SHA-256 of what a manifest says, hexadecimal. Comments, the order of keys and the format of the file do not change it.
///
/// # Errors
/// Returns an error if a key is there twice.
pub(crate) fn digest(pod: &Value) -> Result<String, ManifestError> {
    let text = pod.to_string();
    let canonical: Json<'_> = serde_json::from_str(&text).map_err(ManifestError::Json)?;
    Ok(canonical.digest())
}

#[cfg(feature = "kubernetes")]
fn yaml(text: &str) -> Result<Value, ManifestError> {
    serde_saphyr::from_str(text).map_err(|error| ManifestError::Yaml(error.to_string()))
}

#[cfg(not(feature = "kubernetes"))]
fn yaml(_text: &str) -> Result<Value, ManifestError> {
    Err(ManifestError::NoYaml)
}

/// Lists the names of the containers of a pod, those that start first at the beginning.
pub(crate) fn containers(pod: &Value) -> Vec<&str> {
    let named = |list: &'static str| pod["spec"][list].as_array().into_iter().flatten();
    named("initContainers").chain(named("containers")).filter_map(|container| container["name"].as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn containers_are_listed_in_the_order_of_their_start() {
        let pod = json!({ "spec": { "containers": [{ "name": "app" }], "initContainers": [{ "name": "proxy" }, {}] } });
        assert_eq!(containers(&pod), ["proxy", "app"]);
        assert_eq!(containers(&json!({})), [""; 0]);
    }

    #[cfg(feature = "kubernetes")]
    #[test]
    fn a_manifest_that_was_changed_is_not_read_again() {
        let folder = std::env::temp_dir().join(format!("harness-changed-manifest-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("pod.json");
        let write = |text: &str| std::fs::write(&path, text).unwrap();
        write(r#"{ "kind": "Pod", "spec": { "containers": [{ "name": "a", "image": "a:1" }] } }"#);
        let pod = super::read(&path).unwrap();
        let sha256 = digest(&pod).unwrap();
        write(r#"{ "spec": { "containers": [{ "image": "a:1", "name": "a" }] }, "kind": "Pod" }"#);
        assert_eq!(read_again(&path, &sha256).unwrap(), pod, "the order of keys says nothing");
        write(r#"{ "kind": "Pod", "spec": { "containers": [{ "name": "a", "image": "a:2" }] } }"#);
        let refused = read_again(&path, &sha256).unwrap_err();
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(matches!(&refused, ManifestError::Changed { path: changed } if *changed == path), "{refused}");
    }

    #[test]
    fn a_file_that_is_no_pod_is_refused_with_its_kind() {
        let folder = std::env::temp_dir().join(format!("harness-manifest-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let read = |name: &str, text: &str| {
            std::fs::write(folder.join(name), text).unwrap();
            super::read(&folder.join(name)).map_err(|error| error.to_string())
        };
        let pod = json!({ "kind": "Pod", "spec": { "containers": [] } });
        assert_eq!(read("a.json", &pod.to_string()), Ok(pod));
        assert!(read("b.json", "{").unwrap_err().starts_with("the manifest is not JSON: "));
        assert!(read("c.json", "{ \"kind\": \"Deployment\" }").unwrap_err().contains("but of kind \"Deployment\""));
        let yaml = read("d.yaml", "kind: Pod\nspec:\n  containers:\n  - name: app\n");
        if cfg!(feature = "kubernetes") {
            assert_eq!(containers(&yaml.unwrap()), ["app"]);
        } else {
            assert!(yaml.unwrap_err().contains("--features kubernetes"));
        }
        assert!(super::read(&folder.join("none.yaml")).unwrap_err().to_string().contains("cannot be read"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
