//! Reads `[target.pod]`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Around;
use super::container::read_env;
use super::met::Met;
use crate::scenario::manifest;
use crate::scenario::stage::limits::{enough_cpus, enough_memory};
use crate::spec::{Field, Section};
use harness_base::units::Bytes;
use harness_base::words::nearest;
use harness_rig::target::spec::{AppSpec, BUNDLED_SIDECAR, ContainerLimits, MadePod, PodShape, PodSpec};
use harness_rig::target::template::Piece;

/// Keys of a pod that the harness makes.
const OF_MADE: [&str; 7] = ["image", "command", "env", "sidecar", "limits", "upstream", "app"];

/// What to write instead of a free port or a socket.
const PORT: &str = "write the number of the port: a pod has an address of its own";

/// Reads the table of a pod to start.
pub(super) fn read(section: &Section<'_>, around: Around<'_>, met: &mut Met) -> PodSpec {
    let about = "the manifest of a pod (YAML or JSON), to which only the agent is added; instead of image and command";
    let manifest: Option<PathBuf> = section.field("manifest", about).optional();
    let about = "with manifest: the name of its container that is measured";
    let container: Option<String> = section.field("container", about).optional();
    let agent = section.table("agent", "the agent, which samples the target from inside its pod");
    let agent = read_default_size(&agent, "what the agent requests, and at most gets", ContainerLimits::AGENT);
    if section.has("manifest") {
        let container = container.unwrap_or_default();
        let shape = read_manifest(section, &manifest.unwrap_or_default(), container, around.folder);
        return PodSpec { shape, agent };
    }
    if section.has("container") {
        let hint = "remove it, or name the manifest of a pod".to_owned();
        section.mistake("container", "is the name of a container in a manifest", Some(hint));
    }
    PodSpec { shape: PodShape::Made(Box::new(read_made(section, met))), agent }
}

fn read_manifest(section: &Section<'_>, path: &Path, container: String, folder: &Path) -> PodShape {
    for key in OF_MADE {
        let message = "belongs to a pod that the harness makes, and manifest names one of yours";
        section.refuse(key, message, "write it into the manifest, or remove manifest");
    }
    let path = folder.join(path);
    let found = manifest::read(&path).and_then(|pod| Ok((manifest::digest(&pod)?, pod)));
    let sha256 = match found {
        Ok((sha256, pod)) => {
            check_container(section, &pod, &container);
            sha256
        }
        Err(error) => {
            let hint = "paths are relative to the scenario".to_owned();
            section.mistake("manifest", error.to_string(), Some(hint));
            String::new()
        }
    };
    PodShape::Manifest { path, container, sha256 }
}

/// Checks that the pod of a manifest has the container that is measured.
fn check_container(section: &Section<'_>, pod: &Value, container: &str) {
    let names = manifest::containers(pod);
    if names.contains(&container) {
        return;
    }
    let there = || format!("the pod has {}", names.join(", "));
    if section.has("container") {
        let near = nearest(container, names.iter().copied());
        let hint = near.map_or_else(there, |near| format!("did you mean {near}?"));
        section.mistake("container", format!("{container:?} is no container of the pod"), Some(hint));
    } else {
        section.mistake("container", "is missing: it names the container that is measured", Some(there()));
    }
}

fn read_made(section: &Section<'_>, met: &mut Met) -> MadePod {
    let (image, command) = read_program(section, "pod", met);
    let env = read_env(section, "pod", met);
    let about = "native: an init container that is always restarted, so that it runs before the app; plain: a container beside the app";
    let sidecar: String = section.field("sidecar", about).one_of(&["native", "plain"]).default("native".to_owned());
    let limits = read_size(section);
    let upstream = section.table("upstream", "the bundled upstream in the same pod");
    let about = "what the bundled upstream requests, and at most gets";
    let upstream = read_default_size(&upstream, about, ContainerLimits::UPSTREAM);
    let app = section.optional_table("app", "the upstream in the same pod, instead of [upstream.builtin]");
    let app = app.map(|app| read_app(&app, met));
    if !section.describing() {
        check_program(section, image.as_deref(), &command);
    }
    MadePod { image, command, env, native: sidecar == "native", limits, upstream, app }
}

fn read_app(section: &Section<'_>, met: &mut Met) -> AppSpec {
    let (image, command) = read_program(section, "pod.app", met);
    let env = read_env(section, "pod.app", met);
    let limits = read_size(section);
    if command.first().is_some_and(|word| word.starts_with("builtin:")) {
        let hint = "remove app, and write [upstream.builtin]".to_owned();
        section.mistake("command.0", "the bundled upstream is not a program of yours", Some(hint));
    } else if image.is_none() && command.is_empty() && !section.describing() {
        section.mistake("image", "is missing", Some("name the image of the upstream".to_owned()));
    }
    AppSpec { image, command, env, limits }
}

