//! Implements `harness node`: sends the load that the hub of a run orders.

use std::path::PathBuf;

use nix::sys::prctl::set_dumpable;

use super::args::{JoinArgs, NodeAction, NodeArgs};
use super::error::{Error, print_note};
use harness_base::exit::Exit;
use harness_base::files;
use harness_base::units::Nanos;
use harness_fleet::node::{JoinOptions, Served, join};
use harness_fleet::secret::{NODE_FILE_VARIABLE, NODE_VARIABLE, NodeSecret, SecretError};
use harness_rig::{environment, target};

/// Why a node or an agent cannot join.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("--wait {text}: {message}; write for example --wait 60s")]
    Wait { text: String, message: String },
    #[error(
        "a node needs the secret of its fleet, and neither {NODE_VARIABLE} nor {NODE_FILE_VARIABLE} is set; harness fleet secret prints it where the \
         run is started"
    )]
    NoSecret,
    #[error("{NODE_FILE_VARIABLE}: {path} cannot be read")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Secret(#[from] SecretError),
}

pub(super) fn node(args: &NodeArgs) -> Result<Exit, Error> {
    match &args.action {
        NodeAction::Join(args) => run(args),
    }
}

/// Joins, and returns when the run has ended.
fn run(args: &JoinArgs) -> Result<Exit, Error> {
    let wait = Nanos::parse(&args.wait)
        .map_err(|error| Error::input(&Refused::Wait { text: args.wait.clone(), message: error.to_string() }))?;
    let secret = only_secret()?;
    let options =
        JoinOptions { hub: args.hub.clone(), name: args.name.clone(), wait, secret, exe: target::own_binary() };
    let Served { instances } = join(options).map_err(|error| Error::tooling(&error))?;
    let many = if instances == 1 { "" } else { "s" };
    print_note(&format!("the run has ended; this node sent the load of {instances} instance{many}"));
    Ok(Exit::Pass)
}

/// Reads the secret of a node, and removes everything else from the environment: it is of no use to a node, and its children could read it. A
/// target beside it that runs as the same user can neither read its memory nor, through its root, the file of the secret.
pub(super) fn only_secret() -> Result<NodeSecret, Error> {
    set_dumpable(false).map_err(|errno| Error::tooling(&std::io::Error::from(errno)))?;
    let secret = secret().map_err(|error| Error::input(&error))?;
    environment::forget_secrets([]).map_err(|error| Error::tooling(&error))?;
    Ok(secret)
}

/// Reads the secret from the environment, or from the file that it names.
fn secret() -> Result<NodeSecret, Refused> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(text) = variable(NODE_VARIABLE) {
        return Ok(NodeSecret::read(&text)?);
    }
    let path = PathBuf::from(variable(NODE_FILE_VARIABLE).ok_or(Refused::NoSecret)?);
    let text = files::read_text(&path).map_err(|source| Refused::Unreadable { path, source })?;
    Ok(NodeSecret::read(&text)?)
}
