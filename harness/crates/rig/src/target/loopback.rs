//! The check that traffic stays on this host, or within the ranges that a fleet may load.

use std::net::IpAddr;

use super::template::{Piece, Template, variable};
use super::url::{HttpUrl, UNIX, UrlError};

/// The reason why traffic must not go to a URL.
#[derive(Debug, thiserror::Error)]
pub enum LoopbackError {
    #[error("a file cannot be part of a URL")]
    File,
    #[error("{0:?} must start with http://, https:// or unix://")]
    Scheme(String),
    #[error("{0:?} is not this host: traffic goes to loopback addresses only")]
    OtherHost(String),
    #[error("{text:?} {cause}")]
    Url { text: String, cause: UrlError },
    #[error("{0:?} must end after the port or the socket: the path belongs to [request]")]
    Path(String),
}

/// Checks a URL before its placeholders have values. Traffic goes to this host only, so any host except loopback is refused;
/// `base_only` also refuses a path. A URL with an unset environment variable cannot be checked and passes.
///
/// # Errors
/// Returns an error when traffic must not go there.
pub fn check(template: &Template, base_only: bool) -> Result<(), LoopbackError> {
    check_within(template, base_only, &|_| false)
}

/// Checks a URL like [`check`], and also allows addresses for which `reach` returns true. Names of hosts are not resolved, so they are
/// refused.
///
/// # Errors
/// Returns an error when traffic must not go there.
pub fn check_within(template: &Template, base_only: bool, reach: &dyn Fn(IpAddr) -> bool) -> Result<(), LoopbackError> {
    let stand_in = template.render(|piece| match piece {
        Piece::Text(text) => Ok(text.clone()),
        Piece::Port(_) => Ok("9".to_owned()),
        Piece::Socket(_) | Piece::UpstreamPath => Ok("/stand-in.sock".to_owned()),
        Piece::File(_) | Piece::Certificate(_) | Piece::EgressAuthority => Err(Some(LoopbackError::File)),
        Piece::UpstreamUrl | Piece::EgressProxy => Ok("http://127.0.0.1:9".to_owned()),
        Piece::UpstreamAddress => Ok("127.0.0.1:9".to_owned()),
        // Loopback, or a container's own address on this host.
        Piece::TargetAddress => Ok("127.0.0.1".to_owned()),
        // A pod that the run makes, and that only its nodes reach.
        Piece::Pod => Ok("127.0.0.1".to_owned()),
        Piece::Variable { name, default } => variable(name, default.as_deref()).ok_or(None),
    });
    match stand_in {
        Ok(text) => check_text(&text, base_only, reach),
        Err(Some(error)) => Err(error),
        Err(None) => Ok(()),
    }
}

fn check_text(text: &str, base_only: bool, reach: &dyn Fn(IpAddr) -> bool) -> Result<(), LoopbackError> {
    if !text.starts_with(UNIX) {
        check_host(text, reach)?;
    }
    let url = HttpUrl::parse(text).map_err(|cause| LoopbackError::Url { text: text.to_owned(), cause })?;
    if base_only && url.path != "/" {
        return Err(LoopbackError::Path(text.to_owned()));
    }
    Ok(())
}

/// Checks the host of a URL. This comes first, so that the names of other hosts are never looked up.
fn check_host(text: &str, reach: &dyn Fn(IpAddr) -> bool) -> Result<(), LoopbackError> {
    let plain = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let rest = plain.ok_or_else(|| LoopbackError::Scheme(text.to_owned()))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    };
    if is_allowed(host, reach) { Ok(()) } else { Err(LoopbackError::OtherHost(host.to_owned())) }
}

fn is_allowed(host: &str, reach: &dyn Fn(IpAddr) -> bool) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback() || reach(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_allowed() {
        let judged = |text: &str, base_only| check(&Template::parse(text).unwrap(), base_only);
        for fine in [
            "http://127.0.0.1:{port.a}",
            "http://[::1]:80",
            "http://localhost:3000/",
            "{upstream.url}",
            "http://{target.address}:80",
            "http://{pod}:80",
            "https://127.0.0.1:1",
            "unix://{socket.proxy}",
            "unix:///run/proxy.sock",
            "unix://{upstream.path}",
        ] {
            assert!(judged(fine, true).is_ok(), "{fine}");
        }
        for wrong in [
            "https://10.0.0.1:1",
            "http://10.0.0.1:1",
            "http://example.com",
            "127.0.0.1:80",
            "http://",
            "",
            "http://127.0.0.1:0",
            "http://me@127.0.0.1:1",
            "unix://relative.sock",
            "unix:/run/proxy.sock",
        ] {
            assert!(judged(wrong, false).is_err(), "{wrong}");
        }
        assert!(judged("http://127.0.0.1:1/x", true).is_err());
        assert!(judged("unix://{socket.proxy}:/x", true).is_err());
        assert!(judged("unix://{socket.proxy}:/x", false).is_ok());
        assert!(judged("http://127.0.0.1:1/x", false).is_ok());
        assert!(judged("${HARNESS_TEST_NEVER_SET}/x", true).is_ok());
    }

    #[test]
    fn addresses_in_reach_are_allowed_and_names_are_not() {
        let reach = |address: IpAddr| address == IpAddr::from([198, 18, 0, 1]);
        let judged = |text: &str| check_within(&Template::parse(text).unwrap(), true, &reach);
        assert!(judged("http://198.18.0.1:{port.a}").is_ok());
        for wrong in ["http://198.18.0.2:80", "http://host.test:80", "http://198.18.0.1.test:80"] {
            assert!(matches!(judged(wrong), Err(LoopbackError::OtherHost(_))), "{wrong}");
        }
    }
}
