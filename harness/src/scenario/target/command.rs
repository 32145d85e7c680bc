//! Reads `[target.command]`.

use std::path::PathBuf;

use super::met::Met;
use super::{Around, names_program, note_words, read_env};
use crate::spec::Section;
use harness_base::units::Bytes;
use harness_rig::target::spec::{CommandSpec, Content, Endpoints, Input, Launch, ProcessSpec};
use harness_rig::target::template::Piece;

/// The largest input, so that a mistake in a unit does not fill the disk.
const LARGEST: Bytes = Bytes::from_mebi(16 * 1024);
/// The largest number of files in a folder.
const MOST_FILES: u64 = 9_999;

pub(super) fn read(section: &Section<'_>, around: Around<'_>, met: &mut Met) -> CommandSpec {
    const ABOUT: &str = "program and arguments, for example [\"gzip\", \"--keep\", \"{file.data}\"]; no shell";
    let command = section.field("run", ABOUT).check(|words: &Vec<String>| names_program(words)).required();
    note_words(section, "command", "run", &command, met);
    let mut beside = |key: &'static str, about: &'static str| {
        let words: Vec<String> = section.field(key, about).default(Vec::new());
        note_words(section, "command", key, &words, met);
        words
    };
    let prepare = beside("prepare", "program and arguments that run before each run, and are not measured");
    let cleanup = beside("cleanup", "program and arguments that run after each run, and are not measured");
    let run = ProcessSpec { command, env: read_env(section, "command", met), cpuset: section.cpuset() };
    let about = "working folder, relative to the scenario; default: a new and empty one for each run";
    let folder: Option<PathBuf> = section.field("folder", about).optional();
    let folder = folder.map(|folder| around.folder.join(folder));
    CommandSpec { run, prepare, cleanup, folder, inputs: read_inputs(section) }
}

fn read_inputs(section: &Section<'_>) -> Vec<(String, Input)> {
    const ABOUT: &str = "a generated file or folder, whose path is {file.NAME}; its content depends on the seed";
    let sections = section.named("inputs", ABOUT);
    let read = |(name, input): (String, Section<'_>)| {
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if !plain || name.starts_with('.') {
            input.mistake("", format!("{name:?} must be a plain file name"), None);
        }
        let input = read_input(&input);
        (name, input)
    };
    sections.into_iter().map(read).collect()
}

fn read_input(section: &Section<'_>) -> Input {
    let size = section
        .field("size", "size of the file, or of each file of the folder")
        .check(|size: &Bytes| {
            if *size <= LARGEST { Ok(()) } else { Err(format!("must be at most {LARGEST}, is {}", size.notation())) }
        })
        .required();
    let files = section
        .field("count", "number of files in a folder; default: a single file")
        .check(|count: &u64| match *count {
            1..=MOST_FILES => Ok(()),
            other => Err(format!("must be 1 to {MOST_FILES}, is {other}")),
        })
        .optional();
    let words = Content::ALL.map(Content::word);
    let about = "what it contains: random bytes, which cannot be compressed, or text, which can";
    let word = section.field("content", about).one_of(&words).default(Content::Random.word().to_owned());
    let content = Content::ALL.into_iter().find(|content| content.word() == word).unwrap_or(Content::Random);
    Input { size, files, content }
}

/// Returns the names of the generated inputs of a command.
pub(super) fn inputs(launch: &Launch) -> Vec<&str> {
    match launch {
        Launch::Command(command) => command.inputs.iter().map(|(name, _)| name.as_str()).collect(),
        _ => Vec::new(),
    }
}

/// Refuses endpoints, which a command does not have.
pub(super) fn no_endpoints(section: &Section<'_>) -> Endpoints {
    section.refuse("endpoints", "a command answers no requests", "remove it, or start a server with [target.process]");
    Endpoints::default()
}

/// Checks that a command needs nothing that only a server has.
pub(super) fn check(section: &Section<'_>, met: &Met, around: Around<'_>) {
    if around.has_upstream {
        let hint = "remove it, or start a server with [target.process]".to_owned();
        section.mistake("command", "runs to its end, so the scenario can have no [upstream]", Some(hint));
    }
    check_pieces(section, met);
}

/// Refuses placeholders without a value.
pub(super) fn check_pieces(section: &Section<'_>, met: &Met) {
    // `{pod}` is refused for every target that is not in a pod.
    let is_foreign =
        |piece: &Piece| !matches!(piece, Piece::Text(_) | Piece::File(_) | Piece::Pod | Piece::Variable { .. });
    for (key, piece) in met.pieces(is_foreign) {
        let message = format!("{} has no value in a command", piece.written());
        section.mistake(key, message, Some("a command can use {file.NAME} and ${VAR}".to_owned()));
    }
}
