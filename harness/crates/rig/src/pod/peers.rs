//! Who is connected with a port of the pod.

use std::collections::BTreeSet;
use std::net::IpAddr;

use procfs::net::{TcpNetEntry, TcpState};

/// Returns the remote addresses of the established connections at a local port.
pub fn peers(port: u16) -> BTreeSet<IpAddr> {
    let tables = [procfs::net::tcp(), procfs::net::tcp6()];
    at(port, tables.into_iter().flatten().flatten())
}

fn at(port: u16, connections: impl Iterator<Item = TcpNetEntry>) -> BTreeSet<IpAddr> {
    let established = connections.filter(|one| one.state == TcpState::Established && one.local_address.port() == port);
    // A socket for both versions shows the IPv4 address of a peer within one of IPv6.
    established.map(|one| one.remote_address.ip().to_canonical()).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use procfs::FromBufReadSI;
    use procfs::net::TcpNetEntries;

    use super::*;

    /// A listener at port 9000, a connection to it from 10.244.1.7, one of the sidecar from 127.0.0.1 with its other end, one that waits for
    /// its end, and one at another port.
    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:2328 00000000:0000 0A 00000000:00000000 00:00000000 00000000 65532        0 61702 1 0000000000000000 100 0 0 10 0
   1: 0502F40A:2328 0701F40A:D2C4 01 00000000:00000000 00:00000000 00000000 65532        0 61710 1 0000000000000000 20 4 30 10 -1
   2: 0100007F:2328 0100007F:B012 01 00000000:00000000 00:00000000 00000000 65532        0 61711 1 0000000000000000 20 4 30 10 -1
   3: 0100007F:B012 0100007F:2328 01 00000000:00000000 00:00000000 00000000 65532        0 61712 1 0000000000000000 20 4 30 10 -1
   4: 0502F40A:2328 0901F40A:D2C6 06 00000000:00000000 03:00000BB8 00000000     0        0 0 3 0000000000000000
   5: 0502F40A:1F90 0801F40A:D2C8 01 00000000:00000000 00:00000000 00000000 65532        0 61713 1 0000000000000000 20 4 30 10 -1
";
    /// A connection from 10.244.3.9 at a socket for both versions, and one from fd00::7.
    const TCP6: &str = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0000000000000000FFFF00000502F40A:2328 0000000000000000FFFF00000903F40A:D300 01 00000000:00000000 00:00000000 00000000 65532        0 61720 1 0000000000000000 20 4 30 10 -1
   1: 000000FD000000000000000005000000:2328 000000FD000000000000000007000000:D302 01 00000000:00000000 00:00000000 00000000 65532        0 61721 1 0000000000000000 20 4 30 10 -1
";

    fn entries(text: &str) -> Vec<TcpNetEntry> {
        TcpNetEntries::from_buf_read(text.as_bytes(), procfs::current_system_info()).unwrap().0
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn peers_are_those_of_established_connections_at_the_port() {
        let found = |port: u16| {
            let all = [entries(TCP), entries(TCP6)].concat();
            at(port, all.into_iter()).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(found(9000), ["10.244.1.7", "10.244.3.9", "127.0.0.1", "fd00::7"]);
        assert_eq!(found(8080), ["10.244.1.8"]);
        assert_eq!(found(53956), [""; 0], "the port of a peer is not ours");
    }

    #[test]
    fn a_connection_is_a_peer_until_it_is_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(peers(port), BTreeSet::new());
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (served, _) = listener.accept().unwrap();
        assert_eq!(peers(port), BTreeSet::from([IpAddr::from([127, 0, 0, 1])]));
        drop(client);
        drop(served);
        assert_eq!(peers(port), BTreeSet::new());
    }
}
