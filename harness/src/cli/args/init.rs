//! Defines the command line of `harness init`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

const EXAMPLES: &str = "Examples:
  harness init -- ./my-proxy --listen 127.0.0.1:9000 --upstream http://127.0.0.1:9001
  harness init --path /api/v1 -- nginx -c nginx.conf
  harness init --kind sidecar --out bench/my-proxy.toml

The program is started in an empty folder, as in a run. The bundled upstream
listens at the loopback addresses that the command and the files it names
contain, unless the program itself listens there.";

/// Arguments of `harness init`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct InitArgs {
    /// The program and its arguments, as you start it
    #[arg(last = true, value_name = "COMMAND", required_unless_present = "kind", conflicts_with = "kind")]
    pub(in crate::cli) command: Vec<String>,
    /// Write a template without starting anything
    #[arg(long, value_enum, value_name = "KIND", conflicts_with = "path")]
    pub(in crate::cli) kind: Option<InitKind>,
    /// The scenario file to write [default: scenarios/NAME.toml]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Name of the scenario [default: that of the program]
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(in crate::cli) name: Option<String>,
    /// Path of the request [default: / and the usual ones of MCP are tried]
    #[arg(long, value_name = "PATH", value_parser = path)]
    pub(in crate::cli) path: Option<String>,
    /// Replace files that exist
    #[arg(long)]
    pub(in crate::cli) force: bool,
}

/// The kind of program that a template is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum InitKind {
    /// A program with an upstream
    Sidecar,
    /// A program without an upstream
    Server,
    /// A gateway for MCP
    Mcp,
    /// A command that runs to its end
    Command,
}

fn name(text: &str) -> Result<String, String> {
    let is_name = harness_base::names::is_name(text);
    if is_name { Ok(text.to_owned()) } else { Err("must be 1 to 64 letters, digits, - or _".to_owned()) }
}

fn path(text: &str) -> Result<String, String> {
    let is_path = text.starts_with('/') && !text.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    if is_path {
        Ok(text.to_owned())
    } else {
        Err("must begin with / and have no spaces, for example /api/v1".to_owned())
    }
}