/// Reads image and command of a container, and collects their placeholders.
fn read_program(section: &Section<'_>, prefix: &str, met: &mut Met) -> (Option<String>, Vec<String>) {
    let about = "an image that the cluster has or can pull; default: that of [fleet]";
    let some = |image: &String| if image.is_empty() { Err("must not be empty".to_owned()) } else { Ok(()) };
    let image: Option<String> = section.field("image", about).check(some).optional();
    let about = "program and arguments, no shell; default: those of the image";
    let command: Vec<String> = section.field("command", about).default(Vec::new());
    if let Some(image) = &image {
        met.note(section, prefix, "image", image);
    }
    for (index, word) in command.iter().enumerate() {
        met.note(section, prefix, &format!("command.{index}"), word);
    }
    (image, command)
}

fn read_size(section: &Section<'_>) -> ContainerLimits {
    let limits = section.table("limits", "what the container requests, and at most gets");
    ContainerLimits { cpus: cpus(&limits).required(), memory: memory(&limits).required() }
}

fn read_default_size(section: &Section<'_>, about: &'static str, default: ContainerLimits) -> ContainerLimits {
    let limits = section.table("limits", about);
    ContainerLimits { cpus: cpus(&limits).default(default.cpus), memory: memory(&limits).default(default.memory) }
}

fn cpus<'s, 'd>(limits: &'s Section<'d>) -> Field<'s, 'd, f64> {
    limits.field("cpus", "CPU time per wall time: 0.5 is half of one CPU").check(|cpus: &f64| enough_cpus(*cpus))
}

fn memory<'s, 'd>(limits: &'s Section<'d>) -> Field<'s, 'd, Bytes> {
    limits.field("memory", "memory, for example \"128MiB\"").check(|memory: &Bytes| enough_memory(*memory))
}

/// Checks what the target runs: a bundled program is in the image of the fleet, and any other needs an image or a command.
fn check_program(section: &Section<'_>, image: Option<&str>, command: &[String]) {
    match (command.first().map(String::as_str), image) {
        (Some(BUNDLED_SIDECAR), Some(_)) => {
            let message = format!("{BUNDLED_SIDECAR} is in the image of [fleet]");
            section.mistake("image", message, Some("remove it".to_owned()));
        }
        (Some(BUNDLED_SIDECAR), None) => {}
        (Some(program), _) if program.starts_with("builtin:") => {
            let hint = format!("write {BUNDLED_SIDECAR}, or the image of your sidecar");
            section.mistake("command.0", format!("{program:?} does not run in a pod"), Some(hint));
        }
        (None, None) => {
            let hint = format!("name the image of the sidecar, or write command = [\"{BUNDLED_SIDECAR}\"]");
            section.mistake("image", "is missing", Some(hint));
        }
        _ => {}
    }
}

/// Checks the placeholders of a target in a pod, and that it is reached at the address of the pod. `section` is that of the target.
pub(super) fn check(section: &Section<'_>, met: &Met, around: Around<'_>) {
    for (key, piece) in met.pieces(|_| true) {
        if let Some((message, hint)) = foreign(piece, around) {
            section.mistake(key, format!("{} {message}", piece.written()), Some(hint.to_owned()));
        }
    }
    for key in ["proxy", "health", "ready"] {
        let path = format!("endpoints.{key}");
        let mut known = met.pieces(|piece| matches!(piece, Piece::Pod | Piece::TargetAddress | Piece::Variable { .. }));
        if section.peek("endpoints").is_some_and(|endpoints| endpoints.has(key)) && !known.any(|(at, _)| at == path) {
            let message = "a target in a pod answers at the address of its pod";
            section.mistake(&path, message, Some("write http://{pod}:8080".to_owned()));
        }
    }
}

/// Returns why a placeholder has no value in a pod, and what to write instead.
const fn foreign(piece: &Piece, around: Around<'_>) -> Option<(&'static str, &'static str)> {
    match piece {
        Piece::Port(_) => Some(("is a free port of this machine", PORT)),
        Piece::Socket(_) | Piece::UpstreamPath => Some(("is a unix socket of this machine", PORT)),
        Piece::File(_) | Piece::Certificate(_) => Some((
            "is a file of this machine, which a pod does not see",
            "put the file into the image, or mount it in a manifest of yours",
        )),
        Piece::EgressProxy | Piece::EgressAuthority => {
            Some(("belongs to foreign hosts on this machine, which a pod does not reach", "remove it"))
        }
        Piece::TargetAddress => Some(("is the address of a container on this machine", "write {pod}")),
        Piece::UpstreamUrl | Piece::UpstreamAddress if !around.has_upstream => {
            Some(("has no meaning: the scenario has no [upstream]", "add [upstream.builtin]"))
        }
        _ => None,
    }
}
