//! The network of the stand-in: each pod that shares its processes has a network namespace with an address of its own, and all others have the
//! address of this machine's end. So connections within a pod and those from elsewhere have different addresses, as in a cluster.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

use super::sandbox::bound;
use crate::support::waiting::comes_true;

/// The network. It ends with the processes that are connected with it.
pub(super) struct Network {
    /// Keeps the address of this machine while there is no pod.
    holder: Child,
    /// The last number that was given to a pod.
    last: AtomicU8,
}

impl Network {
    /// Makes the network; `None` where `ip` is missing or may not.
    pub(super) fn start() -> Option<Self> {
        let mut command = bound("unshare");
        command.args(["--net", "sleep", "infinity"]).stdout(Stdio::null()).stderr(Stdio::null());
        let network = Self { holder: command.spawn().ok()?, last: AtomicU8::new(1) };
        let pid = i32::try_from(network.holder.id()).ok()?;
        let own = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        let is_apart = comes_true(|| own(&pid.to_string()).is_some_and(|apart| Some(apart) != own("self")));
        (is_apart && network.attach(pid).is_some()).then_some(network)
    }

    /// Returns the address of this machine, from which it reaches the pods.
    pub(super) fn machine(&self) -> IpAddr {
        address(1).into()
    }

    /// Connects the network namespace of a process. Returns its address.
    pub(super) fn attach(&self, pid: i32) -> Option<IpAddr> {
        let number = self.last.fetch_add(1, Ordering::SeqCst) + 1;
        let (own, machine) = (address(number).to_string(), address(1).to_string());
        let (device, pid) = (format!("hs{}x{number}", std::process::id()), pid.to_string());
        let inside = ["--target", &pid, "--net", "ip"];
        let done = run("ip", &[], &["link", "add", &device, "type", "veth", "peer", "name", "eth0", "netns", &pid])
            && run("ip", &[], &["addr", "add", &machine, "peer", &own, "dev", &device])
            && run("ip", &[], &["link", "set", &device, "up"])
            && run("nsenter", &inside, &["addr", "add", &own, "peer", &machine, "dev", "eth0"])
            && run("nsenter", &inside, &["link", "set", "eth0", "up"])
            && run("nsenter", &inside, &["link", "set", "lo", "up"]);
        done.then(|| address(number).into())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Returns an address in a network that other tests at the same time do not have.
fn address(number: u8) -> Ipv4Addr {
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(10, 100 + high % 100, low, number)
}

fn run(program: &str, before: &[&str], arguments: &[&str]) -> bool {
    let ran = Command::new(program).args(before).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).status();
    ran.is_ok_and(|status| status.success())
}
