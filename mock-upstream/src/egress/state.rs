//! What all connections to the foreign hosts share.

use harness_base::clock::Mono;
use harness_base::heartbeat::Heartbeat;

use super::args::HostSpec;
use super::host::Host;
use super::ledger::Ledger;
use crate::tls::Acceptor;

pub(crate) struct Egress {
    hosts: Vec<Host>,
    pub(crate) ledger: Ledger,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) tls: Acceptor,
}

impl Egress {
    pub(crate) fn new(hosts: Vec<HostSpec>, tls: Acceptor) -> Self {
        let hosts = hosts.into_iter().map(Host::new).collect();
        Self { hosts, ledger: Ledger::default(), heartbeat: Heartbeat::default(), tls }
    }

    /// Returns the declared host with this DNS name.
    pub(crate) fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.iter().find(|host| host.host.eq_ignore_ascii_case(name))
    }

    /// Obeys a command of the process that started this one. Returns the JSON of the answer.
    pub(crate) fn obey(&self, command: &str) -> Vec<u8> {
        let answer = match command {
            "hits" => {
                if let Some(stall) = self.heartbeat.check(Mono::now()) {
                    self.ledger.stall(stall);
                }
                serde_json::to_vec(&self.ledger.take_hits(self.heartbeat.is_known()))
            }
            "refused" => serde_json::to_vec(&self.ledger.refused()),
            _ => Ok(br#"{"error":"no such command; there are hits and refused"}"#.to_vec()),
        };
        answer.unwrap_or_else(|_| br#"{"error":"the report has no JSON form"}"#.to_vec())
    }
}
