//! A target that stands between its stdin and stdout and those of a server, and the same server without it.

use super::error::Error;
use super::launcher::{Executable, LaunchRequest, Launcher};
use super::process::{self, STDIO, STDIO_SERVER, Wanted, start};
use super::running::Running;
use super::site::Site;
use super::spec::{Endpoints, ProcessSpec, SERVER, STDIO_URL, StdioSpec};

impl Launcher for StdioSpec {
    async fn launch(&self, request: &LaunchRequest<'_>) -> Result<Running, Error> {
        let wanted = Wanted {
            section: "target",
            name: request.name,
            process: &self.shim,
            cpuset: request.cpuset.or(self.shim.cpuset.as_deref()),
            limits: request.limits,
            files: &request.spec.files,
            endpoints: &request.spec.endpoints,
            upstream: None,
            egress: request.egress,
            allotted: request.allotted,
            pipes: false,
            server: Some(&self.server),
        };
        start(request.site, &wanted)
    }
}

/// Starts the server without the shim.
pub(super) fn start_alone(site: &Site, name: &str, stdio: &StdioSpec) -> Result<Running, Error> {
    let alone = stdio.alone();
    let endpoints = Endpoints { proxy: STDIO_URL.to_owned(), ..Endpoints::default() };
    let wanted = Wanted {
        section: "target",
        name,
        process: &alone.shim,
        cpuset: alone.shim.cpuset.as_deref(),
        limits: None,
        files: &[],
        endpoints: &endpoints,
        upstream: None,
        egress: None,
        allotted: None,
        pipes: false,
        server: Some(&alone.server),
    };
    start(site, &wanted)
}

/// Finds the measured program without starting it.
///
/// # Errors
/// Returns [`Error`] when its placeholders cannot be replaced, or the program does not exist.
pub(super) fn find(site: &Site, stdio: &StdioSpec) -> Result<Executable, Error> {
    if stdio.shim.command.first().is_some_and(|first| first == SERVER) {
        let server = ProcessSpec { command: stdio.server.clone(), ..stdio.shim.clone() };
        return process::find(site, &server, STDIO_SERVER);
    }
    process::find(site, &stdio.shim, STDIO)
}
