//! The upstream behind the target: the bundled mock, a program of the scenario, or one that runs already.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::OwnedFd;

use super::error::Error;
use super::placeholders::Values;
use super::process::{Wanted, resolve, start};
use super::running::Running;
use super::site::Site;
use super::spec::{Builtin, Endpoints, McpServer, ProcessSpec, Upstream};
use super::stdio;
use super::url::HttpUrl;

#[derive(Debug)]
pub struct RunningUpstream {
    pub url: HttpUrl,
    /// Its process; absent if it is not ours.
    pub running: Option<Running>,
    /// Our ends of its stdin and stdout, over which the bundled upstream takes commands and reports its hits. No other process can reach
    /// them, the target in particular.
    pub admin: Option<(OwnedFd, OwnedFd)>,
}

/// Name of the bundled upstream in a command.
const BUNDLED: &str = "builtin:upstream";

/// Starts the upstream, or uses the one that runs. Returns before it listens.
///
/// # Errors
/// Returns [`Error`], with the next command to type.
pub async fn launch_upstream(upstream: &Upstream, site: &Site, name: &str) -> Result<RunningUpstream, Error> {
    match upstream {
        Upstream::Builtin(builtin) => {
            // A target on a bridge reaches this host at its address there. The direct arm uses the same address.
            let host = builtin.address.or(site.containers.gateway()).unwrap_or(IpAddr::from(Ipv4Addr::LOCALHOST));
            let (listen, url) = place(builtin, host);
            let command = mock(builtin, &listen);
            let process = ProcessSpec { command, env: Vec::new(), cpuset: builtin.cpuset.clone() };
            begin(site, name, &process, &url)
        }
        Upstream::Process { process, url } => begin(site, name, process, url),
        Upstream::Url(url) => {
            let mut values = Values::new(&site.ports, None, BTreeMap::new());
            Ok(RunningUpstream { url: resolve(&mut values, url, "upstream.url")?, running: None, admin: None })
        }
        Upstream::Stdio(stdio) => {
            let running = stdio::start_alone(site, name, stdio)?;
            Ok(RunningUpstream { url: running.endpoints.proxy.clone(), running: Some(running), admin: None })
        }
    }
}

fn begin(site: &Site, name: &str, process: &ProcessSpec, url: &str) -> Result<RunningUpstream, Error> {
    let endpoints = Endpoints { proxy: url.to_owned(), health: None, ready: None, others: Vec::new() };
    let pipes = process.command.first().is_some_and(|program| program == BUNDLED);
    let mut process = process.clone();
    if pipes {
        process.command.push("--admin-stdio".to_owned());
    }
    let process = &process;
    let wanted = Wanted {
        section: "upstream",
        name,
        process,
        cpuset: process.cpuset.as_deref(),
        limits: None,
        files: &[],
        endpoints: &endpoints,
        upstream: None,
        egress: None,
        allotted: None,
        pipes,
        server: None,
    };
    let running = start(site, &wanted)?;
    let admin = running.take_pipes();
    Ok(RunningUpstream { url: running.endpoints.proxy.clone(), running: Some(running), admin })
}

/// Returns where the bundled upstream listens, as a flag and as a URL.
fn place(builtin: &Builtin, host: IpAddr) -> (String, String) {
    if builtin.unix {
        return ("unix:{socket.upstream}".to_owned(), "unix://{socket.upstream}".to_owned());
    }
    let host = match host {
        IpAddr::V4(host) => host.to_string(),
        IpAddr::V6(host) => format!("[{host}]"),
    };
    let scheme = if builtin.tls { "https" } else { "http" };
    (format!("{host}:{{port.upstream}}"), format!("{scheme}://{host}:{{port.upstream}}"))
}

/// Returns the command of the bundled upstream, with exact sizes and delays in bytes and nanoseconds.
fn mock(builtin: &Builtin, listen: &str) -> Vec<String> {
    let (body, delay) = (format!("{}B", builtin.body.0), format!("{}ns", builtin.delay.0));
    let own = [BUNDLED, "--listen", listen, "--body", &body, "--delay", &delay];
    let tls = ["--tls-cert", "{cert.file}", "--tls-key", "{key.file}"];
    let tls = tls.into_iter().filter(|_| builtin.tls);
    let mcp = builtin.mcp.iter().flat_map(mcp);
    own.into_iter().chain(tls).map(str::to_owned).chain(mcp).chain(builtin.args.iter().cloned()).collect()
}

/// Returns the arguments with which this program is the bundled upstream at an address, where it has neither TLS nor a socket.
#[must_use]
pub fn upstream_arguments(builtin: &Builtin, listen: &str) -> Vec<String> {
    let plain = Builtin { tls: false, unix: false, ..builtin.clone() };
    let flags = mock(&plain, listen).into_iter().skip(1);
    std::iter::once("__upstream".to_owned()).chain(flags).collect()
}

/// Returns the flags of its MCP server.
fn mcp(server: &McpServer) -> Vec<String> {
    let McpServer { tools, sse, progress, progress_every } = server;
    let sse = sse.map(|share| ["--mcp-sse".to_owned(), share.notation()]);
    let flags = ["--mcp", "--mcp-tools", &tools.to_string(), "--mcp-progress", &progress.to_string()];
    let every = ["--mcp-progress-every".to_owned(), format!("{}ns", progress_every.0)];
    flags.map(str::to_owned).into_iter().chain(every).chain(sse.into_iter().flatten()).collect()
}
