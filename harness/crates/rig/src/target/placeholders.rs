//! The values of the placeholders of a [`Template`] in one launch.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use super::certificates::Certificates;
use super::egress_place::EgressPlace;
use super::ports::{Allotted, Ports};
use super::template::{Piece, Template, TemplateError, variable};
use super::url::HttpUrl;
use harness_base::address::{Address, AddressError};
use harness_base::words::nearest;

/// The reason why a text cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Malformed(#[from] TemplateError),
    #[error("it names the upstream, but the scenario has none; add [upstream.builtin]")]
    NoUpstream,
    #[error("it names the foreign hosts, but the scenario has none; add [egress.NAME]")]
    NoEgress,
    #[error("{{file.{name}}}: [target.files] has no {name:?}{}", near.as_ref().map_or_else(String::new, |near| format!(" (did you mean {{file.{near}}}?)")))]
    NoFile {
        name: String,
        /// A similar name.
        near: Option<String>,
    },
    /// Commands are texts.
    #[error("its path {} is not UTF-8; name it by another path, for example a link: ln -s PROGRAM /tmp/program", path.display())]
    NotText { path: PathBuf },
    #[error("the environment variable {name} is not set; set it with: export {name}=…")]
    Unset { name: String },
    #[error("the certificates of the run cannot be made: {0}")]
    Certificates(std::io::Error),
    #[error("{0} is available to processes only; mount a certificate of your own into the container")]
    NoCertificates(String),
    #[error("{0} is available to processes only: a container does not see the sockets of this host; write a port")]
    NoSockets(String),
    #[error(
        "it names the path of the upstream's socket, but the upstream is at {0}; write {{upstream.address}}, or unix = true in [upstream.builtin]"
    )]
    NoPath(String),
    #[error("{{socket.{name}}}: {cause}: set TMPDIR to a folder with a short path")]
    Socket { name: String, cause: AddressError },
    #[error("{{pod}} is the address of a target in a pod, and this scenario has none; write [target.pod]")]
    NoPod,
    #[error("no free port: {0}; check with: ss -ltn | wc -l")]
    NoPort(std::io::Error),
}

/// The values of placeholders in one launch.
#[derive(Debug)]
pub struct Values<'a> {
    ports: &'a Ports,
    allotted: Allotted,
    upstream: Option<&'a HttpUrl>,
    egress: Option<&'a EgressPlace>,
    files: BTreeMap<String, PathBuf>,
    address: IpAddr,
    /// The address of the target's pod, as it is written in a URL.
    pod: Option<String>,
    certificates: Option<&'a Certificates>,
    /// The folder in which sockets are.
    sockets: Option<PathBuf>,
}

impl<'a> Values<'a> {
    pub fn new(ports: &'a Ports, upstream: Option<&'a HttpUrl>, files: BTreeMap<String, PathBuf>) -> Self {
        let address = IpAddr::from(Ipv4Addr::LOCALHOST);
        Self {
            ports,
            allotted: Allotted::default(),
            upstream,
            egress: None,
            files,
            address,
            pod: None,
            certificates: None,
            sockets: None,
        }
    }

    /// Sets the certificates whose files the program can read.
    #[must_use]
    pub fn with_certificates(mut self, certificates: &'a Certificates) -> Self {
        self.certificates = Some(certificates);
        self
    }

    /// Sets where the program finds the foreign hosts.
    #[must_use]
    pub const fn with_egress(mut self, egress: Option<&'a EgressPlace>) -> Self {
        self.egress = egress;
        self
    }

    /// Sets the address of the target's pod, as it is written in a URL.
    #[must_use]
    pub fn in_pod(mut self, host: &str) -> Self {
        self.pod = Some(host.to_owned());
        self
    }

    /// Sets the folder of the program's sockets. It must be new, so that no path in it is in use.
    #[must_use]
    pub fn with_sockets(mut self, folder: &Path) -> Self {
        self.sockets = Some(folder.to_owned());
        self
    }

    /// Reuses the ports and sockets of an earlier launch.
    #[must_use]
    pub fn again(mut self, allotted: Option<&Allotted>) -> Self {
        self.allotted = allotted.cloned().unwrap_or_default();
        self
    }

