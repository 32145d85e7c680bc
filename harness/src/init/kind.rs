//! Templates of scenarios for programs that are not looked at.

use std::path::Path;

use super::request::INITIALIZE;
use super::slots::{COMMAND, SERVER, SIDECAR, fill};

/// The kind of program that a template is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateKind {
    /// A program with an upstream.
    Sidecar,
    /// A program without an upstream.
    Server,
    /// A gateway for MCP with an upstream.
    Mcp,
    /// A command that runs to its end.
    Command,
}

const UPSTREAM: &str = "# What stands behind the program: the bundled upstream answers every path with 1 KiB and counts the requests that arrive.\n\
    [upstream.builtin]\nbody = \"1KiB\"";
const ENDPOINTS: &str = "proxy = \"http://127.0.0.1:{port.proxy}\"\n\
    health = \"http://127.0.0.1:{port.admin}/health\"\n\
    ready = \"http://127.0.0.1:{port.admin}/ready\"";
const FILES: &str = "# Templates: files of the program, in which placeholders such as {port.proxy} are filled in for each start; {file.NAME} in the command\n\
    # is the path of one.\n\
    # [target.files]\n# \"proxy.yaml\" = \"conf/proxy.yaml\"";

impl TemplateKind {
    /// Returns its word on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sidecar => "sidecar",
            Self::Server => "server",
            Self::Mcp => "mcp",
            Self::Command => "command",
        }
    }

    /// Writes the template as the scenario `name` in the file `shown`.
    pub fn scenario(self, name: &str, shown: &Path) -> String {
        let with_upstream = [
            "\"./my-proxy\"",
            "\"--listen\", \"127.0.0.1:{port.proxy}\"",
            "\"--admin\", \"127.0.0.1:{port.admin}\"",
            "\"--upstream\", \"{upstream.url}\"",
        ];
        let alone =
            ["\"./my-server\"", "\"--listen\", \"127.0.0.1:{port.proxy}\"", "\"--admin\", \"127.0.0.1:{port.admin}\""];
        let listed = |words: &[&str]| words.iter().map(|word| format!("    {word},")).collect::<Vec<_>>().join("\n");
        let (template, what, command, request) = match self {
            Self::Sidecar => (SIDECAR, "a sidecar", listed(&with_upstream), get("1024, upstream_hits = \"exact\"")),
            Self::Server => (SERVER, "a program", listed(&alone), get("1024")),
            Self::Mcp => (SIDECAR, "a gateway for MCP", listed(&with_upstream), initialize()),
            Self::Command => (COMMAND, "a command", String::new(), String::new()),
        };
        let upstream = if matches!(self, Self::Server) { "" } else { UPSTREAM };
        let slots: [(&str, &str); 8] = [
            ("what", what),
            ("file", &shown.display().to_string()),
            ("name", name),
            ("upstream", upstream),
            ("command", &command),
            ("files", FILES),
            ("endpoints", ENDPOINTS),
            ("request", &request),
        ];
        fill(template, &slots)
    }
}

fn get(expected: &str) -> String {
    format!("method = \"GET\"\npath = \"/\"\nexpect = {{ status = 200, length = {expected} }}")
}

fn initialize() -> String {
    format!(
        "method = \"POST\"\npath = \"/mcp\"\n\
         headers = {{ content-type = \"application/json\", accept = \"application/json, text/event-stream\" }}\n\
         body = '{INITIALIZE}'\n\
         expect = {{ status = 200, json = {{ present = [\"/result/serverInfo\"], absent = [\"/error\"] }}, upstream_hits = \"exact\" }}"
    )
}
