//! The values of the placeholders of a [`Template`] in one launch.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use super::certificates::Certificates;
use super::ports::Ports;
use super::template::{Piece, Template, TemplateError, variable};
use super::url::HttpUrl;
use harness_base::words::nearest;

/// Why a text cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Malformed(#[from] TemplateError),
    #[error("it names the upstream, but the scenario has none; add [upstream.builtin]")]
    NoUpstream,
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
    #[error("no free port: {0}; check with: ss -ltn | wc -l")]
    NoPort(std::io::Error),
}

/// The values of placeholders in one launch.
#[derive(Debug)]
pub struct Values<'a> {
    ports: &'a Ports,
    allotted: BTreeMap<String, u16>,
    upstream: Option<&'a HttpUrl>,
    files: BTreeMap<String, PathBuf>,
    address: IpAddr,
    certificates: Option<&'a Certificates>,
}

impl<'a> Values<'a> {
    pub fn new(ports: &'a Ports, upstream: Option<&'a HttpUrl>, files: BTreeMap<String, PathBuf>) -> Self {
        let address = IpAddr::from(Ipv4Addr::LOCALHOST);
        Self { ports, allotted: BTreeMap::new(), upstream, files, address, certificates: None }
    }

    /// Sets the certificates whose files the program can read.
    #[must_use]
    pub fn with_certificates(mut self, certificates: &'a Certificates) -> Self {
        self.certificates = Some(certificates);
        self
    }

    /// Reuses the ports of an earlier launch.
    #[must_use]
    pub fn again(mut self, ports: Option<&BTreeMap<String, u16>>) -> Self {
        self.allotted = ports.cloned().unwrap_or_default();
        self
    }

    /// Sets the address of the target, instead of loopback.
    pub fn answers_at(&mut self, address: IpAddr) {
        self.address = address;
    }

    /// Returns the ports allotted to this launch, by name.
    pub const fn allotted(&self) -> &BTreeMap<String, u16> {
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
        match piece {
            Piece::Text(text) => Ok(text.clone()),
            Piece::Port(name) => self.port(name).map(|port| port.to_string()),
            Piece::File(name) => self.file(name),
            Piece::UpstreamUrl => upstream().map(|url| url.to_string().trim_end_matches('/').to_owned()),
            Piece::UpstreamAddress => upstream().map(|url| format!("{}:{}", url.host, url.port)),
            Piece::TargetAddress => Ok(self.address.to_string()),
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
        if let Some(port) = self.allotted.get(name) {
            return Ok(*port);
        }
        let port = self.ports.free().map_err(Error::NoPort)?;
        self.allotted.insert(name.to_owned(), port);
        Ok(port)
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
    fn a_mistake_says_what_to_write() {
        let message = |text: &str| rendered(text).expect_err("refused");
        assert!(message("{file.proxi.yaml}").contains("did you mean {file.proxy.yaml}"));
        assert!(message("${HARNESS_NOT_SET}").contains("export HARNESS_NOT_SET="));
        assert!(message("{prot.a}").contains("is not a placeholder"));
    }
}