    /// Sets the address of the target, instead of loopback.
    pub fn answers_at(&mut self, address: IpAddr) {
        self.address = address;
    }

    /// Returns what was allotted to this launch.
    pub const fn allotted(&self) -> &Allotted {
        &self.allotted
    }

    /// Replaces the placeholders in a text of the scenario.
    ///
    /// # Errors
    /// Returns [`Error`] for the first placeholder that cannot be replaced.
    pub fn render(&mut self, text: &str) -> Result<String, Error> {
        Template::parse(text)?.render(|piece| self.value(piece))
    }

    /// Replaces the placeholders in the name of a program. A relative path from an environment variable is relative to the current
    /// folder, every other path to the scenario.
    ///
    /// # Errors
    /// Returns [`Error`] for the first placeholder that cannot be replaced.
    pub fn render_program(&mut self, text: &str) -> Result<String, Error> {
        let program = self.render(text)?;
        let is_path = program.contains('/') && !program.starts_with("builtin:");
        match std::path::absolute(&program).ok().filter(|_| is_path && is_typed(text)) {
            Some(path) => path.into_os_string().into_string().map_err(|path| Error::NotText { path: path.into() }),
            None => Ok(program),
        }
    }

    /// Replaces the placeholders in the text of a file, and keeps its other braces.
    ///
    /// # Errors
    /// Returns [`Error`] for the first placeholder that cannot be replaced.
    pub fn render_file(&mut self, text: &str) -> Result<String, Error> {
        Template::parse_file(text).render(|piece| self.value(piece))
    }

    fn value(&mut self, piece: &Piece) -> Result<String, Error> {
        let upstream = || self.upstream.ok_or(Error::NoUpstream);
        let egress = || self.egress.ok_or(Error::NoEgress);
        match piece {
            Piece::Text(text) => Ok(text.clone()),
            Piece::Port(name) => self.port(name).map(|port| port.to_string()),
            Piece::Socket(name) => self.socket(name),
            Piece::File(name) => self.file(name),
            Piece::UpstreamUrl => upstream().map(|url| url.to_string().trim_end_matches('/').to_owned()),
            Piece::UpstreamAddress => upstream().map(|url| match url.port {
                Some(port) => format!("{}:{port}", url.host),
                None => url.address.to_string(),
            }),
            Piece::UpstreamPath => {
                let url = upstream()?;
                let path = url.address.path().ok_or_else(|| Error::NoPath(url.to_string()))?;
                Ok(path.to_string_lossy().into_owned())
            }
            Piece::EgressProxy => egress().map(|place| place.proxy.to_string()),
            Piece::EgressAuthority => egress().map(|place| place.authority.to_string_lossy().into_owned()),
            Piece::TargetAddress => Ok(self.address.to_string()),
            Piece::Pod => self.pod.clone().ok_or(Error::NoPod),
            Piece::Certificate(file) => {
                let certificates = self.certificates.ok_or_else(|| Error::NoCertificates(piece.written()))?;
                let path = certificates.file(*file).map_err(Error::Certificates)?;
                Ok(path.to_string_lossy().into_owned())
            }
            Piece::Variable { name, default } => {
                variable(name, default.as_deref()).ok_or_else(|| Error::Unset { name: name.clone() })
            }
        }
    }

    fn port(&mut self, name: &str) -> Result<u16, Error> {
        if let Some(port) = self.allotted.ports.get(name) {
            return Ok(*port);
        }
        let port = self.ports.free().map_err(Error::NoPort)?;
        self.allotted.ports.insert(name.to_owned(), port);
        Ok(port)
    }

    fn socket(&mut self, name: &str) -> Result<String, Error> {
        let shown = |path: &Path| path.to_string_lossy().into_owned();
        if let Some(path) = self.allotted.sockets.get(name) {
            return Ok(shown(path));
        }
        let folder = self.sockets.as_ref().ok_or_else(|| Error::NoSockets(format!("{{socket.{name}}}")))?;
        let path = folder.join(format!("{name}.sock"));
        Address::unix(&path).map_err(|cause| Error::Socket { name: name.to_owned(), cause })?;
        self.allotted.sockets.insert(name.to_owned(), path.clone());
        Ok(shown(&path))
    }

