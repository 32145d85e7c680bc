//! Plans arms that lead to the same target over two transports.

use harness_rig::target::EchoPath;

/// How both arms reach the target: the direct one over TCP, the proxied one over QUIC.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transports {
    /// Whether TLS is spoken over TCP. QUIC always encrypts.
    pub tls_over_tcp: bool,
    /// The path before the target; absent if nothing impairs it.
    pub path: Option<EchoPath>,
}

impl Transports {
    /// Returns whether the path can be made for TCP.
    pub fn has_tcp(&self) -> bool {
        !self.path.is_some_and(|path| path.is_of_packets() && !path.netem)
    }
}
