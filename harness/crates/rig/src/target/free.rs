//! The check that the ports and sockets of a target are free before it starts.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::Path;

use harness_base::address::Address;
use harness_base::unix::is_stale;
use nix::errno::Errno;

use super::endpoints::Endpoints;
use super::error::Error;
use super::ports::{self, Allotted};
use super::url::HttpUrl;

/// Checks that the ports and sockets of the target are free. Skips an endpoint that is the upstream itself (both arms direct), because the
/// target does not bind it.
///
/// # Errors
/// Returns an error for the first that another process has, and for an address that this host does not have.
pub(super) fn check_free(endpoints: &Endpoints, allotted: &Allotted, upstream: Option<&HttpUrl>) -> Result<(), Error> {
    let urls = [Some(&endpoints.proxy), endpoints.health.as_ref(), endpoints.ready.as_ref()];
    let fixed = urls.into_iter().flatten().map(|url| &url.address);
    for address in fixed.filter(|address| upstream.is_none_or(|upstream| upstream.address != **address)) {
        match address {
            Address::Inet(address) => check_port(*address)?,
            Address::Unix(path) => check_socket(path)?,
        }
    }
    if let Some(port) = allotted.ports.values().find(|port| !ports::are_free(**port)) {
        return Err(taken(*port));
    }
    // A target that was killed leaves the files of its sockets, and most programs cannot listen there again.
    for path in allotted.sockets.values() {
        check_socket(path)?;
        remove_stale(path);
    }
    Ok(())
}

fn check_port(address: SocketAddr) -> Result<(), Error> {
    let missing = |error: &std::io::Error| {
        [Errno::EADDRNOTAVAIL, Errno::EAFNOSUPPORT]
            .map(|errno| errno as i32)
            .contains(&error.raw_os_error().unwrap_or(0))
    };
    match TcpListener::bind(address).map(drop) {
        Err(error) if address.is_ipv6() && missing(&error) => Err(Error::NoIpv6 { address: address.ip() }),
        _ if ports::is_free(address) => Ok(()),
        _ => Err(taken(address.port())),
    }
}

fn taken(port: u16) -> Error {
    Error::PortTaken { port, by: ports::owner(port) }
}

/// Checks that no process listens at the socket.
fn check_socket(path: &Path) -> Result<(), Error> {
    match UnixStream::connect(path) {
        Ok(_) => Err(Error::SocketTaken { path: path.to_owned() }),
        Err(_) => Ok(()),
    }
}

/// Removes a socket at which no process listens.
fn remove_stale(path: &Path) {
    if is_stale(path) {
        // If this fails, the target reports that it cannot listen.
        let _ = std::fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::net::UnixListener;

    use super::*;

    fn endpoints(url: &str) -> Endpoints {
        Endpoints { proxy: HttpUrl::parse(url).unwrap(), health: None, ready: None, others: Vec::new() }
    }

    #[test]
    fn a_socket_is_taken_only_while_a_process_listens() {
        let path = std::env::temp_dir().join(format!("harness-free-{}.sock", std::process::id()));
        let endpoints = endpoints(&format!("unix://{}", path.display()));
        let sockets = BTreeMap::from([("proxy".to_owned(), path.clone())]);
        let allotted = Allotted { sockets, ..Allotted::default() };
        let check = |allotted: &Allotted| check_free(&endpoints, allotted, None);
        check(&allotted).unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        let message = check(&Allotted::default()).unwrap_err().to_string();
        assert!(message.contains("another process listens at the socket"), "{message}");
        assert!(check_free(&endpoints, &Allotted::default(), Some(&endpoints.proxy)).is_ok(), "the upstream itself");
        drop(listener);
        check(&Allotted::default()).unwrap();
        assert!(path.exists(), "a socket that is not ours stays");
        check(&allotted).unwrap();
        assert!(!path.exists(), "one that was allotted is removed");
    }

    #[test]
    fn a_port_is_taken_at_the_address_in_question() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let at = |host: &str| check_free(&endpoints(&format!("http://{host}:{port}")), &Allotted::default(), None);
        assert!(matches!(at("127.0.0.1"), Err(Error::PortTaken { .. })));
        assert!(matches!(at("[::1]"), Ok(()) | Err(Error::NoIpv6 { .. })));
        // An address that no host has stands in for a host without IPv6.
        let message = at("[2001:db8::1]").unwrap_err().to_string();
        assert!(message.starts_with("this host has no address 2001:db8::1"), "{message}");
    }
}
