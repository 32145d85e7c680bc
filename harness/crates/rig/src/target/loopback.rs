//! Where traffic may go.

use std::net::IpAddr;

use super::HttpUrl;
use super::template::{Piece, Template, variable};

/// Checks a URL before its placeholders have values. Traffic goes to this host only, so anything but loopback is refused;
/// `base_only` refuses a path as well. A URL with an unset environment variable cannot be judged and passes.
///
/// # Errors
/// A sentence saying what is wrong.
pub fn check(template: &Template, base_only: bool) -> Result<(), String> {
    let stand_in = template.render(|piece| match piece {
        Piece::Text(text) => Ok(text.clone()),
        Piece::Port(_) => Ok("9".to_owned()),
        Piece::File(_) => Err(Some("a file is no part of a URL".to_owned())),
        Piece::UpstreamUrl => Ok("http://127.0.0.1:9".to_owned()),
        Piece::UpstreamAddress => Ok("127.0.0.1:9".to_owned()),
        // Loopback, or a container's own address on this host.
        Piece::TargetAddress => Ok("127.0.0.1".to_owned()),
        Piece::Variable { name, default } => variable(name, default.as_deref()).ok_or(None),
    });
    match stand_in {
        Ok(text) => check_text(&text, base_only),
        Err(Some(message)) => Err(message),
        Err(None) => Ok(()),
    }
}

fn check_text(text: &str, base_only: bool) -> Result<(), String> {
    let rest = text.strip_prefix("http://").ok_or_else(|| format!("{text:?} must start with http://"))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    };
    // Before the host is looked up: a name of the wide world must not be.
    if !is_loopback(host) {
        return Err(format!("{host:?} is not this host: traffic goes to loopback addresses only"));
    }
    let url = HttpUrl::parse(text).map_err(|message| format!("{text:?} {message}"))?;
    if base_only && url.path != "/" {
        return Err(format!("{text:?} must end after the port: the path belongs to [request]"));
    }
    Ok(())
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_on_loopback_is_let_through() {
        let judged = |text: &str, base_only| check(&Template::parse(text).unwrap(), base_only);
        for fine in [
            "http://127.0.0.1:{port.a}",
            "http://[::1]:80",
            "http://localhost:3000/",
            "{upstream.url}",
            "http://{target.address}:80",
        ] {
            assert_eq!(judged(fine, true), Ok(()), "{fine}");
        }
        for wrong in [
            "https://127.0.0.1:1",
            "http://10.0.0.1:1",
            "http://example.com",
            "127.0.0.1:80",
            "http://",
            "",
            "http://127.0.0.1:0",
            "http://me@127.0.0.1:1",
        ] {
            assert!(judged(wrong, false).is_err(), "{wrong}");
        }
        assert!(judged("http://127.0.0.1:1/x", true).is_err());
        assert_eq!(judged("http://127.0.0.1:1/x", false), Ok(()));
        assert_eq!(judged("${HARNESS_TEST_NEVER_SET}/x", true), Ok(()));
    }
}
