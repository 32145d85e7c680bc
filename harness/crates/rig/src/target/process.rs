//! A target that is a process of ours.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::egress_place::EgressPlace;
use super::endpoints::Endpoints;
use super::error::{Error, FileError};
use super::free::check_free;
use super::launcher::{Executable, LaunchRequest, Launcher};
use super::placeholders::Values;
use super::ports::Allotted;
use super::running::{Hold, Running};
use super::site::{Site, fresh_folder};
use super::spec::{self, BUNDLED_SERVER, ProcessSpec, SERVER};
use super::url::HttpUrl;
use crate::group::ResourceLimits;
use crate::keeper::{self, Command, clean_env, find_program};
use crate::stdio::COMMAND;

/// The keys of a command whose stdin and stdout are pipes to the generator, and of its server.
pub(super) const STDIO: &str = "target.stdio.command";
pub(super) const STDIO_SERVER: &str = "target.stdio.server";

/// The process to start, before placeholders are replaced.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// The section of the scenario, `target` or `upstream`.
    pub(super) section: &'static str,
    pub(super) name: &'a str,
    pub(super) process: &'a ProcessSpec,
    pub(super) cpuset: Option<&'a [u64]>,
    pub(super) limits: Option<&'a ResourceLimits>,
    pub(super) files: &'a [(String, PathBuf)],
    pub(super) endpoints: &'a spec::Endpoints,
    pub(super) upstream: Option<&'a HttpUrl>,
    pub(super) egress: Option<&'a EgressPlace>,
    /// The ports and sockets of an earlier launch.
    pub(super) allotted: Option<&'a Allotted>,
    /// Whether its stdin and stdout are pipes to control.
    pub(super) pipes: bool,
    /// The server of a process whose stdin and stdout are pipes to the generator; absent for others.
    pub(super) server: Option<&'a [String]>,
}

/// A command ready to be executed.
pub(super) struct Program {
    pub(super) argv: Vec<String>,
    pub(super) executable: PathBuf,
    pub(super) builtin: bool,
}

impl Launcher for ProcessSpec {
    async fn launch(&self, request: &LaunchRequest<'_>) -> Result<Running, Error> {
        let wanted = Wanted {
            section: "target",
            name: request.name,
            process: self,
            cpuset: request.cpuset.or(self.cpuset.as_deref()),
            limits: request.limits,
            files: &request.spec.files,
            endpoints: &request.spec.endpoints,
            upstream: request.upstream,
            egress: request.egress,
            allotted: request.allotted,
            pipes: false,
            server: None,
        };
        start(request.site, &wanted)
    }
}

/// Renders the texts, checks the ports, and starts the process.
pub(super) fn start(site: &Site, wanted: &Wanted<'_>) -> Result<Running, Error> {
    let cwd = fresh_folder(&site.scratch, wanted.name)?;
    let files: BTreeMap<String, PathBuf> =
        wanted.files.iter().map(|(name, _)| (name.clone(), cwd.join(name))).collect();
    let mut values = Values::new(&site.ports, wanted.upstream, files);
    values = values
        .with_egress(wanted.egress)
        .with_certificates(&site.certificates)
        .with_sockets(&cwd)
        .again(wanted.allotted);
    for (name, template) in wanted.files {
        render_file(&mut values, name, &site.folder.join(template), &cwd)?;
    }
    let table = if wanted.server.is_some() { "stdio" } else { "process" };
    let process_key = |key: &str| format!("{}.{table}.{key}", wanted.section);
    let mut env = Vec::with_capacity(wanted.process.env.len());
    for (name, text) in &wanted.process.env {
        env.push((name.clone(), render(&mut values, text, &process_key(&format!("env.{name}")))?));
    }
    let env = clean_env(&site.scratch, &env);
    let stalls = wanted.server.filter(|server| is_bundled(server)).map(|_| cwd.join(STALLS));
    let words = match wanted.server {
        Some(server) => {
            let server = (server, stalls.as_deref());
            with_server(site, &mut values, (wanted.process.command.as_slice(), server), &env)?
        }
        None => render_command(&mut values, &wanted.process.command, &process_key("command"))?,
    };
    let endpoints = endpoints(&mut values, wanted.section, wanted.endpoints)?;
    let program = program(site, words, &env, process_key("command"))?;
    let allotted = values.allotted().clone();
    check_free(&endpoints, &allotted, wanted.upstream)?;

    let name = cwd.file_name().map_or_else(|| wanted.name.into(), |name| name.to_string_lossy());
    let log = site.logs.join(format!("{name}.log"));
    let argv = match wanted.server {
        Some(_) => behind_door(site, &endpoints.proxy, &program.argv),
        None => program.argv.clone(),
    };
    let mut command = Command::new(&name, argv, env, cwd.clone(), log.clone());
    command.cpuset = wanted.cpuset.map(<[u64]>::to_vec);
    command.limits = wanted.limits.copied();
    command.pipes = wanted.pipes;
    let child = site.keeper.spawn(command)?;
    Ok(Running {
        pid: child.pid,
        mark: Some(child.mark.clone()),
        spawned: Some(child.spawned),
        endpoints,
        program: program.argv,
        executable: program.executable,
        builtin: program.builtin,
        folder: Some(cwd),
        stalls,
        log: Some(log),
        limited: child.group.is_some(),
        network: Some("process".to_owned()),
        allotted,
        hold: Hold::Ours(Box::new(child)),
    })
}

