//! Reads the part of `[compare]` that changes the target.

use std::path::Path;

use super::container::check_network;
use super::met::Met;
use super::{Around, check_builtin, command};
use crate::spec::Section;
use harness_rig::target::spec::{External, ImageSpec, Launch, ProcessSpec, SERVER, Spec};
use harness_rig::target::template::Template;

/// The written keys of the base.
struct Written {
    against: Option<String>,
    command: Option<Vec<String>>,
    env: Vec<(String, String)>,
}

/// Reads the base: `head` with another program or image, other arguments or another environment. `None` if nothing of
/// it is written, or if it is invalid.
pub(in crate::scenario) fn read_base(section: &Section<'_>, head: &Spec, around: Around<'_>) -> Option<Spec> {
    let mut met = Met::default();
    let written = read_written(section, head, &mut met);
    let keys = ["against", "command", "env"];
    let first = keys.into_iter().find(|key| section.has(key))?;
    let launch = match &head.launch {
        // The substitute of the reader if the target itself has a mistake.
        Launch::External(External::Pid(0)) => return None,
        Launch::External(_) => {
            let hint = "let harness start the target with [target.process] or [target.container]".to_owned();
            section.mistake(first, "an external target runs already: no base can be started beside it", Some(hint));
            return None;
        }
        launch => changed(launch, written),
    };
    let base = Spec { launch, ..head.clone() };
    let generated = command::inputs(&head.launch);
    let names = head.files.iter().map(|(name, _)| name.as_str()).chain(generated).collect::<Vec<_>>();
    met.check_names(section, &names, around);
    met.check_address(section);
    met.check_pod(section, false);
    if let Launch::Container(container) = &base.launch {
        check_network(container, section, &met, around);
    }
    if let Launch::Command(_) = &base.launch {
        command::check_pieces(section, &met);
    } else if section.has("command") || section.has("env") {
        check_places(section, &base, if section.has("command") { "command" } else { "env" });
    }
    Some(base)
}

fn read_written(section: &Section<'_>, head: &Spec, met: &mut Met) -> Written {
    let against: Option<String> = section
        .field("against", "program or image that replaces the target's, to compare with; the same as --against")
        .check(|build: &String| if build.is_empty() { Err("must not be empty".to_owned()) } else { Ok(()) })
        .optional();
    let command: Option<Vec<String>> =
        section.field("command", "complete command of the base, instead of against").optional();
    let env: Vec<(String, String)> =
        section.field("env", "environment of the base, in addition to the target's").default(Vec::new());
    let typed = section.is_overridden("against");
    if against.is_some() && command.is_some() && !typed {
        let hint = "against replaces the first word of the target's command, command replaces all of it".to_owned();
        section.mistake("command", "only one of against and command can be given", Some(hint));
    }
    // The command line overrides the file.
    let command = command.filter(|_| against.is_none());
    let program = against.as_ref().or_else(|| command.as_ref()?.first());
    let is_image = is_image(&head.launch);
    if let Some(Err(message)) = program.filter(|_| !is_image).map(|program| check_builtin(program)) {
        section.mistake(if against.is_some() { "against" } else { "command.0" }, message, None);
    }
    let against = against.map(|build| if typed && !is_image { from_here(&build) } else { build });
    if let Some(build) = &against {
        met.note(section, "", "against", build);
    }
    let is_stdio = matches!(head.launch, Launch::Stdio(_));
    let is_server = |word: &str| is_stdio && word == SERVER;
    for (index, word) in command.iter().flatten().enumerate().filter(|(_, word)| !is_server(word)) {
        met.note(section, "", &format!("command.{index}"), word);
    }
    let is_process = matches!(head.launch, Launch::Process(_) | Launch::Command(_) | Launch::Stdio(_));
    if is_process && command.as_ref().is_some_and(|words| words.first().is_none_or(String::is_empty)) {
        section.mistake("command", "must name a program", None);
    }
    for (name, value) in &env {
        if name.is_empty() || name.contains(['=', '\0']) {
            section.mistake(&format!("env.{name}"), format!("{name:?} cannot name a variable"), None);
        }
        met.note(section, "", &format!("env.{name}"), value);
    }
    Written { against, command, env }
}

