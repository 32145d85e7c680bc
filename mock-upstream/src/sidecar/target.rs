//! The upstream that the sidecar forwards to.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use harness_base::address::{Address, AddressError};
use hyper::Uri;
use hyper::http::uri::{Authority, Scheme};
use rustls::pki_types::ServerName;

use crate::tls::{self, Connector, TlsError};

/// The upstream of the sidecar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `HOST:PORT`; `localhost` at a unix socket.
    pub authority: String,
    /// The path of a unix socket.
    pub(crate) unix: Option<PathBuf>,
    /// The name or address that the certificate must contain; `None` without TLS.
    pub(crate) name: Option<ServerName<'static>>,
}

/// Version of HTTP of the upstream side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum UpstreamHttp {
    #[value(name = "1.1")]
    Http1,
    #[value(name = "2")]
    Http2,
}

/// The text of an upstream that is not an HTTP origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error("`{0}` is not an upstream; write http://HOST:PORT, https://HOST:PORT, unix:/PATH or https+unix:/PATH")]
    Malformed(String),
    #[error(transparent)]
    Unix(#[from] AddressError),
}

impl Target {
    /// Returns the scheme of URIs at this upstream.
    pub(crate) fn scheme(&self) -> Scheme {
        if self.name.is_some() { Scheme::HTTPS } else { Scheme::HTTP }
    }

    /// Returns the TLS of this upstream, which trusts the CAs in the file `ca`; `None` without TLS.
    ///
    /// # Errors
    /// Returns an error when `ca` is missing, not needed, or not usable.
    pub(crate) fn connector(&self, ca: Option<&Path>, http: UpstreamHttp) -> Result<Option<Connector>, TlsError> {
        let protocol = match http {
            UpstreamHttp::Http1 => tls::HTTP1,
            UpstreamHttp::Http2 => tls::HTTP2,
        };
        match (&self.name, ca) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(TlsError::NeedlessAuthority {
                upstream: self.written(&Scheme::HTTP),
                with_tls: self.written(&Scheme::HTTPS),
            }),
            (Some(_), None) => Err(TlsError::NoAuthority(self.written(&Scheme::HTTPS))),
            (Some(name), Some(file)) => Connector::new("--upstream-ca", file, name.clone(), protocol).map(Some),
        }
    }

    /// Returns what is written for this upstream with `scheme`.
    fn written(&self, scheme: &Scheme) -> String {
        match &self.unix {
            None => format!("{scheme}://{}", self.authority),
            Some(_) if *scheme == Scheme::HTTPS => format!("https+{self}"),
            Some(_) => self.to_string(),
        }
    }

    fn at_socket(path: &str, name: Option<ServerName<'static>>) -> Result<Self, TargetError> {
        let address: Address = format!("unix:{path}").parse()?;
        let unix = address.path().map(Path::to_owned);
        Ok(Self { authority: LOCALHOST.to_owned(), unix, name })
    }
}

/// The host at a unix socket.
const LOCALHOST: &str = "localhost";

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unix {
            Some(path) => write!(out, "unix:{}", path.display()),
            None => out.write_str(&self.authority),
        }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let malformed = || TargetError::Malformed(text.to_owned());
        match (text.strip_prefix("https+unix:"), text.strip_prefix("unix:")) {
            (Some(path), _) => Self::at_socket(path, ServerName::try_from(LOCALHOST).ok()),
            (None, Some(path)) => Self::at_socket(path, None),
            (None, None) => parse(text).ok_or_else(malformed),
        }
    }
}

fn parse(text: &str) -> Option<Target> {
    let uri: Uri = text.parse().ok().filter(|uri: &Uri| matches!(uri.path(), "" | "/"))?;
    let authority = uri.authority()?;
    let (port, name) = match uri.scheme_str()? {
        "http" => (80, None),
        "https" => (443, Some(name_of(authority)?)),
        _ => return None,
    };
    let authority = match authority.port() {
        Some(_) => authority.to_string(),
        None => format!("{authority}:{port}"),
    };
    Some(Target { authority, unix: None, name })
}

/// Returns the host as certificates contain it: an IPv6 address has no brackets there.
fn name_of(authority: &Authority) -> Option<ServerName<'static>> {
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(host.to_owned()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_an_http_origin() {
        let authority = |text: &str| text.parse::<Target>().map(|t| t.authority);
        assert_eq!(authority("http://127.0.0.1:9/"), Ok("127.0.0.1:9".into()));
        assert_eq!(authority("http://localhost"), Ok("localhost:80".into()));
        assert_eq!(authority("https://localhost"), Ok("localhost:443".into()));
        for wrong in ["ftp://a:1", "a:1", "http://a:1/base", "https://a:1/base", "https://a_%:1", ""] {
            assert!(authority(wrong).unwrap_err().to_string().contains("http://HOST:PORT"), "{wrong}");
        }
    }

    #[test]
    fn a_unix_socket_has_a_path() {
        let target = |text: &str| text.parse::<Target>().unwrap();
        let plain = target("unix:/run/a.sock");
        assert_eq!((plain.to_string().as_str(), plain.authority.as_str()), ("unix:/run/a.sock", "localhost"));
        assert_eq!((plain.scheme(), target("https+unix:/run/a.sock").scheme()), (Scheme::HTTP, Scheme::HTTPS));
        assert_eq!(target("unix:///run/a.sock"), plain);
        assert!("unix:".parse::<Target>().is_err());
        assert!(format!("unix:/{}", "a".repeat(200)).parse::<Target>().unwrap_err().to_string().contains("201 bytes"));
    }

    #[test]
    fn the_name_in_the_certificate_is_the_host() {
        let name = |text: &str| text.parse::<Target>().unwrap().name.map(|name| name.to_str().into_owned());
        assert_eq!(name("https://proxy.test:9"), Some("proxy.test".into()));
        assert_eq!(name("https://127.0.0.1:9"), Some("127.0.0.1".into()));
        assert_eq!(name("https://[::1]:9"), Some("::1".into()));
        assert_eq!(name("http://proxy.test:9"), None);
    }

    #[test]
    fn a_ca_is_needed_for_https_and_only_there() {
        let error = |text: &str, ca| {
            text.parse::<Target>().unwrap().connector(ca, UpstreamHttp::Http1).unwrap_err().to_string()
        };
        assert!(error("https://a:1", None).starts_with("the upstream https://a:1 needs --upstream-ca; pass"));
        assert!(
            error("http://a:1", Some(Path::new("ca.pem"))).contains("does not apply to the upstream http://a:1; write")
        );
        assert!(error("https+unix:/a", None).starts_with("the upstream https+unix:/a needs --upstream-ca; pass"));
        assert!(error("unix:/a", Some(Path::new("ca.pem"))).contains("upstream unix:/a; write https+unix:/a, or"));
        let missing = error("https://a:1", Some(Path::new("/no/ca.pem")));
        assert!(missing.starts_with("cannot read a certificate from /no/ca.pem (--upstream-ca)"), "{missing}");
    }
}
