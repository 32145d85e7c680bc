//! Reads `[target.container]`.

use std::path::{Path, PathBuf};

use super::met::{Met, is_upstream};
use super::{Around, check_builtin};
use crate::spec::Section;
use harness_base::words::nearest;
use harness_rig::target::capability;
use harness_rig::target::spec::{ContainerSpec, ImageSpec, Network, Placed};
use harness_rig::target::template::Piece;

/// The process limits that engines know by name.
const ULIMITS: [&str; 15] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// Reads the table of a container to start.
pub(super) fn read(section: &Section<'_>, around: Around<'_>, met: &mut Met) -> ContainerSpec {
    let image = read_image(section, met);
    let command: Vec<String> = section
        .field("command", "arguments of the program of binary, or the command that replaces the image's")
        .default(Vec::new());
    let network: String = section
        .field(
            "network",
            "host, or bridge: reached at its own address {target.address}, never through a published port",
        )
        .one_of(&["host", "bridge"])
        .default("host".to_owned());
    let user = section.field("user", "user, or user:group, to run as; default: the image's").optional();
    let env = read_env(section, "container", met);
    for (index, word) in command.iter().enumerate() {
        met.note(section, "container", &format!("command.{index}"), word);
    }
    let files =
        section.field("files", "\"source:destination\": part of the image with binary, otherwise mounted read-only");
    let files = placed(section, "files", &files.default(Vec::new()), around.folder);
    let mounts = section.field("mounts", "\"source:destination\": mounted read-only");
    let mounts = placed(section, "mounts", &mounts.default(Vec::new()), around.folder);
    let network = if network == "bridge" { Network::Bridge } else { Network::Host };
    let ulimits = read_ulimits(section);
    let capabilities = read_capabilities(section);
    let cpuset = section.cpuset();
    ContainerSpec { image, command, network, user, env, files, mounts, ulimits, capabilities, cpuset }
}

/// Checks the addresses of a container on a bridge: the target has its own address, and reaches only servers that
/// listen on the bridge.
pub(super) fn check_network(container: &ContainerSpec, section: &Section<'_>, met: &Met, around: Around<'_>) {
    check_sockets(section, met, around);
    if container.network == Network::Host {
        return;
    }
    for key in ["proxy", "health", "ready"] {
        let path = format!("endpoints.{key}");
        let own = met.pieces(|piece| matches!(piece, Piece::TargetAddress | Piece::Variable { .. }));
        if section.peek("endpoints").is_some_and(|endpoints| endpoints.has(key))
            && !own.into_iter().any(|(at, _)| at == path)
        {
            let message = "a container on a bridge answers at its own address, not on loopback";
            section.mistake(&path, message, Some("write http://{target.address}:8080".to_owned()));
        }
    }
    if around.upstream_on_loopback
        && let Some((key, piece)) = met.pieces(is_upstream).next()
    {
        let message = format!("{} is on loopback, out of reach of a container on a bridge", piece.written());
        section.mistake(key, message, Some("use [upstream.builtin], or container.network = \"host\"".to_owned()));
    }
}

/// Refuses unix sockets, which a container does not share with this host.
fn check_sockets(section: &Section<'_>, met: &Met, around: Around<'_>) {
    for (key, socket) in met.pieces(|piece| matches!(piece, Piece::Socket(_))) {
        let message = format!("{}: a container does not share unix sockets with this host", socket.written());
        section.mistake(key, message, Some("write http://127.0.0.1:{port.proxy}".to_owned()));
    }
    if around.upstream_at_socket
        && let Some((key, piece)) = met.pieces(is_upstream).next()
    {
        let message =
            format!("{} is at a unix socket, which a container does not share with this host", piece.written());
        section.mistake(key, message, Some("remove unix = true from [upstream.builtin]".to_owned()));
    }
}

