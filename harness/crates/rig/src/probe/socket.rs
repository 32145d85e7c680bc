//! Connections within a bounded time.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;

use harness_base::address::Address;
use harness_base::units::Nanos;
use nix::sys::socket::sockopt::SendTimeout;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket};
use nix::sys::time::TimeVal;
use std::os::fd::AsRawFd;

/// Connects to a TCP port.
pub(super) fn tcp(address: &SocketAddr, timeout: Nanos) -> io::Result<TcpStream> {
    TcpStream::connect_timeout(address, timeout.duration())
}

/// Connects to a unix socket, whose queue may be full.
pub(super) fn unix(path: &Path, timeout: Nanos) -> io::Result<UnixStream> {
    let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    // The timeout of writing is also that of connecting (socket(7)).
    let micros = timeout.0.div_ceil(1000);
    setsockopt(&socket, SendTimeout, &TimeVal::new((micros / 1_000_000) as _, (micros % 1_000_000) as _))?;
    connect(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(UnixStream::from(socket))
}

/// Connects, and closes the connection at once.
pub(super) fn touch(address: &Address, timeout: Nanos) -> io::Result<()> {
    match address {
        Address::Inet(address) => tcp(address, timeout).map(drop),
        Address::Unix(path) => unix(path, timeout).map(drop),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use harness_base::clock::Mono;

    use super::*;

    #[test]
    fn a_socket_whose_queue_is_full_costs_no_more_than_the_timeout() {
        let path = std::env::temp_dir().join(format!("harness-probe-{}.sock", std::process::id()));
        let address = Address::unix(&path).unwrap();
        let timeout = Nanos::from_millis(50);
        let missing = touch(&address, timeout).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        let listener = UnixListener::bind(&path).unwrap();
        nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(1).unwrap()).unwrap();
        let queued: Vec<_> = (0..3).map_while(|_| unix(&path, timeout).ok()).collect();
        assert!((1..3).contains(&queued.len()), "{queued:?}");
        let begun = Mono::now();
        let full = touch(&address, timeout).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock, "{full}");
        assert!(Mono::now().since(begun) >= timeout);
        std::fs::remove_file(path).unwrap();
    }
}
