//! Reads `[target.stdio]`.

use super::met::Met;
use super::{Around, check_builtin, names_program, note_words, read_env};
use crate::spec::Section;
use harness_rig::target::spec::{BUNDLED_SERVER, Endpoints, ProcessSpec, SERVER, STDIO_URL, StdioSpec};

pub(super) fn read(section: &Section<'_>, met: &mut Met) -> StdioSpec {
    const ABOUT: &str = "program and arguments that stand between a client and the server, for example [\"my-shim\", \"--\", \"{server}\"]; \
                         {server} becomes the program and the arguments of the server; no shell";
    let command: Vec<String> =
        section.field("command", ABOUT).check(|words: &Vec<String>| names_program(words)).required();
    let about = "program and arguments of the server, which speaks MCP on stdin and stdout; default: the bundled one";
    let server = section
        .field("server", about)
        .check(|words: &Vec<String>| names_program(words))
        .default(BUNDLED_SERVER.map(str::to_owned).to_vec());
    note_words(section, "stdio", "server", &server, met);
    note_command(section, &command, met);
    StdioSpec { shim: ProcessSpec { command, env: read_env(section, "stdio", met), cpuset: section.cpuset() }, server }
}

/// Checks the words of the shim's command, and collects their placeholders.
fn note_command(section: &Section<'_>, command: &[String], met: &mut Met) {
    if section.describing() || !section.has("command") {
        return;
    }
    if let Some(Err(message)) = command.first().filter(|first| *first != SERVER).map(|first| check_builtin(first)) {
        section.mistake("command.0", message, None);
    }
    for (index, word) in command.iter().enumerate().filter(|(_, word)| *word != SERVER) {
        met.note(section, "stdio", &format!("command.{index}"), word);
    }
    if !command.iter().any(|word| word == SERVER) {
        let hint = format!("add \"{SERVER}\" as a word of its own where the shim expects the server's program");
        section.mistake(
            "command",
            format!("does not name {SERVER}, so the shim would start another server"),
            Some(hint),
        );
    }
}

/// Refuses endpoints: the pipes are asked for at a socket of the harness.
pub(super) fn endpoints(section: &Section<'_>) -> Endpoints {
    section.refuse(
        "endpoints",
        "the target has pipes and no address",
        "remove it, or start a server with [target.process]",
    );
    Endpoints { proxy: STDIO_URL.to_owned(), ..Endpoints::default() }
}

/// Checks that the scenario has nothing that only a server with an address needs.
pub(super) fn check(section: &Section<'_>, around: Around<'_>) {
    if around.has_upstream {
        let hint = "remove [upstream], and name the server in [target.stdio]".to_owned();
        section.mistake("stdio", "starts its server itself, so the scenario can have no [upstream]", Some(hint));
    }
}
