//! Reads `[target]` and `[upstream]`.

mod base;
mod command;
mod container;
mod met;
mod pod;
mod stdio;
mod upstream;

use std::path::{Path, PathBuf};

use super::fleet::may_reach;
use crate::spec::Section;
use harness_base::units::Nanos;
use harness_fleet::spec::Range;
use harness_rig::target::loopback::{self, LoopbackError};
use harness_rig::target::spec::{Endpoints, External, Launch, ProcessSpec, Spec};
use harness_rig::target::template::{Piece, Template};

use met::{Met, is_place};

pub(super) use base::read_base;
pub(super) use upstream::{read_builtin, read_upstream};

/// Parts of the scenario that a target depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around<'a> {
    /// Folder of the scenario, absolute; relative paths start here.
    pub folder: &'a Path,
    /// Whether the scenario has an upstream, so that `{upstream.url}` has a value.
    pub has_upstream: bool,
    /// Whether the upstream listens on loopback only, where a container on a bridge cannot reach it.
    pub upstream_on_loopback: bool,
    /// Whether the upstream listens at a unix socket, which no container can reach.
    pub upstream_at_socket: bool,
    /// Whether the scenario has foreign hosts, so that `{egress.proxy}` has a value.
    pub has_egress: bool,
    /// The addresses that may be loaded besides loopback.
    pub reach: &'a [Range],
}

/// Reads `[target]`.
pub(super) fn read_target(section: &Section<'_>, around: Around<'_>) -> Spec {
    let mut met = Met::default();
    let deadline = section
        .field("deadline", "a launch that is not ready after this time has failed")
        .check(|span: &Nanos| positive(*span))
        .default(Nanos::from_secs(10));
    let stop_within = section
        .field("stop_within", "time between SIGTERM and SIGKILL when the target is stopped")
        .check(|span: &Nanos| positive(*span))
        .default(Nanos::from_secs(5));
    let launch = read_launch(section, around, &mut met);
    let files = read_files(section, around, &mut met);
    let passed_on = met.places();
    let endpoints = match &launch {
        Some(Launch::Command(_)) if !section.describing() => command::no_endpoints(section),
        Some(Launch::Stdio(_)) if !section.describing() => stdio::endpoints(section),
        _ => read_endpoints(&section.table("endpoints", "where it answers"), around.reach, &mut met),
    };
    let generated = launch.as_ref().map(command::inputs).unwrap_or_default();
    let names = files.iter().map(|(name, _)| name.as_str()).chain(generated).collect::<Vec<_>>();
    let in_pod = matches!(launch, Some(Launch::Pod(_)));
    met.check_pod(section, in_pod);
    if !in_pod {
        met.check_names(section, &names, around);
        met.check_address(section);
    }
    match &launch {
        Some(Launch::Process(process)) if !process.command.is_empty() => {
            met.check_places(section, &passed_on, "endpoints");
        }
        Some(Launch::Container(container)) => {
            met.check_places(section, &passed_on, "endpoints");
            container::check_network(container, section, &met, around);
        }
        Some(Launch::External(_)) => check_external(section, &met, &files),
        Some(Launch::Command(_)) => command::check(section, &met, around),
        Some(Launch::Stdio(_)) => stdio::check(section, around),
        Some(Launch::Pod(_)) => pod::check(section, &met, around),
        _ => {}
    }
    let launch = launch.unwrap_or(Launch::External(External::Pid(0)));
    Spec { deadline, stop_within, launch, files, endpoints }
}

