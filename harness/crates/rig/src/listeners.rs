//! The TCP sockets at which processes listen, from `/proc`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use procfs::net::TcpState;
use procfs::process::{FDTarget, Process};

/// Returns the addresses at which the processes `pids` listen, in ascending order. Leaves out processes whose descriptors are not
/// readable.
pub fn listeners(pids: &[i32]) -> BTreeSet<SocketAddr> {
    let held = sockets(pids);
    let tables = [procfs::net::tcp(), procfs::net::tcp6()];
    let entries = tables.into_iter().flatten().flatten();
    let listening: BTreeMap<u64, SocketAddr> = entries
        .filter(|entry| entry.state == TcpState::Listen)
        .map(|entry| (entry.inode, entry.local_address))
        .collect();
    held.iter().filter_map(|inode| listening.get(inode).copied()).collect()
}

/// Returns the inodes of the sockets that the processes hold.
fn sockets(pids: &[i32]) -> BTreeSet<u64> {
    let tables = pids.iter().filter_map(|pid| Process::new(*pid).ok()?.fd().ok());
    let inode = |target: FDTarget| match target {
        FDTarget::Socket(inode) => Some(inode),
        _ => None,
    };
    tables.flat_map(|table| table.flatten()).filter_map(|descriptor| inode(descriptor.target)).collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_listeners_of_a_process_are_found_until_they_are_closed() {
        let own = i32::try_from(std::process::id()).expect("a pid");
        let (one, other) =
            (TcpListener::bind("127.0.0.1:0").expect("bound"), TcpListener::bind("0.0.0.0:0").expect("bound"));
        let addresses = [one.local_addr().expect("bound"), other.local_addr().expect("bound")];
        let found = listeners(&[own]);
        assert!(addresses.iter().all(|address| found.contains(address)), "{found:?}");
        assert!(!listeners(&[1, -1]).contains(&addresses[0]), "of another process");
        drop(one);
        assert!(!listeners(&[own]).contains(&addresses[0]));
    }
}
