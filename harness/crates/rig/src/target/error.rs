//! Errors of launching a target.

use std::net::IpAddr;
use std::path::PathBuf;

use super::container::error::Error as ContainerError;
use super::placeholders;
use super::ports::Owner;
use super::url::UrlError;

/// The reason why a target could not be launched.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A placeholder of the scenario cannot be replaced.
    #[error("{key}: {cause}")]
    Placeholder {
        /// The key of the text, for example `target.process.command`.
        key: String,
        cause: placeholders::Error,
    },
    /// An endpoint is not a URL that can be probed.
    #[error("{key}: {url:?} {cause}")]
    Url {
        key: String,
        /// The text with its placeholders replaced.
        url: String,
        cause: UrlError,
    },
    /// Another process listens on a port of the target.
    #[error("port {port} is already taken{}; {}", by.as_ref().map_or_else(String::new, |by| format!(" by {by}")), free_it(*port, by.as_ref()))]
    PortTaken {
        port: u16,
        /// The other process, if it is visible.
        by: Option<Owner>,
    },
    /// Another process listens at a socket of the target.
    #[error(
        "another process listens at the socket {}; find it with: ss -lxp, or let harness choose a free path by {{socket.NAME}}",
        path.display()
    )]
    SocketTaken { path: PathBuf },
    /// IPv6 is off, or has no such address.
    #[error(
        "this host has no address {address}; write 127.0.0.1, or turn IPv6 on with: sudo sysctl net.ipv6.conf.lo.disable_ipv6=0"
    )]
    NoIpv6 { address: IpAddr },
    #[error("no free port: {0}; check with: ss -ltn | wc -l")]
    NoPort(std::io::Error),
    /// A template cannot be rendered into the run's folder.
    #[error("target.files.{name:?}: {}: {cause}; check with: ls -l {}", path.display(), path.display())]
    File {
        /// The name in the scenario.
        name: String,
        path: PathBuf,
        cause: FileError,
    },
    /// The working folder cannot be created.
    #[error("the working folder {} cannot be created: {cause}; check with: df -h {}", path.display(), path.display())]
    Folder { path: PathBuf, cause: std::io::Error },
    /// A command without a program.
    #[error("{key} is empty; it needs at least a program, for example [\"nginx\", \"-g\", \"daemon off;\"]")]
    NoProgram { key: String },
    /// Commands are texts.
    #[error("the path of the program {} is not UTF-8; name it by another path, for example a link: ln -s PROGRAM /tmp/program", path.display())]
    NotText { path: PathBuf },
    /// `builtin:` with an unknown name.
    #[error(
        "builtin:{name} does not exist; there are builtin:sidecar, builtin:upstream, builtin:command and builtin:echo"
    )]
    NoBuiltin { name: String },
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// The program cannot be started, or the keeper has ended.
    #[error(transparent)]
    Keeper(#[from] crate::keeper::Error),
    /// No process listens on the port of an external target.
    #[error("nothing listens on port {port}; start the target first; check with: ss -ltnp 'sport = :{port}'")]
    NotListening { port: u64 },
    /// The process that listens on the port is not visible.
    #[error(
        "port {port} is open, but its process is not visible; run as the target's user or as root, or give target.external.pid"
    )]
    Hidden { port: u64 },
    /// Limits for a program that is not ours.
    #[error(
        "harness cannot limit a target that runs already; remove limits from the stage, or let harness start it with \
         target.process"
    )]
    LimitsOfOthers,
    /// A command is not a server.
    #[error("target.command runs to its end and answers no requests; start a server with target.process")]
    RunsOnce,
    /// A target that only Kubernetes starts.
    #[error(
        "a target in a pod is started by Kubernetes, and not by this machine; write [fleet] engine = \"kubernetes\""
    )]
    InPod,
    /// A generated input cannot be written.
    #[error("target.command.inputs.{name}: {}: {cause}; check with: df -h {}", path.display(), path.display())]
    Input {
        /// The name in the scenario.
        name: String,
        path: PathBuf,
        cause: std::io::Error,
    },
    #[error("there is no process {pid}; start the target first; check with: ps -p {pid}")]
    NoProcess { pid: u64 },
}

/// The reason why a template cannot be rendered into the run's folder.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("its name must be a plain relative path")]
    Name,
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Placeholder(#[from] placeholders::Error),
}

/// Returns the next command to type.
fn free_it(port: u16, by: Option<&Owner>) -> String {
    let instead = "or let harness choose a free one by {port.NAME} in command and endpoint";
    match by {
        Some(by) => format!("stop it with: kill {}, {instead}", by.pid),
        None => format!("find out by whom with: ss -ltnp 'sport = :{port}', {instead}"),
    }
}
