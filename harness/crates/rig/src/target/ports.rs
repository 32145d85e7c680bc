//! Free ports, and who listens on a port.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use procfs::net::TcpState;
use procfs::process::{FDTarget, Process};
use rand::Rng;

use crate::launch::MARK;

/// The lowest port handed out.
const LOWEST: u16 = 10_000;
/// Random choices before the system is asked.
const CHOICES: u32 = 200;

/// The ports handed out so far: none is given twice within a run.
#[derive(Debug, Default)]
pub struct Ports {
    handed_out: Mutex<BTreeSet<u16>>,
}

/// A process that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub pid: i32,
    pub name: String,
    /// Its `HARNESS_MARK`, if it is one of ours.
    pub mark: Option<String>,
}

impl fmt::Display for Owner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} (pid {})", self.name, self.pid)
    }
}

impl Ports {
    /// A TCP port that is free on 127.0.0.1 at this moment. It is taken from below the range from which the system serves
    /// outgoing connections, so that none of those can grab it before the target binds it.
    ///
    /// # Errors
    /// When the system has no free port.
    pub fn free(&self) -> io::Result<u16> {
        let mut handed_out = self.handed_out.lock().unwrap_or_else(PoisonError::into_inner);
        let below = first_ephemeral();
        let choices = if below > LOWEST + 1000 { CHOICES } else { 0 };
        let chosen = (0..choices).map(|_| rand::rng().random_range(LOWEST..below));
        let mut fitting = chosen.filter(|port| !handed_out.contains(port) && is_free(local(*port)));
        let port = match fitting.next() {
            Some(port) => port,
            None => TcpListener::bind(local(0))?.local_addr()?.port(),
        };
        handed_out.insert(port);
        Ok(port)
    }
}

/// Lower end of the range for outgoing connections; 0 where it cannot be read.
fn first_ephemeral() -> u16 {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    range.split_whitespace().next().and_then(|low| low.parse().ok()).unwrap_or(0)
}

/// `port` on 127.0.0.1.
pub(super) fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Whether nothing listens at `addr`: it can be bound, or where that is not for us to do, nobody answers.
pub(super) fn is_free(addr: SocketAddr) -> bool {
    match TcpListener::bind(addr) {
        Ok(_) => true,
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => false,
        Err(_) => TcpStream::connect_timeout(&addr, Duration::from_millis(200)).is_err(),
    }
}

/// Who listens on a port, on any address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Listening {
    Nobody,
    /// Somebody whose descriptors we may not see.
    Hidden,
    /// This process: of several that share the socket, the one above the others.
    By(Owner),
}

/// The process that listens on `port`, as far as it can be seen.
pub(super) fn owner(port: u16) -> Option<Owner> {
    match listening(port) {
        Listening::By(owner) => Some(owner),
        Listening::Nobody | Listening::Hidden => None,
    }
}

/// Looks at the system's table of sockets and at everybody's descriptors.
pub(super) fn listening(port: u16) -> Listening {
    let tables = [procfs::net::tcp(), procfs::net::tcp6()];
    let entries = tables.into_iter().flatten().flatten();
    let on_port = entries.filter(|entry| entry.state == TcpState::Listen && entry.local_address.port() == port);
    let inodes: BTreeSet<u64> = on_port.map(|entry| entry.inode).collect();
    if inodes.is_empty() {
        return Listening::Nobody;
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
    fn no_port_is_handed_out_twice_and_all_are_free() {
        let ports = Ports::default();
        let some: BTreeSet<u16> = (0..50).map(|_| ports.free().expect("free")).collect();
        assert_eq!(some.len(), 50);
        // Another test may have got one of them from the kernel meanwhile.
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
        assert_eq!(listening(port), Listening::Nobody);
        assert!(is_free(local(port)));
    }
}
