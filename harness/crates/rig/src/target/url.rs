//! The parts of a URL that a probe needs: address, host and path.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};

/// An `http://` or `https://` URL whose host was resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUrl {
    pub addr: SocketAddr,
    /// The host as written, including the brackets of an IPv6 address.
    pub host: String,
    /// The port, 80 or 443 by default.
    pub port: u16,
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Path and query, starting with `/`.
    pub path: String,
}

/// Why a text is not a usable URL. The text reads after the URL.
#[derive(Debug, thiserror::Error)]
pub enum UrlError {
    #[error("must start with http:// or https://")]
    Scheme,
    #[error("must not contain a user name")]
    User,
    #[error("has no port between 1 and 65535")]
    Port,
    #[error("is not a URL such as http://127.0.0.1:8080/health")]
    Malformed,
    #[error("has an unknown host: {0}")]
    UnknownHost(std::io::Error),
    #[error("has a host without an address")]
    NoAddress,
}

impl HttpUrl {
    /// Parses `http://host[:port][/path]`, or the same with `https`, and resolves the host, preferring IPv4.
    ///
    /// # Errors
    /// Returns an error whose text reads after the URL.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let (tls, rest) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) => (true, rest),
            (None, None) => return Err(UrlError::Scheme),
        };
        let split = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(split);
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
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
        if host.is_empty() || path.bytes().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()) {
            return Err(UrlError::Malformed);
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let found: Vec<SocketAddr> =
            (bare, port).to_socket_addrs().map(Iterator::collect).map_err(UrlError::UnknownHost)?;
        let addr = found.iter().find(|addr| addr.is_ipv4()).or(found.first()).copied();
        Ok(Self { addr: addr.ok_or(UrlError::NoAddress)?, host: host.to_owned(), port, tls, path })
    }

    /// `host:port`, as in a `Host` header.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl fmt::Display for HttpUrl {
    /// Returns the URL, without a path that is only `/`, so that a path can be appended.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path == "/" { "" } else { &self.path };
        write!(out, "{}://{}:{}{path}", if self.tls { "https" } else { "http" }, self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_and_put_together() {
        let url = HttpUrl::parse("http://127.0.0.1:8080/health?deep=1#top").expect("valid");
        assert_eq!((url.host.as_str(), url.port, url.path.as_str()), ("127.0.0.1", 8080, "/health?deep=1"));
        assert_eq!(url.addr, SocketAddr::from(([127, 0, 0, 1], 8080)));
        assert_eq!(url.to_string(), "http://127.0.0.1:8080/health?deep=1");
        assert_eq!(HttpUrl::parse("http://127.0.0.1:1/").expect("valid").to_string(), "http://127.0.0.1:1");
        let secure = HttpUrl::parse("https://127.0.0.1/a").expect("valid");
        assert_eq!((secure.tls, secure.to_string().as_str()), (true, "https://127.0.0.1:443/a"));
        let v6 = HttpUrl::parse("http://[::1]").expect("valid");
        assert_eq!((v6.addr.to_string().as_str(), v6.authority().as_str()), ("[::1]:80", "[::1]:80"));
        let wrong =
            ["ftp://127.0.0.1", "127.0.0.1:80", "http://", "http://:80", "http://127.0.0.1:0", "http://127.0.0.1:x"];
        for text in wrong.into_iter().chain(["http://127.0.0.1:80/a b", "http://me@127.0.0.1"]) {
            assert!(HttpUrl::parse(text).is_err(), "{text}");
        }
    }
}