/// Returns whether the command, the environment or a file of a target names the upstream, so that it can be told another address.
pub(super) fn is_told_upstream(spec: &Spec) -> bool {
    let (command, env) = match &spec.launch {
        Launch::Process(process) => (&process.command, &process.env),
        Launch::Container(container) => (&container.command, &container.env),
        Launch::External(_) | Launch::Command(_) | Launch::Stdio(_) => return false,
        // A pod is never measured over relays, which are on this machine.
        Launch::Pod(_) => return true,
    };
    let names = |template: Template| template.pieces().iter().any(met::is_upstream);
    let texts = command.iter().chain(env.iter().map(|(_, value)| value));
    let mut templates = texts.filter_map(|text| Template::parse(text).ok());
    // An unreadable template is a mistake in the target; its placeholders stay unknown.
    let is_named = |(_, path): &(String, PathBuf)| {
        std::fs::read_to_string(path).map_or(true, |text| names(Template::parse_file(&text)))
    };
    templates.any(names) || spec.files.iter().any(is_named)
}

/// Reads the table of a program to start.
fn read_process(section: &Section<'_>, prefix: &str, met: &mut Met) -> ProcessSpec {
    const ABOUT: &str = "program and arguments, for example [\"my-proxy\", \"--port\", \"{port.proxy}\"]; no shell";
    let command = section.field("command", ABOUT).check(|words: &Vec<String>| names_program(words)).required();
    note_words(section, prefix, "command", &command, met);
    ProcessSpec { command, env: read_env(section, prefix, met), cpuset: section.cpuset() }
}

/// Refuses a command without a program.
fn names_program(words: &[String]) -> Result<(), String> {
    let named = words.first().is_some_and(|program| !program.is_empty());
    if named { Ok(()) } else { Err("must name a program".to_owned()) }
}

/// Checks the program of a command at `key`, and collects the placeholders of its words.
fn note_words(section: &Section<'_>, prefix: &str, key: &str, words: &[String], met: &mut Met) {
    if let Some(Err(message)) = words.first().map(|program| check_builtin(program)) {
        section.mistake(&format!("{key}.0"), message, None);
    }
    for (index, word) in words.iter().enumerate() {
        met.note(section, prefix, &format!("{key}.{index}"), word);
    }
}

fn read_env(section: &Section<'_>, prefix: &str, met: &mut Met) -> Vec<(String, String)> {
    let env: Vec<(String, String)> =
        section.field("env", "environment, in addition to PATH, HOME and TMPDIR").default(Vec::new());
    for (name, value) in &env {
        if name.is_empty() || name.contains(['=', '\0']) {
            section.mistake(&format!("env.{name}"), format!("{name:?} cannot name a variable"), None);
        }
        met.note(section, prefix, &format!("env.{name}"), value);
    }
    env
}

fn positive(span: Nanos) -> Result<(), String> {
    if span > Nanos::ZERO { Ok(()) } else { Err("must be longer than 0".to_owned()) }
}

fn check_builtin(program: &str) -> Result<(), String> {
    const BUILTINS: [&str; 4] = ["builtin:sidecar", "builtin:upstream", "builtin:command", "builtin:echo"];
    let unknown = program.starts_with("builtin:") && !BUILTINS.contains(&program);
    if unknown { Err(format!("{program:?} is not bundled; there are {}", BUILTINS.join(", "))) } else { Ok(()) }
}

/// Reads how the target is launched; `None` if that is missing, which is a mistake.
fn read_launch(section: &Section<'_>, around: Around<'_>, met: &mut Met) -> Option<Launch> {
    if !section.describing() {
        section.exactly_one(&["process", "container", "external", "command", "stdio", "pod"]);
    }
    let external = section.optional_table("external", "a process that already runs and is never stopped");
    let external = external.map(|external| Launch::External(read_external(&external)));
    let process = section.optional_table("process", "a program to start");
    let process = process.map(|process| Launch::Process(read_process(&process, "process", met)));
    let container = section.optional_table("container", "a container to start");
    let container = container.map(|container| Launch::Container(container::read(&container, around, met)));
    let command = section.optional_table("command", "a program that runs to its end, once per measurement");
    let command = command.map(|command| Launch::Command(command::read(&command, around, met)));
    let stdio =
        section.optional_table("stdio", "a program that stands between a client and a server on its stdin and stdout");
    let stdio = stdio.map(|stdio| Launch::Stdio(stdio::read(&stdio, met)));
    let pod = section.optional_table("pod", "a pod of Kubernetes to start, with the target and its upstream");
    let pod = pod.map(|pod| Launch::Pod(pod::read(&pod, around, met)));
    process.or(container).or(external).or(command).or(stdio).or(pod)
}

