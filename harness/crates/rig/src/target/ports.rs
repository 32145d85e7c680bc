//! Free ports, and the owners of ports in use.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use procfs::net::TcpState;
use procfs::process::{FDTarget, Process};
use rand::Rng;

use crate::launch::MARK;

/// The lowest port that is allotted.
const LOWEST: u16 = 10_000;
/// The number of random choices before the system chooses.
const CHOICES: u32 = 200;

/// The ports that were allotted. Each is allotted only once within a run.
#[derive(Debug, Default)]
pub struct Ports {
    allotted: Mutex<BTreeSet<u16>>,
}

/// The ports and sockets of one launch, by the names of the placeholders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allotted {
    pub ports: BTreeMap<String, u16>,
    /// The paths of unix sockets.
    pub sockets: BTreeMap<String, PathBuf>,
}

/// A process that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub pid: i32,
    pub name: String,
    /// Its `HARNESS_MARK`, if harness started it.
    pub mark: Option<String>,
}

impl fmt::Display for Owner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} (pid {})", self.name, self.pid)
    }
}

impl Ports {
    /// Returns a TCP port that is free on 127.0.0.1 and ::1 now. It lies below the range of outgoing connections, so that none of them can
    /// take it before the target binds it.
    ///
    /// # Errors
    /// Returns an error when the system has no free port.
    pub fn free(&self) -> io::Result<u16> {
        let mut allotted = self.allotted.lock().unwrap_or_else(PoisonError::into_inner);
        let below = first_ephemeral();
        let choices = if below > LOWEST + 1000 { CHOICES } else { 0 };
        let chosen = (0..choices).map(|_| rand::rng().random_range(LOWEST..below));
        let mut fitting = chosen.filter(|port| !allotted.contains(port) && are_free(*port));
        let port = match fitting.next() {
            Some(port) => port,
            None => TcpListener::bind(local(0))?.local_addr()?.port(),
        };
        allotted.insert(port);
        Ok(port)
    }
}

/// Returns the lower end of the range of outgoing connections; 0 when it cannot be read.
fn first_ephemeral() -> u16 {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    range.split_whitespace().next().and_then(|low| low.parse().ok()).unwrap_or(0)
}

/// Returns the address of `port` on 127.0.0.1.
pub(super) fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Returns whether `port` is free at both addresses of loopback. A host without IPv6 has only one.
pub(super) fn are_free(port: u16) -> bool {
    is_free(local(port)) && is_free(SocketAddr::from((Ipv6Addr::LOCALHOST, port)))
}

/// Returns whether nothing listens at `addr`: it can be bound, or, without permission to bind it, it does not answer.
pub(super) fn is_free(addr: SocketAddr) -> bool {
    match TcpListener::bind(addr) {
        Ok(_) => true,
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => false,
        Err(_) => TcpStream::connect_timeout(&addr, Duration::from_millis(200)).is_err(),
    }
}

/// The listener on a port, on any address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Listening {
    No,
    /// A process whose descriptors are not readable.
    Hidden,
    /// This process. If several share the socket, the parent of the others.
    By(Owner),
}

/// Returns the process that listens on `port`, if it is visible.
pub(super) fn owner(port: u16) -> Option<Owner> {
    match listening(port) {
        Listening::By(owner) => Some(owner),
        Listening::No | Listening::Hidden => None,
    }
}

/// Searches the system's table of sockets and the descriptors of all processes.
pub(super) fn listening(port: u16) -> Listening {
    let tables = [procfs::net::tcp(), procfs::net::tcp6()];
    let entries = tables.into_iter().flatten().flatten();
    let on_port = entries.filter(|entry| entry.state == TcpState::Listen && entry.local_address.port() == port);
    let inodes: BTreeSet<u64> = on_port.map(|entry| entry.inode).collect();
    if inodes.is_empty() {
        return Listening::No;
    }
    let all = procfs::process::all_processes().into_iter().flatten().flatten();
    let owners: Vec<Process> = all.filter(|process| holds(process, &inodes)).collect();
    let pids: BTreeSet<i32> = owners.iter().map(Process::pid).collect();
    let above = owners.iter().find(|process| process.stat().is_ok_and(|stat| !pids.contains(&stat.ppid)));
    above.or(owners.first()).map_or(Listening::Hidden, |process| Listening::By(describe(process)))
}

fn holds(process: &Process, inodes: &BTreeSet<u64>) -> bool {
    let Ok(fds) = process.fd() else { return false };
    fds.flatten().any(|fd| matches!(fd.target, FDTarget::Socket(inode) if inodes.contains(&inode)))
}

fn describe(process: &Process) -> Owner {
    let name = process.stat().map_or_else(|_| "?".to_owned(), |stat| stat.comm);
    let environ = process.environ().unwrap_or_default();
    let mark = environ.get(std::ffi::OsStr::new(MARK)).map(|mark| mark.to_string_lossy().into_owned());
    Owner { pid: process.pid(), name, mark }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_allotted_twice_and_all_are_free() {
        let ports = Ports::default();
        let some: BTreeSet<u16> = (0..50).map(|_| ports.free().expect("free")).collect();
        assert_eq!(some.len(), 50);
        // Another test may have been given one of them by the kernel meanwhile.
        let taken = some.iter().filter(|port| !is_free(local(**port))).count();
        assert!(taken <= 2, "{taken} of {some:?} are taken");
    }

    #[test]
    fn a_listener_is_found_by_its_port() {
        let listener = TcpListener::bind(local(0)).expect("bound");
        let port = listener.local_addr().expect("bound").port();
        assert!(!is_free(local(port)));
        let own = i32::try_from(std::process::id()).expect("a pid");
        assert_eq!(owner(port).map(|owner| owner.pid), Some(own));
        drop(listener);
        assert_eq!(listening(port), Listening::No);
        assert!(is_free(local(port)));
    }
}
