//! Listeners on TCP ports and unix sockets.

use std::io::{self, ErrorKind};
use std::net::TcpListener as StdTcpListener;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};

use harness_base::address::Address;
use harness_base::unix::is_stale;
use nix::sys::socket::{Backlog, Shutdown, listen, shutdown};
use tokio::net::{TcpListener, UnixListener};

use super::socket::Socket;
use crate::error::Error;

/// Thousands of connections may arrive at once; the kernel caps the value at its own limit.
const BACKLOG: i32 = 4096;

/// A socket that listens already, outside of a runtime.
pub(crate) enum Bound {
    Tcp(StdTcpListener),
    Unix(StdUnixListener, SocketFile),
}

/// A listener whose connections are accepted.
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// The file of a unix socket, which is removed when it is dropped.
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and inode, by which a file that has replaced it is recognised.
    identity: Option<(u64, u64)>,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            // Without permission it stays, and is replaced by the next listener.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::symlink_metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

impl Bound {
    /// Listens at an address that `flag` named.
    pub(crate) fn new(flag: &'static str, address: &Address) -> Result<Self, Error> {
        match address {
            Address::Inet(inet) => bind_tcp(*inet).map_err(|cause| Error::Listen { flag, address: *inet, cause }),
            Address::Unix(path) => {
                bind_unix(path).map_err(|cause| Error::ListenUnix { flag, path: path.clone(), cause })
            }
        }
    }

    /// Returns the listener in the present runtime.
    pub(crate) fn start(self) -> Result<Listener, Error> {
        let started = match self {
            Self::Tcp(listener) => TcpListener::from_std(listener).map(Listener::Tcp),
            Self::Unix(listener, file) => {
                UnixListener::from_std(listener).map(|listener| Listener::Unix(listener, file))
            }
        };
        started.map_err(Error::setup("the listener"))
    }
}

fn bind_tcp(address: std::net::SocketAddr) -> io::Result<Bound> {
    let listener = StdTcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    deepen(&listener)?;
    Ok(Bound::Tcp(listener))
}

/// Listens at `path`. Replaces the socket of a process that ended without removing it.
fn bind_unix(path: &Path) -> io::Result<Bound> {
    let listener = match StdUnixListener::bind(path) {
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_stale(path) => {
            std::fs::remove_file(path)?;
            StdUnixListener::bind(path)
        }
        bound => bound,
    }?;
    let file = SocketFile { path: path.to_owned(), identity: identity(path) };
    listener.set_nonblocking(true)?;
    deepen(&listener)?;
    Ok(Bound::Unix(listener, file))
}

/// Sets the length of the queue. A second listen(2) changes nothing else; the standard library fixes the length at the first.
fn deepen(listener: &impl AsFd) -> io::Result<()> {
    Ok(listen(&listener.as_fd(), Backlog::new(BACKLOG)?)?)
}

impl Listener {
    pub(crate) async fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // This fails on a socket that is already reset; the first read reports it.
                let _ = stream.set_nodelay(true);
                Ok(Socket::Tcp(stream))
            }
            Self::Unix(listener, _) => Ok(Socket::Unix(listener.accept().await?.0)),
        }
    }

    /// Returns the address, with the port that the system chose for port 0.
    pub(crate) fn address(&self) -> io::Result<Address> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Address::Inet),
            Self::Unix(_, file) => Ok(Address::Unix(file.path.clone())),
        }
    }

    /// Refuses connections until `again` completes, and then accepts them at the same address. The socket leaves the event loop meanwhile,
    /// because the event loop would keep reporting the hang-up.
    pub(crate) async fn refuse_until(self, again: impl Future<Output = ()>) -> io::Result<Self> {
        match self {
            Self::Tcp(listener) => refuse_tcp_until(listener, again).await.map(Self::Tcp),
            // The file stays, so connections are refused as they are by a port.
            Self::Unix(listener, file) => {
                drop(listener);
                again.await;
                let path = file.path.clone();
                drop(file);
                bind_unix(&path)?.start().map_err(io::Error::other)
            }
        }
    }
}

/// On Linux, shutting down the reading side of a listening socket stops it from listening but keeps its port, so no other process can take
/// it, and the socket can listen again. A port that was requested as 0 is released, which is an error here.
async fn refuse_tcp_until(listener: TcpListener, again: impl Future<Output = ()>) -> io::Result<TcpListener> {
    let listener = listener.into_std()?;
    let address = listener.local_addr()?;
    shutdown(listener.as_raw_fd(), Shutdown::Read)?;
    again.await;
    deepen(&listener)?;
    match listener.local_addr()? == address {
        true => TcpListener::from_std(listener),
        false => Err(ErrorKind::AddrNotAvailable.into()),
    }
}