fn read_external(section: &Section<'_>) -> External {
    let pid =
        section
            .field("pid", "its process id")
            .check(|pid: &u64| {
                if *pid > 1 { Ok(()) } else { Err(format!("{pid} is not the id of a process that can be measured")) }
            })
            .optional();
    let port = section
        .field("port", "TCP port it listens on")
        .check(|port: &u64| if (1..=65_535).contains(port) { Ok(()) } else { Err(format!("{port} is not a TCP port")) })
        .optional();
    if !section.describing() {
        section.exactly_one(&["pid", "port"]);
    }
    pid.map(External::Pid).or(port.map(External::Port)).unwrap_or(External::Pid(0))
}

/// Reads the files, with absolute paths of their templates.
fn read_files(section: &Section<'_>, around: Around<'_>, met: &mut Met) -> Vec<(String, PathBuf)> {
    let written: Vec<(String, PathBuf)> = section
        .field(
            "files",
            "templates rendered into the run directory; {file.NAME} in command, env and other files is the path",
        )
        .default(Vec::new());
    for (name, path) in &written {
        let key = format!("files.{name}");
        let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
        if !name.split('/').all(plain) {
            section.mistake(&key, format!("{name:?} must be a file name below the run directory"), None);
        }
        match std::fs::read_to_string(around.folder.join(path)) {
            Ok(text) => met.add(&key, &Template::parse_file(&text)),
            Err(error) => {
                met.broken = true;
                let message = format!("cannot read {}: {error}", path.display());
                section.mistake(&key, message, Some("paths are relative to the scenario".to_owned()));
            }
        }
    }
    written.into_iter().map(|(name, path)| (name, around.folder.join(path))).collect()
}

fn read_endpoints(section: &Section<'_>, reach: &[Range], met: &mut Met) -> Endpoints {
    let proxy: String = section
        .field("proxy", "where requests go, for example \"http://127.0.0.1:{port.proxy}\" or \"unix://{socket.proxy}\"")
        .required();
    let health = section.field("health", "URL that answers 2xx once it is alive").optional();
    let ready = section.field("ready", "URL that answers 2xx once it can serve").optional();
    let written = [("proxy", Some(&proxy)), ("health", health.as_ref()), ("ready", ready.as_ref())];
    for (key, text) in written.into_iter().filter_map(|(key, text)| Some((key, text?))) {
        if text.is_empty() && !section.has(key) {
            continue;
        }
        if let Some(template) = met.note(section, "endpoints", key, text) {
            let base_only = key == "proxy";
            if let Err(error) = check_url(&template, base_only, reach) {
                section.mistake(key, error.to_string(), Some("for example http://127.0.0.1:{port.proxy}".to_owned()));
            }
        }
    }
    Endpoints { proxy, health, ready, others: Vec::new() }
}

/// Checks that traffic may go to a URL.
fn check_url(template: &Template, base_only: bool, reach: &[Range]) -> Result<(), LoopbackError> {
    loopback::check_within(template, base_only, &|address| may_reach(reach, address))
}

fn check_external(section: &Section<'_>, met: &Met, files: &[(String, PathBuf)]) {
    if !files.is_empty() {
        section.mistake("files", "an external target runs already and cannot read these files", None);
    }
    for (key, place) in met.pieces(is_place) {
        let (what, hint) = match place {
            Piece::Socket(_) => ("free socket", "write the path of its socket"),
            _ => ("free port", "write the port it listens on"),
        };
        let message = format!("{} cannot be a {what}: an external target listens already", place.written());
        section.mistake(key, message, Some(hint.to_owned()));
    }
}