const fn is_image(launch: &Launch) -> bool {
    matches!(launch, Launch::Container(container) if matches!(container.image, ImageSpec::Image(_)))
}

/// Resolves a typed program relative to the current directory; a bare name that is not a file there is searched in
/// PATH. Braces in its path are not placeholders.
fn from_here(program: &str) -> String {
    let is_path = program.contains('/') || Path::new(program).is_file();
    if !is_path || program.starts_with("builtin:") || program.contains("${") {
        return program.to_owned();
    }
    let absolute =
        std::path::absolute(program).map_or_else(|_| program.into(), |path| path.to_string_lossy().into_owned());
    absolute.replace('{', "{{").replace('}', "}}")
}

/// Applies the keys of the base to the launch of the head.
fn changed(launch: &Launch, written: Written) -> Launch {
    let Written { against, command, env } = written;
    let mut launch = launch.clone();
    let own = match &mut launch {
        Launch::Process(process) => replaced(process, command, against),
        Launch::Container(container) => {
            container.command = command.unwrap_or_else(|| std::mem::take(&mut container.command));
            if let Some(build) = against {
                let (ImageSpec::Image(named) | ImageSpec::Binary(named)) = &mut container.image;
                *named = build;
            }
            &mut container.env
        }
        Launch::Command(command_line) => replaced(&mut command_line.run, command, against),
        Launch::Stdio(stdio) => replaced(&mut stdio.shim, command, against),
        // Two builds are refused with a fleet, and a pod has one.
        Launch::External(_) | Launch::Pod(_) => return launch,
    };
    own.retain(|(name, _)| !env.iter().any(|(new, _)| new == name));
    own.extend(env);
    launch
}

/// Replaces the command of a process, or its program only. Returns its environment.
fn replaced(
    process: &mut ProcessSpec,
    command: Option<Vec<String>>,
    against: Option<String>,
) -> &mut Vec<(String, String)> {
    process.command = command.unwrap_or_else(|| std::mem::take(&mut process.command));
    if let Some((program, first)) = against.zip(process.command.first_mut()) {
        *first = program;
    }
    &mut process.env
}

/// Checks that the base receives the ports and sockets of the endpoints, which are those of the target.
fn check_places(section: &Section<'_>, base: &Spec, key: &str) {
    let mut shown = Met::default();
    let (command, env) = match &base.launch {
        Launch::Process(process) => (&process.command, &process.env),
        Launch::Container(container) => (&container.command, &container.env),
        Launch::External(_) | Launch::Command(_) | Launch::Stdio(_) | Launch::Pod(_) => return,
    };
    let values = env.iter().map(|(_, value)| value);
    for template in command.iter().chain(values).filter_map(|text| Template::parse(text).ok()) {
        shown.add("", &template);
    }
    for (_, path) in &base.files {
        // An unreadable template is a mistake in the target; its placeholders stay unknown.
        let Ok(text) = std::fs::read_to_string(path) else { return };
        shown.add("", &Template::parse_file(&text));
    }
    let shown = shown.places();
    for place in places_of_endpoints(base).iter().filter(|place| !shown.contains(place)) {
        let message = format!("{place} is not passed to the base, but [target.endpoints] expects an answer there");
        section.mistake(key, message, Some(format!("pass {place} to it as to the target")));
    }
}

fn places_of_endpoints(spec: &Spec) -> Vec<String> {
    let mut asked = Met::default();
    let urls = &spec.endpoints;
    let urls = [Some(&urls.proxy), urls.health.as_ref(), urls.ready.as_ref()];
    for template in urls.into_iter().flatten().filter_map(|text| Template::parse(text).ok()) {
        asked.add("", &template);
    }
    let mut places = asked.places();
    places.dedup();
    places
}
