//! A path with the delays, limits and losses of a network, before a server that is reached over TCP and over UDP: a relay of ours for each.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

use super::error::Error;
use super::process::{Wanted, start};
use super::running::Running;
use super::site::Site;
use super::spec::{Endpoints, ProcessSpec};
use crate::netem::{Impairment, Place};
use harness_base::units::{BitRate, Nanos, Ratio};

/// What each direction of a path does to what passes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct EchoPath {
    /// One way, so a round trip takes twice as long.
    pub delay: Nanos,
    /// The largest difference from `delay`, at most `delay`.
    pub jitter: Nanos,
    /// Absent: as fast as the host.
    pub bandwidth: Option<BitRate>,
    /// Share of the packets that are lost; those of TCP too with `netem`.
    pub loss: Ratio,
    /// Share of the packets that arrive twice.
    pub duplicate: Ratio,
    /// Share of the packets that are held until later ones have passed, or with `netem` that overtake others.
    pub reorder: Ratio,
    /// Whether netem makes all of it, and the relays nothing.
    pub netem: bool,
}

/// What a relay passes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    Tcp,
    Udp,
}

/// A relay that was started.
#[derive(Debug)]
pub struct EchoRelay {
    pub running: Running,
    /// Our ends of its stdin and stdout, over which it takes commands and reports its counts. No other process can reach them.
    pub admin: Option<(OwnedFd, OwnedFd)>,
}

/// Name of the bundled program in a command.
const BUNDLED: &str = "builtin:relay";

impl EchoPath {
    /// Returns what netem does on this path; `None` if the relays make it.
    pub fn impairment(&self) -> Option<Impairment> {
        let Self { delay, jitter, bandwidth, loss, duplicate, reorder, netem } = *self;
        netem.then_some(Impairment { delay, jitter, bandwidth, loss, duplicate, reorder })
    }

    /// Returns whether packets get lost, arrive twice or overtake each other, which no relay can do to segments of TCP.
    pub fn is_of_packets(&self) -> bool {
        [self.loss, self.duplicate, self.reorder].iter().any(|share| share.0 > 0.0)
    }

