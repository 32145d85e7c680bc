//! A relay that impairs a path between two processes of a run.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use super::error::Error;
use super::process::{Wanted, start};
use super::running::Running;
use super::site::Site;
use super::spec::{Endpoints, ProcessSpec};
use super::url::HttpUrl;
use crate::paths::Path;

/// A running relay.
#[derive(Debug)]
pub struct RunningRelay {
    /// Where it listens, in the order of its ways.
    pub addresses: Vec<SocketAddr>,
    pub running: Running,
    /// Our ends of its stdin and stdout, over which it reports what it did. No other process can reach them.
    pub admin: Option<(OwnedFd, OwnedFd)>,
}

/// Where a relay listens, and where what it takes there goes. It chooses the port.
pub type Way = (IpAddr, SocketAddr);

/// Name of the bundled program in a command.
const BUNDLED: &str = "builtin:relay";

/// Starts the relay of a path. Returns before it listens.
///
/// # Errors
/// Returns [`Error`], with the next command to type.
pub fn launch_relay(path: &Path, ways: &[Way], site: &Site, (name, seed): (&str, u64)) -> Result<RunningRelay, Error> {
    let process = ProcessSpec { command: command(&path.in_relay(), ways, seed), env: Vec::new(), cpuset: None };
    let urls = ways.iter().enumerate().map(|(number, (ip, _))| format!("http://{}", listen(*ip, number)));
    let mut others: Vec<(String, String)> = urls.enumerate().map(|(number, url)| (key(number), url)).collect();
    let proxy = others.first().map(|(_, url)| url.clone()).unwrap_or_default();
    others.drain(..others.len().min(1));
    let wanted = Wanted {
        section: "network",
        name,
        process: &process,
        cpuset: None,
        limits: None,
        files: &[],
        endpoints: &Endpoints { proxy, others, ..Endpoints::default() },
        upstream: None,
        egress: None,
        allotted: None,
        pipes: true,
        server: None,
    };
    let running = start(site, &wanted)?;
    let address = |url: &HttpUrl| url.address.inet();
    let first = address(&running.endpoints.proxy);
    let rest = running.endpoints.others.iter().map(|(_, url)| address(url));
    let addresses = [first].into_iter().chain(rest).flatten().collect();
    let admin = running.take_pipes();
    Ok(RunningRelay { addresses, running, admin })
}

/// Returns the key of a way in error messages.
fn key(number: usize) -> String {
    format!("network.{number}")
}

/// Returns where the relay listens for a way.
fn listen(ip: IpAddr, number: usize) -> String {
    let ip = if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
    format!("{ip}:{{port.relay_{number}}}")
}

/// Returns the command of the relay, with exact times in nanoseconds.
fn command(path: &Path, ways: &[Way], seed: u64) -> Vec<String> {
    let ways = ways
        .iter()
        .enumerate()
        .flat_map(|(number, (ip, to))| ["--listen".to_owned(), listen(*ip, number), "--to".to_owned(), to.to_string()]);
    let ns = |flag: &str, span: harness_base::units::Nanos| [flag.to_owned(), format!("{}ns", span.0)];
    let times = ns("--delay", path.delay_ns).into_iter().chain(ns("--jitter", path.jitter_ns));
    let bandwidth = path.bits_per_second.map(|rate| ["--bandwidth".to_owned(), rate.notation()]);
    let stall = path.stall.map(|stall| [ns("--stall-every", stall.every_ns), ns("--stall-for", stall.for_ns)].concat());
    let reset = path.reset.map(|reset| {
        let share = format!("{}%", reset.share * 100.0);
        ["--reset-after".to_owned(), format!("{}B", reset.after_bytes.0), "--reset-share".to_owned(), share]
    });
    let own = [BUNDLED, "--admin-stdio", "--seed"].map(str::to_owned).into_iter().chain([seed.to_string()]);
    own.chain(ways)
        .chain(times)
        .chain(bandwidth.into_iter().flatten())
        .chain(stall.into_iter().flatten())
        .chain(reset.into_iter().flatten())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::{PathReset, PathStall};
    use harness_base::units::{BitRate, Bytes, Nanos};

    #[test]
    fn a_path_becomes_flags_and_each_way_a_port() {
        let path = Path {
            delay_ns: Nanos(1_500),
            jitter_ns: Nanos(3),
            bits_per_second: Some(BitRate(2_500)),
            stall: Some(PathStall { every_ns: Nanos(9), for_ns: Nanos(4) }),
            reset: Some(PathReset { after_bytes: Bytes(70), share: 0.25 }),
            netem: None,
        };
        let ways = [
            (IpAddr::from([127, 0, 0, 1]), SocketAddr::from(([127, 0, 0, 1], 80))),
            ("::1".parse().unwrap(), "[::1]:81".parse().unwrap()),
        ];
        assert_eq!(
            command(&path, &ways, 42).join(" "),
            "builtin:relay --admin-stdio --seed 42 --listen 127.0.0.1:{port.relay_0} --to 127.0.0.1:80 --listen [::1]:{port.relay_1} \
             --to [::1]:81 --delay 1500ns --jitter 3ns --bandwidth 2500bit/s --stall-every 9ns --stall-for 4ns --reset-after 70B \
             --reset-share 25%"
        );
    }
}
