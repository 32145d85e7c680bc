//! The parts of a URL that a probe needs: address, host and path.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};

use harness_base::address::{Address, AddressError};

/// An `http://` or `https://` URL whose host was resolved, or the `unix://` URL of a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUrl {
    pub address: Address,
    /// The host as written, including the brackets of an IPv6 address; `localhost` at a unix socket.
    pub host: String,
    /// The port, 80 or 443 by default; absent at a unix socket.
    pub port: Option<u16>,
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Path and query, starting with `/`.
    pub path: String,
}

/// The reason why a text is not a usable URL. The text reads after the URL.
#[derive(Debug, thiserror::Error)]
pub enum UrlError {
    #[error("must start with http://, https:// or unix://")]
    Scheme,
    #[error("must not contain a user name")]
    User,
    #[error("has no port between 1 and 65535")]
    Port,
    #[error("is not a URL such as http://127.0.0.1:8080/health")]
    Malformed,
    #[error("is not the URL of a socket such as unix:///run/proxy.sock or unix:///run/proxy.sock:/health")]
    NoSocket,
    #[error("cannot be used: {0}")]
    Socket(AddressError),
    #[error("has an unknown host: {0}")]
    UnknownHost(std::io::Error),
    #[error("has a host without an address")]
    NoAddress,
}

/// The prefix of the URL of a unix socket.
pub(super) const UNIX: &str = "unix://";

impl HttpUrl {
    /// Parses `http://host[:port][/path]`, or the same with `https`, and resolves the host, preferring IPv4; or parses
    /// `unix:///path/of/socket[:/path]`.
    ///
    /// # Errors
    /// Returns an error whose text reads after the URL.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if let Some(rest) = text.strip_prefix(UNIX) {
            return Self::at_socket(rest);
        }
        let (tls, rest) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) => (true, rest),
            (None, None) => return Err(UrlError::Scheme),
        };
        let split = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(split);
        let path = path_of(path);
        if authority.contains('@') {
            return Err(UrlError::User);
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse().ok().filter(|port| *port != 0);
                (host, port.ok_or(UrlError::Port)?)
            }
            _ => (authority, if tls { 443 } else { 80 }),
        };
        if host.is_empty() || !is_printable(&path) {
            return Err(UrlError::Malformed);
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let found: Vec<SocketAddr> =
            (bare, port).to_socket_addrs().map(Iterator::collect).map_err(UrlError::UnknownHost)?;
        let address = found.iter().find(|address| address.is_ipv4()).or(found.first()).copied();
        let address = address.ok_or(UrlError::NoAddress)?.into();
        Ok(Self { address, host: host.to_owned(), port: Some(port), tls, path })
    }

    /// Parses what follows the scheme: the path of the socket, and behind `:` the path of the request.
    fn at_socket(text: &str) -> Result<Self, UrlError> {
        let (socket, path) =
            text.split_once(":/").map_or((text, String::new()), |(socket, path)| (socket, format!("/{path}")));
        let path = path_of(&path);
        if !socket.starts_with('/') || socket.ends_with('/') || !is_printable(socket) || !is_printable(&path) {
            return Err(UrlError::NoSocket);
        }
        Ok(Self {
            address: Address::unix(socket).map_err(UrlError::Socket)?,
            host: "localhost".to_owned(),
            port: None,
            tls: false,
            path,
        })
    }

    /// Returns the arguments with which curl requests it.
    pub fn for_curl(&self) -> String {
        match self.address.path() {
            Some(socket) => format!("--unix-socket {} http://localhost{}", socket.display(), self.path),
            None => self.to_string(),
        }
    }

    /// `host:port`, as in a `Host` header; the host alone at a unix socket.
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }
}

/// Returns path and query with their first slash, without a fragment.
fn path_of(text: &str) -> String {
    let path = text.split('#').next().unwrap_or_default();
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

fn is_printable(text: &str) -> bool {
    !text.bytes().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control())
}

impl fmt::Display for HttpUrl {
    /// Returns the URL, without a path that is only `/`, so that a path can be appended.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path == "/" { "" } else { &self.path };
        match &self.address {
            Address::Unix(socket) if path.is_empty() => write!(out, "{UNIX}{}", socket.display()),
            Address::Unix(socket) => write!(out, "{UNIX}{}:{path}", socket.display()),
            Address::Inet(_) => write!(out, "{}://{}{path}", if self.tls { "https" } else { "http" }, self.authority()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_and_put_together() {
        let url = HttpUrl::parse("http://127.0.0.1:8080/health?deep=1#top").expect("valid");
        assert_eq!((url.host.as_str(), url.port, url.path.as_str()), ("127.0.0.1", Some(8080), "/health?deep=1"));
        assert_eq!(url.address, Address::Inet(([127, 0, 0, 1], 8080).into()));
        assert_eq!(url.to_string(), "http://127.0.0.1:8080/health?deep=1");
        assert_eq!(HttpUrl::parse("http://127.0.0.1:1/").expect("valid").to_string(), "http://127.0.0.1:1");
        let secure = HttpUrl::parse("https://127.0.0.1/a").expect("valid");
        assert_eq!((secure.tls, secure.to_string().as_str()), (true, "https://127.0.0.1:443/a"));
        let v6 = HttpUrl::parse("http://[::1]").expect("valid");
        assert_eq!((v6.address.to_string().as_str(), v6.authority().as_str()), ("[::1]:80", "[::1]:80"));
        let wrong =
            ["ftp://127.0.0.1", "127.0.0.1:80", "http://", "http://:80", "http://127.0.0.1:0", "http://127.0.0.1:x"];
        for text in wrong.into_iter().chain(["http://127.0.0.1:80/a b", "http://me@127.0.0.1"]) {
            assert!(HttpUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_socket_has_a_path_of_its_own() {
        let url = HttpUrl::parse("unix:///run/proxy.sock").expect("valid");
        assert_eq!((url.address.path(), url.path.as_str()), (Some(std::path::Path::new("/run/proxy.sock")), "/"));
        assert_eq!((url.authority().as_str(), url.port, url.tls), ("localhost", None, false));
        assert_eq!(url.to_string(), "unix:///run/proxy.sock");
        let health = HttpUrl::parse("unix:///run/proxy.sock:/health?a=b").expect("valid");
        assert_eq!(health.for_curl(), "--unix-socket /run/proxy.sock http://localhost/health?a=b");
        assert_eq!(
            (health.path.as_str(), health.to_string().as_str()),
            ("/health?a=b", "unix:///run/proxy.sock:/health?a=b")
        );
        for text in
            ["unix://", "unix://run/a.sock", "unix:///", "unix:///a b", "unix:///a.sock:/a b", "unix:/run/a.sock"]
        {
            assert!(HttpUrl::parse(text).is_err(), "{text}");
        }
        let long = HttpUrl::parse(&format!("unix:///{}", "a".repeat(200))).expect_err("too long").to_string();
        assert!(long.contains("has 201 bytes, but the kernel allows 107"), "{long}");
    }
}