/// The file in the working folder in which the bundled server writes its stalls.
const STALLS: &str = "stalls";

/// Returns whether a server is the bundled one, which can write its stalls.
fn is_bundled(server: &[String]) -> bool {
    server.first().map(String::as_str) == Some(BUNDLED_SERVER[0])
}

/// Renders a command, and puts the program and the arguments of the server in the place of [`SERVER`], with the file for its stalls if it can
/// write them. The path of the server's program is absolute, so that it does not matter where the shim starts it.
fn with_server(
    site: &Site,
    values: &mut Values<'_>,
    (command, (server, stalls)): (&[String], (&[String], Option<&Path>)),
    env: &[(String, String)],
) -> Result<Vec<String>, Error> {
    let server = render_command(values, server, STDIO_SERVER)?;
    let mut server = program(site, server, env, STDIO_SERVER.to_owned())?.argv;
    if let Some(stalls) = stalls {
        server.extend(["--stalls".to_owned(), stalls.to_string_lossy().into_owned()]);
    }
    let Some((first, rest)) = command.split_first() else { return Ok(Vec::new()) };
    let mut argv =
        if first == SERVER { server.clone() } else { render_command(values, std::slice::from_ref(first), STDIO)? };
    for word in rest {
        if word == SERVER {
            argv.extend(server.iter().cloned());
        } else {
            argv.extend(render_all(values, std::slice::from_ref(word), STDIO)?);
        }
    }
    Ok(argv)
}

/// Returns the command that starts `argv` with the pipes that a client sends to the socket at `url`.
fn behind_door(site: &Site, url: &HttpUrl, argv: &[String]) -> Vec<String> {
    let socket = url.address.path().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    let front = [site.exe.to_string_lossy().into_owned(), COMMAND.to_owned(), socket];
    front.into_iter().chain(argv.iter().cloned()).collect()
}

pub(super) fn render(values: &mut Values<'_>, text: &str, key: &str) -> Result<String, Error> {
    values.render(text).map_err(|cause| Error::Placeholder { key: key.to_owned(), cause })
}

/// Renders the name of a program; see [`Values::render_program`].
pub(super) fn render_program(values: &mut Values<'_>, text: &str, key: &str) -> Result<String, Error> {
    values.render_program(text).map_err(|cause| Error::Placeholder { key: key.to_owned(), cause })
}

/// Renders a program and its arguments.
pub(super) fn render_command(values: &mut Values<'_>, words: &[String], key: &str) -> Result<Vec<String>, Error> {
    let Some((program, arguments)) = words.split_first() else { return Ok(Vec::new()) };
    let mut argv = vec![render_program(values, program, key)?];
    argv.extend(render_all(values, arguments, key)?);
    Ok(argv)
}

