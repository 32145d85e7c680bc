//! A target that stands between its stdin and stdout and those of a server, and the same server without it.

use super::error::Error;
use super::launcher::{Executable, LaunchRequest, Launcher};
use super::placeholders::Values;
use super::process::{self, Wanted, program, render_all, render_command, start};
use super::running::Running;
use super::site::Site;
use super::spec::{Endpoints, ProcessSpec, SERVER, STDIO_URL, StdioSpec};
use super::url::HttpUrl;
use crate::stdio::COMMAND;

/// The keys of the measured command and of its server.
const KEY: &str = "target.stdio.command";
const SERVER_KEY: &str = "target.stdio.server";

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
        allotted: None,
        pipes: false,
        server: Some(&alone.server),
    };
    start(site, &wanted)
}

/// Renders a command, and puts the program and the arguments of the server in the place of [`SERVER`]. The path of the server's program is
/// absolute, so that it does not matter where the shim starts it.
pub(super) fn with_server(
    site: &Site,
    values: &mut Values<'_>,
    (command, server): (&[String], &[String]),
    env: &[(String, String)],
) -> Result<Vec<String>, Error> {
    let server = render_command(values, server, SERVER_KEY)?;
    let server = program(site, server, env, SERVER_KEY.to_owned())?.argv;
    let Some((first, rest)) = command.split_first() else { return Ok(Vec::new()) };
    let mut argv =
        if first == SERVER { server.clone() } else { render_command(values, std::slice::from_ref(first), KEY)? };
    for word in rest {
        if word == SERVER {
            argv.extend(server.iter().cloned());
        } else {
            argv.extend(render_all(values, std::slice::from_ref(word), KEY)?);
        }
    }
    Ok(argv)
}

/// Returns the command that gives the pipes of `argv` to whoever asks for them at `url`.
pub(super) fn behind_door(site: &Site, url: &HttpUrl, argv: &[String]) -> Vec<String> {
    let socket = url.address.path().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    let front = [site.exe.to_string_lossy().into_owned(), COMMAND.to_owned(), socket];
    front.into_iter().chain(argv.iter().cloned()).collect()
}

/// Finds the measured program without starting it.
///
/// # Errors
/// Returns [`Error`] when its placeholders cannot be replaced, or the program does not exist.
pub(super) fn find(site: &Site, stdio: &StdioSpec) -> Result<Executable, Error> {
    if stdio.shim.command.first().is_some_and(|first| first == SERVER) {
        let server = ProcessSpec { command: stdio.server.clone(), ..stdio.shim.clone() };
        return process::find(site, &server, SERVER_KEY);
    }
    process::find(site, &stdio.shim, KEY)
}