fn read_image(section: &Section<'_>, met: &mut Met) -> ImageSpec {
    let image: Option<String> =
        section.field("image", "an image that the engine has, for example \"nginx:1.29\"; never pulled").optional();
    let binary: Option<String> = section
        .field(
            "binary",
            "a program of this host, from which a minimal image is built; builtin:sidecar for the bundled one",
        )
        .optional();
    if !section.describing() {
        section.exactly_one(&["image", "binary"]);
    }
    for (key, text) in [("image", &image), ("binary", &binary)] {
        match text {
            Some(text) if text.is_empty() => section.mistake(key, "must not be empty", None),
            Some(text) => drop(met.note(section, "container", key, text)),
            None => {}
        }
    }
    if let Some(Err(message)) = binary.as_deref().map(check_builtin) {
        section.mistake("binary", message, None);
    }
    binary.map(ImageSpec::Binary).or(image.map(ImageSpec::Image)).unwrap_or_else(|| ImageSpec::Image(String::new()))
}

/// Reads the environment of a container at `prefix`, and collects its placeholders.
pub(super) fn read_env(section: &Section<'_>, prefix: &str, met: &mut Met) -> Vec<(String, String)> {
    let env: Vec<(String, String)> =
        section.field("env", "environment, in addition to the image's").default(Vec::new());
    for (name, value) in &env {
        if name.is_empty() || name.contains(['=', '\0']) {
            section.mistake(&format!("env.{name}"), format!("{name:?} cannot name a variable"), None);
        }
        met.note(section, prefix, &format!("env.{name}"), value);
    }
    env
}

fn read_ulimits(section: &Section<'_>) -> Vec<(String, u64)> {
    let ulimits: Vec<(String, u64)> =
        section.field("ulimits", "limits of its processes, for example { nofile = 1024 }").default(Vec::new());
    for (name, _) in ulimits.iter().filter(|(name, _)| !ULIMITS.contains(&name.as_str())) {
        let hint = nearest(name, ULIMITS)
            .map_or_else(|| format!("there are {}", ULIMITS.join(", ")), |near| format!("did you mean {near}?"));
        section.mistake(&format!("ulimits.{name}"), "is not a process limit", Some(hint));
    }
    ulimits
}

/// Reads the capabilities that the container keeps.
fn read_capabilities(section: &Section<'_>) -> Vec<String> {
    let written: Vec<String> = section
        .field(
            "capabilities",
            "Linux capabilities that it keeps, for example [\"NET_BIND_SERVICE\"]; all others are dropped",
        )
        .default(Vec::new());
    let known = |(index, name): (usize, &String)| {
        let plain = name.strip_prefix("CAP_").unwrap_or(name);
        if capability::NAMES.contains(&plain) {
            return Some(plain.to_owned());
        }
        let hint = nearest(plain, capability::NAMES).map_or_else(
            || "name each one, as in [\"NET_BIND_SERVICE\"]; man 7 capabilities lists them".to_owned(),
            |near| format!("did you mean {near}?"),
        );
        section.mistake(&format!("capabilities.{index}"), format!("{name:?} is not a capability"), Some(hint));
        None
    };
    written.iter().enumerate().filter_map(known).collect()
}

/// Reads `source:destination`, with the source relative to the scenario.
fn placed(section: &Section<'_>, key: &str, written: &[String], folder: &Path) -> Vec<Placed> {
    let read = |(index, text): (usize, &String)| {
        let at = format!("{key}.{index}");
        let Some((from, to)) = text.split_once(':').filter(|(from, to)| !from.is_empty() && to.starts_with('/')) else {
            let message = format!("{text:?} is not \"source:/destination\"");
            section.mistake(&at, message, Some("for example \"conf/ca.pem:/etc/ssl/ca.pem\"".to_owned()));
            return None;
        };
        let from = folder.join(from);
        if !from.exists() {
            let message = format!("there is no {}", from.display());
            section.mistake(&at, message, Some("paths are relative to the scenario".to_owned()));
        }
        Some(Placed { from, to: PathBuf::from(to) })
    };
    written.iter().enumerate().filter_map(read).collect()
}
