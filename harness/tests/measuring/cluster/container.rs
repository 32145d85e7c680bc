//! Starts the process of a container: what its image would run, with its arguments, environment and the files of its secrets.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::groups::Group;
use super::sandbox::{Sandbox, bound};
use super::shared::Shared;
use super::status;
use super::store::Kind;

/// The variable by which a process of this stand-in is found.
const MARK: &str = "HARNESS_STAND_IN";

/// A process of a container that was started.
pub(super) struct Started {
    pub(super) child: Child,
    pub(super) group: Option<Group>,
}

/// Starts a container with this id: in a sandbox in a control group of its own, otherwise beside the other processes of this machine.
///
/// # Errors
/// Returns an error when no group can be made, or the program cannot be started.
pub(super) fn start(
    shared: &Shared,
    pod: &Value,
    container: &Value,
    sandbox: Option<&Sandbox>,
    id: &str,
    log: &Path,
) -> io::Result<Started> {
    let env = environment(shared, pod, container);
    let mut argv: Vec<String> = [&container["command"], &container["args"]]
        .into_iter()
        .flat_map(|words| words.as_array().cloned().unwrap_or_default())
        .map(|word| expand(word.as_str().unwrap_or_default(), &env))
        .collect();
    // Without a command, it is that of the image, which is the harness.
    let harness = PathBuf::from(env!("CARGO_BIN_EXE_harness"));
    let program = if container["command"].is_array() { PathBuf::from(argv.remove(0)) } else { harness };
    let group = sandbox.map(|_| Group::create(id, status::limits(container))).transpose()?;
    let mut command = match (sandbox, &group) {
        (Some(sandbox), Some(group)) => sandbox.command(&group.entrances(), &program),
        _ => outside(shared, pod, &program),
    };
    fs::create_dir_all(log.parent().unwrap_or(log))?;
    let output = File::create(log)?;
    command.args(argv).env_clear().envs(env).stdout(output.try_clone()?).stderr(output);
    let child = command.spawn();
    if child.is_err() {
        group.iter().for_each(Group::remove);
    }
    Ok(Started { child: child?, group })
}

/// Returns the command of a program of a pod that shares no processes. Its monotonic clock differs by days, as between machines.
fn outside(shared: &Shared, pod: &Value, program: &Path) -> Command {
    if !shared.shifts_clocks {
        return bound(&program.display().to_string());
    }
    let days = match pod["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"].as_str() {
        Some(index) => 3 + 4 * index.parse::<u64>().unwrap_or(0),
        None => 1,
    };
    let mut command = bound("unshare");
    command.args(["--time", "--monotonic", &(days * 86_400).to_string(), "--fork", "--kill-child"]).arg(program);
    command
}

/// Returns the variables of a container, in the order in which they are stated.
fn environment(shared: &Shared, pod: &Value, container: &Value) -> Vec<(String, String)> {
    let own = |name: &str, value: String| (name.to_owned(), value);
    let mut env = vec![
        own("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
        own("HOSTNAME", pod["metadata"]["name"].as_str().unwrap_or_default().to_owned()),
        own(MARK, shared.folder.display().to_string()),
    ];
    if let Some(index) = pod["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"].as_str() {
        env.push(own("JOB_COMPLETION_INDEX", index.to_owned()));
    }
    let mounts = mounts(shared, pod, container);
    for variable in container["env"].as_array().into_iter().flatten() {
        let value = match variable["value"].as_str() {
            Some(value) => expand(value, &env),
            None => field(shared, pod, variable["valueFrom"]["fieldRef"]["fieldPath"].as_str().unwrap_or_default()),
        };
        env.push((variable["name"].as_str().unwrap_or_default().to_owned(), elsewhere(value, &mounts)));
    }
    env
}

/// Returns a field of the pod, as the downward API gives it.
fn field(shared: &Shared, pod: &Value, path: &str) -> String {
    match path {
        "metadata.namespace" => shared.namespace.clone(),
        path => {
            let value = path.split('.').fold(pod, |value, key| &value[key]);
            value.as_str().unwrap_or_default().to_owned()
        }
    }
}

/// Replaces `$(NAME)` by the value of a variable; a name that is none stays.
fn expand(text: &str, env: &[(String, String)]) -> String {
    env.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("$({name})"), value))
}

/// Writes the secrets of a container to files. Returns where it expects each volume, and where it is.
fn mounts(shared: &Shared, pod: &Value, container: &Value) -> Vec<(String, PathBuf)> {
    let volumes = pod["spec"]["volumes"].as_array().cloned().unwrap_or_default();
    let mut found = Vec::new();
    for mount in container["volumeMounts"].as_array().into_iter().flatten() {
        let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]);
        let secret = volume.and_then(|volume| volume["secret"]["secretName"].as_str());
        if let (Some(secret), Some(path)) = (secret, mount["mountPath"].as_str()) {
            found.push((path.to_owned(), written(shared, secret)));
        }
    }
    found
}

/// Writes a secret to files. Returns their folder.
fn written(shared: &Shared, secret: &str) -> PathBuf {
    let folder = shared.folder.join("secrets").join(secret);
    fs::create_dir_all(&folder).unwrap();
    let data = shared.with(|store| store.get(Kind::Secret, secret).map(|secret| secret["data"].clone()));
    for (key, value) in data.iter().filter_map(Value::as_object).flatten() {
        fs::write(folder.join(key), STANDARD.decode(value.as_str().unwrap_or_default()).unwrap()).unwrap();
    }
    folder
}

/// Returns a path of a container as it is here.
fn elsewhere(value: String, mounts: &[(String, PathBuf)]) -> String {
    let here = mounts.iter().find_map(|(mount, folder)| {
        let rest = value.strip_prefix(mount.as_str())?;
        (rest.is_empty() || rest.starts_with('/')).then(|| format!("{}{rest}", folder.display()))
    });
    here.unwrap_or(value)
}