pub(super) fn render_all(values: &mut Values<'_>, texts: &[String], key: &str) -> Result<Vec<String>, Error> {
    texts.iter().map(|text| render(values, text, key)).collect()
}

/// Renders a template into the working folder, which its name must not leave.
pub(super) fn render_file(values: &mut Values<'_>, name: &str, template: &Path, cwd: &Path) -> Result<(), Error> {
    let refused = |path: &Path, cause: FileError| Error::File { name: name.to_owned(), path: path.to_owned(), cause };
    if !Path::new(name).components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(refused(Path::new(name), FileError::Name));
    }
    let text = std::fs::read_to_string(template).map_err(|error| refused(template, error.into()))?;
    let text = values.render_file(&text).map_err(|error| refused(template, error.into()))?;
    let path = cwd.join(name);
    let folder = path.parent().unwrap_or(cwd);
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text));
    written.map_err(|error| refused(&path, error.into()))
}

/// Renders the URLs.
pub(super) fn endpoints(values: &mut Values<'_>, section: &str, urls: &spec::Endpoints) -> Result<Endpoints, Error> {
    let mut url = |text: &str, name: &str| resolve(values, text, &format!("{section}.endpoints.{name}"));
    let proxy = url(&urls.proxy, "proxy")?;
    let health = urls.health.as_ref().map(|text| url(text, "health")).transpose()?;
    let ready = urls.ready.as_ref().map(|text| url(text, "ready")).transpose()?;
    let others = others(values, &urls.others)?;
    Ok(Endpoints { proxy, health, ready, others })
}

/// Renders the URLs that have keys of their own.
pub(super) fn others(values: &mut Values<'_>, urls: &[(String, String)]) -> Result<Vec<(String, HttpUrl)>, Error> {
    urls.iter().map(|(key, text)| Ok((key.clone(), resolve(values, text, key)?))).collect()
}

/// Renders one URL.
pub(super) fn resolve(values: &mut Values<'_>, text: &str, key: &str) -> Result<HttpUrl, Error> {
    let url = render(values, text, key)?;
    HttpUrl::parse(&url).map_err(|cause| Error::Url { key: key.to_owned(), url, cause })
}

/// Finds the program of a target, whose command is at `key` of the scenario, without starting it.
///
/// # Errors
/// Returns [`Error`] when its placeholders cannot be replaced, or the program does not exist.
pub(super) fn find(site: &Site, process: &ProcessSpec, key: &str) -> Result<Executable, Error> {
    let key = key.to_owned();
    let mut values = Values::new(&site.ports, None, BTreeMap::new());
    let first = render_command(&mut values, process.command.get(..1).unwrap_or_default(), &key)?;
    let named = first.first().cloned().unwrap_or_default();
    let program = program(site, first, &clean_env(&site.scratch, &process.env), key)?;
    Ok(Executable { named, path: program.executable, builtin: program.builtin })
}

/// Returns the command with the path of its program; `builtin:NAME` becomes the running binary and `__NAME`.
pub(super) fn program(site: &Site, argv: Vec<String>, env: &[(String, String)], key: String) -> Result<Program, Error> {
    let mut argv = argv.into_iter();
    let first = argv.next().filter(|first| !first.is_empty()).ok_or(Error::NoProgram { key })?;
    if let Some(name) = first.strip_prefix("builtin:") {
        if !["sidecar", "upstream", "command", "echo", "egress", "relay"].contains(&name) {
            return Err(Error::NoBuiltin { name: name.to_owned() });
        }
        let front = [site.exe.to_string_lossy().into_owned(), format!("__{name}")];
        let argv = front.into_iter().chain(argv).collect();
        return Ok(Program { argv, executable: site.exe.clone(), builtin: true });
    }
    let path = env.iter().find(|(name, _)| name == "PATH").map_or("", |(_, value)| value.as_str());
    let executable = find_program(&first, &site.folder, path).map_err(keeper::Error::from)?;
    let named = executable.to_str().ok_or_else(|| Error::NotText { path: executable.clone() })?;
    let argv = [named.to_owned()].into_iter().chain(argv).collect();
    Ok(Program { argv, executable, builtin: false })
}