    /// Describes it: `10ms each way, jitter 1ms, 10Mbit/s, 1% of the packets lost`.
    pub fn describe(&self) -> String {
        let Self { delay, jitter, bandwidth, loss, duplicate, reorder, netem } = *self;
        let share =
            |share: Ratio, word: &str| (share.0 > 0.0).then(|| format!("{} of the packets {word}", share.notation()));
        let parts = [
            Some(format!("{} each way", delay.notation())),
            (jitter > Nanos::ZERO).then(|| format!("jitter {}", jitter.notation())),
            bandwidth.map(|bandwidth| bandwidth.notation()),
            share(loss, "lost"),
            share(duplicate, "repeated"),
            share(reorder, "reordered"),
            netem.then(|| "by netem".to_owned()),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// Starts a relay to `to`. Returns before it listens.
///
/// # Errors
/// Returns [`Error`], with the next command to type.
pub fn launch_echo_relay(
    path: &EchoPath,
    (carried, to): (Carried, SocketAddr),
    (site, name): (&Site, &str),
    seed: u64,
) -> Result<EchoRelay, Error> {
    let local = local(path, carried, to);
    let process = ProcessSpec { command: command(path, carried, (&local, to), seed), env: Vec::new(), cpuset: None };
    let wanted = Wanted {
        section: "path",
        name,
        process: &process,
        cpuset: None,
        limits: None,
        files: &[],
        endpoints: &Endpoints { proxy: format!("http://{local}:{{port.relay}}"), ..Endpoints::default() },
        upstream: None,
        egress: None,
        allotted: None,
        pipes: true,
        server: None,
    };
    let running = start(site, &wanted)?;
    let admin = running.take_pipes();
    Ok(EchoRelay { running, admin })
}

impl Carried {
    /// Returns where its path crosses netem: UDP carries the proxied arm.
    pub const fn place(self) -> Place {
        match self {
            Self::Tcp => Place::Direct,
            Self::Udp => Place::Proxied,
        }
    }
}

/// Returns the address at which the relay listens, as a URL has it.
fn local(path: &EchoPath, carried: Carried, to: SocketAddr) -> String {
    let own = match (path.netem, to.is_ipv6()) {
        (true, _) => IpAddr::V4(carried.place().address()),
        (false, true) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        (false, false) => IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    if own.is_ipv6() { format!("[{own}]") } else { own.to_string() }
}

fn command(path: &EchoPath, carried: Carried, (local, to): (&str, SocketAddr), seed: u64) -> Vec<String> {
    let path = if path.netem { EchoPath::default() } else { *path };
    let percent = |share: Ratio| format!("{}%", share.0 * 100.0);
    let protocol = match carried {
        Carried::Tcp => "tcp",
        Carried::Udp => "udp",
    };
    let mut words: Vec<String> = [BUNDLED, "--protocol", protocol, "--admin-stdio"].map(str::to_owned).to_vec();
    let mut flag = |name: &str, value: String| words.extend([name.to_owned(), value]);
    flag("--listen", format!("{local}:{{port.relay}}"));
    flag("--to", to.to_string());
    flag("--delay", path.delay.notation());
    flag("--jitter", path.jitter.notation());
    flag("--seed", seed.to_string());
    if let Some(bandwidth) = path.bandwidth {
        flag("--bandwidth", bandwidth.notation());
    }
    if carried == Carried::Udp {
        flag("--loss", percent(path.loss));
        flag("--duplicate", percent(path.duplicate));
        flag("--reorder", percent(path.reorder));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: EchoPath = EchoPath {
        delay: Nanos::from_millis(10),
        jitter: Nanos::from_millis(1),
        bandwidth: Some(BitRate(10_000_000)),
        loss: Ratio(0.01),
        duplicate: Ratio(0.0),
        reorder: Ratio(0.0),
        netem: false,
    };

    #[test]
    fn only_packets_are_lost() {
        let to = SocketAddr::from(([127, 0, 0, 1], 9));
        let words = |carried| command(&PATH, carried, ("127.0.0.1", to), 7).join(" ");
        let tcp = words(Carried::Tcp);
        assert!(tcp.starts_with("builtin:relay --protocol tcp --admin-stdio --listen 127.0.0.1:{port.relay}"), "{tcp}");
        assert!(tcp.ends_with("--to 127.0.0.1:9 --delay 10ms --jitter 1ms --seed 7 --bandwidth 10Mbit/s"), "{tcp}");
        let udp = words(Carried::Udp);
        assert!(udp.contains("--protocol udp") && udp.ends_with("--loss 1% --duplicate 0% --reorder 0%"), "{udp}");
    }

    #[test]
    fn the_relays_of_netem_only_pass_on_at_the_places() {
        let (path, to) = (EchoPath { netem: true, ..PATH }, "[::1]:9".parse().unwrap());
        assert_eq!(
            (local(&path, Carried::Udp, to), local(&PATH, Carried::Udp, to)),
            ("127.66.0.1".into(), "[::1]".into())
        );
        let place = local(&path, Carried::Tcp, to);
        let words = command(&path, Carried::Tcp, (&place, to), 7).join(" ");
        assert!(
            words.ends_with("--listen 127.66.0.2:{port.relay} --to [::1]:9 --delay 0ns --jitter 0ns --seed 7"),
            "{words}"
        );
        assert_eq!((path.impairment().map(|netem| netem.loss), PATH.impairment()), (Some(Ratio(0.01)), None));
        assert!(path.describe().ends_with("1% of the packets lost, by netem"));
    }

    #[test]
    fn a_path_is_described_in_its_order() {
        assert_eq!(PATH.describe(), "10ms each way, jitter 1ms, 10Mbit/s, 1% of the packets lost");
        assert!(PATH.is_of_packets() && !EchoPath { loss: Ratio(0.0), ..PATH }.is_of_packets());
        assert_eq!(EchoPath::default().describe(), "0ns each way");
    }
}
