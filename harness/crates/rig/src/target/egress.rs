//! The foreign hosts of a scenario, which a process of ours plays beside the upstream.

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::OwnedFd;

use serde_json::{Value, json};

use super::certificates::CertificateFile;
use super::egress_place::EgressPlace;
use super::error::Error;
use super::placeholders;
use super::process::{Wanted, start};
use super::running::Running;
use super::site::Site;
use super::spec::{EgressAnswers, EgressHost, EgressRoute, Endpoints, ProcessSpec};

/// The process that plays the foreign hosts.
#[derive(Debug)]
pub struct RunningEgress {
    pub place: EgressPlace,
    pub running: Running,
    /// Our ends of its stdin and stdout, over which it takes commands and reports its hits. No other process can reach them.
    pub admin: Option<(OwnedFd, OwnedFd)>,
}

/// Name of the bundled program in a command.
const BUNDLED: &str = "builtin:egress";

/// Starts the process that plays `hosts`. Returns before it listens.
///
/// # Errors
/// Returns [`Error`], with the next command to type.
pub fn launch_egress(hosts: &[EgressHost], site: &Site, name: &str) -> Result<RunningEgress, Error> {
    // A target on a bridge reaches this host at its address there.
    let address = site.containers.gateway().unwrap_or(IpAddr::from(Ipv4Addr::LOCALHOST));
    let process = ProcessSpec { command: command(hosts, address), env: Vec::new(), cpuset: None };
    let proxy = format!("http://{}:{{port.egress}}", bracketed(address));
    let wanted = Wanted {
        section: "egress",
        name,
        process: &process,
        cpuset: None,
        limits: None,
        files: &[],
        endpoints: &Endpoints { proxy, ..Endpoints::default() },
        upstream: None,
        egress: None,
        allotted: None,
        pipes: true,
        server: None,
    };
    let running = start(site, &wanted)?;
    let unmade =
        |cause| Error::Placeholder { key: "egress".to_owned(), cause: placeholders::Error::Certificates(cause) };
    let authority = site.certificates.file(CertificateFile::Authority).map_err(unmade)?;
    let direct = hosts.iter().filter(|host| host.direct).map(|host| (host.host.clone(), address)).collect();
    let place = EgressPlace { proxy: running.endpoints.proxy.clone(), authority, direct };
    let admin = running.take_pipes();
    Ok(RunningEgress { place, running, admin })
}

/// Returns the command that plays the hosts at an address of this host.
fn command(hosts: &[EgressHost], address: IpAddr) -> Vec<String> {
    let address = bracketed(address);
    let listen = format!("{address}:{{port.egress}}");
    let own = [BUNDLED, "--listen", &listen, "--tls-cert", "{cert.file}", "--tls-key", "{key.file}", "--admin-stdio"];
    let direct = hosts.iter().any(|host| host.direct).then(|| ["--direct".to_owned(), format!("{address}:443")]);
    let hosts = hosts.iter().flat_map(|host| ["--host".to_owned(), escaped(&written(host).to_string())]);
    own.into_iter().map(ToOwned::to_owned).chain(direct.into_iter().flatten()).chain(hosts).collect()
}

fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// Doubles braces, which would be placeholders otherwise.
fn escaped(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

/// Returns a host as the flag `--host` has it.
fn written(host: &EgressHost) -> Value {
    let answers = match &host.answers {
        EgressAnswers::Slack { reaction } => json!({ "slack": { "reaction": reaction } }),
        EgressAnswers::Routes(routes) => json!({ "routes": routes.iter().map(route).collect::<Vec<_>>() }),
    };
    json!({ "name": host.name, "host": host.host, "approve_after_ns": host.approve_after.0, "answers": answers })
}

fn route(route: &EgressRoute) -> Value {
    let EgressRoute { method, path, status, json, approved, asks } = route;
    json!({ "method": method, "path": path, "status": status, "json": json, "approved": approved, "asks": asks })
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_base::units::Nanos;

    fn host(direct: bool) -> EgressHost {
        EgressHost {
            name: "slack".to_owned(),
            host: "slack.com".to_owned(),
            answers: EgressAnswers::Slack { reaction: "+1".to_owned() },
            approve_after: Nanos(7),
            direct,
        }
    }

    #[test]
    fn hosts_are_passed_as_json_whose_braces_are_no_placeholders() {
        let words = command(&[host(false)], IpAddr::from([127, 0, 0, 1]));
        let json = words.last().unwrap().replace("{{", "{").replace("}}", "}");
        let read: Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&read["host"], &read["approve_after_ns"]), (&json!("slack.com"), &json!(7)));
        assert!(super::super::template::Template::parse(words.last().unwrap()).is_ok());
        assert!(!words.contains(&"--direct".to_owned()));
    }

    #[test]
    fn a_host_that_is_reached_directly_listens_on_the_port_of_https() {
        let words = command(&[host(true)], IpAddr::from([172, 18, 0, 1]));
        let at = words.iter().position(|word| word == "--direct").unwrap();
        assert_eq!(words[at + 1], "172.18.0.1:443");
    }
}