    fn file(&self, name: &str) -> Result<String, Error> {
        let near = || nearest(name, self.files.keys().map(String::as_str)).map(ToOwned::to_owned);
        let path = self.files.get(name).ok_or_else(|| Error::NoFile { name: name.to_owned(), near: near() })?;
        Ok(path.to_string_lossy().into_owned())
    }
}

/// Returns whether a text begins with an environment variable that is set. A default is part of the scenario.
fn is_typed(text: &str) -> bool {
    let template = Template::parse(text);
    let first = template.as_ref().ok().and_then(|template| template.pieces().first());
    matches!(first, Some(Piece::Variable { name, .. }) if variable(name, None).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str) -> Result<String, String> {
        let url = HttpUrl::parse("http://127.0.0.1:77/").expect("valid");
        let files = BTreeMap::from([("proxy.yaml".to_owned(), PathBuf::from("/run/proxy.yaml"))]);
        Values::new(&Ports::default(), Some(&url), files).render(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_has_one_port_and_two_names_have_two() {
        let text = rendered("{port.a} {port.b} {port.a}").expect("rendered");
        let ports: Vec<u16> = text.split(' ').map(|port| port.parse().expect("a port")).collect();
        assert_eq!(ports[0], ports[2]);
        assert_ne!(ports[0], ports[1]);
    }

    #[test]
    fn placeholders_are_filled() {
        assert_eq!(rendered("{upstream.url}/x").as_deref(), Ok("http://127.0.0.1:77/x"));
        assert_eq!(rendered("{upstream.address}").as_deref(), Ok("127.0.0.1:77"));
        assert_eq!(rendered("-c {file.proxy.yaml}").as_deref(), Ok("-c /run/proxy.yaml"));
        assert_eq!(rendered("${HARNESS_NOT_SET:-builtin:sidecar}").as_deref(), Ok("builtin:sidecar"));
    }

    #[test]
    fn an_upstream_at_a_socket_is_named_in_every_form() {
        let url = HttpUrl::parse("unix:///run/up.sock").expect("valid");
        let ports = Ports::default();
        let mut values = Values::new(&ports, Some(&url), BTreeMap::new()).with_sockets(Path::new("/tmp/run/target"));
        let text = values.render("{upstream.url} {upstream.address} {upstream.path} {socket.a} {socket.a}");
        let expected =
            "unix:///run/up.sock unix:/run/up.sock /run/up.sock /tmp/run/target/a.sock /tmp/run/target/a.sock";
        assert_eq!(text.expect("rendered"), expected);
        let again = Values::new(&ports, None, BTreeMap::new()).again(Some(values.allotted())).render("{socket.a}");
        assert_eq!(again.expect("reused"), "/tmp/run/target/a.sock");
        let deep = PathBuf::from(format!("/{}", "a".repeat(100)));
        let mut values = Values::new(&ports, None, BTreeMap::new()).with_sockets(&deep);
        let message = values.render("{socket.proxy}").expect_err("too long").to_string();
        assert!(
            message.contains("112 bytes") && message.ends_with("set TMPDIR to a folder with a short path"),
            "{message}"
        );
    }

    #[test]
    fn a_pod_has_the_address_that_it_is_given() {
        let ports = Ports::default();
        let mut values = Values::new(&ports, None, BTreeMap::new()).in_pod("[fd00::7]");
        assert_eq!(values.render("http://{pod}:8080/health").expect("rendered"), "http://[fd00::7]:8080/health");
    }

    #[test]
    fn a_mistake_says_what_to_write() {
        let message = |text: &str| rendered(text).expect_err("refused");
        assert!(message("{file.proxi.yaml}").contains("did you mean {file.proxy.yaml}"));
        assert!(
            message("{upstream.path}").contains("the upstream is at http://127.0.0.1:77; write {upstream.address}")
        );
        assert!(message("{socket.a}").contains("available to processes only"));
        assert!(message("${HARNESS_NOT_SET}").contains("export HARNESS_NOT_SET="));
        assert!(message("http://{pod}:1").ends_with("write [target.pod]"));
        assert!(message("{prot.a}").contains("is not a placeholder"));
    }
}
