//! Nodes in network namespaces of their own, which reach this machine by a bridge, as nodes on other machines reach it by a switch.

use std::process::{Command, Stdio};

use rand::Rng as _;

/// A bridge of this machine, and namespaces that are connected to it. All of them are removed when it is dropped.
#[derive(Debug)]
pub(super) struct Network {
    /// Part of the names, and the third byte of the addresses.
    number: u8,
    nodes: usize,
}

/// Runs a command of iproute2 with the words of `line`. Returns whether it succeeded.
fn ip(line: &str) -> bool {
    let status = Command::new("ip").args(line.split(' ')).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

impl Network {
    /// Creates so many namespaces. Returns `None`, and says so, where this is not permitted.
    pub(super) fn new(nodes: usize) -> Option<Self> {
        let network = Self { number: rand::rng().random_range(100..=250), nodes };
        if network.create() {
            return Some(network);
        }
        eprintln!("SKIPPED: nodes in network namespaces, because ip netns is not permitted here");
        None
    }

    fn create(&self) -> bool {
        let bridge = self.bridge();
        let is_up = ip(&format!("link add {bridge} type bridge"))
            && ip(&format!("addr add {}/24 dev {bridge}", self.address()))
            && ip(&format!("link set {bridge} up"));
        is_up && (0..self.nodes).all(|node| self.connect(node))
    }

    fn connect(&self, node: usize) -> bool {
        let (bridge, name, link) = (self.bridge(), self.namespace(node), self.link(node));
        ip(&format!("netns add {name}"))
            && ip(&format!("link add {link} type veth peer name eth0 netns {name}"))
            && ip(&format!("link set {link} master {bridge} up"))
            && ip(&format!("-n {name} addr add 198.18.{}.{}/24 dev eth0", self.number, node + 2))
            && ip(&format!("-n {name} link set eth0 up"))
            && ip(&format!("-n {name} link set lo up"))
    }

    /// Returns the address of this machine as the nodes see it.
    pub(super) fn address(&self) -> String {
        format!("198.18.{}.1", self.number)
    }

    fn bridge(&self) -> String {
        format!("hfbr{}", self.number)
    }

    pub(super) fn namespace(&self, node: usize) -> String {
        format!("harness-fleet-{}-{node}", self.number)
    }

    fn link(&self, node: usize) -> String {
        format!("hf{}n{node}", self.number)
    }

    /// Takes the link of a node down, without a word to either end.
    pub(super) fn cut(&self, node: usize) {
        assert!(ip(&format!("link set {} down", self.link(node))));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for node in 0..self.nodes {
            ip(&format!("link del {}", self.link(node)));
            ip(&format!("netns del {}", self.namespace(node)));
        }
        ip(&format!("link del {}", self.bridge()));
    }
}
