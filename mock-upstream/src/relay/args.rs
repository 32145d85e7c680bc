use std::net::SocketAddr;
use std::time::Duration;

use harness_base::units::{BitRate, Bytes, Nanos, ParseError};

use super::impairment::{Impairment, Reset, Stall};
use crate::flags::{parse_duration, parse_size};
use crate::share::parse_share;

/// Relays TCP connections or UDP packets to an address, with the delays, limits and faults of a network.
///
/// Each direction has the delay, the bandwidth and the losses of its own, so the round trip takes twice the delay. The flags --listen and --to
/// may be repeated: the first --listen belongs to the first --to, and all share the other flags, but no queue. The command `counts` on stdin
/// reports what the relay really did.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "relay", version)]
pub struct Args {
    /// Address to listen on, of TCP or UDP; port 0 takes a free one
    #[arg(long, required = true)]
    pub listen: Vec<SocketAddr>,
    /// Address to which everything is relayed
    #[arg(long, required = true)]
    pub to: Vec<SocketAddr>,
    /// What is relayed
    #[arg(long, value_enum, default_value = "tcp")]
    pub protocol: Protocol,
    /// Delay of each direction, e.g. 10ms
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub delay: Duration,
    /// The largest difference from --delay; each chunk or packet draws its own, uniformly in both directions. It must not exceed --delay
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub jitter: Duration,
    /// Limit of each direction, over all connections of a --listen, e.g. 10Mbit/s
    #[arg(long, value_parser = parse_bandwidth)]
    pub bandwidth: Option<BitRate>,
    /// Share of the packets that are lost, e.g. 1%; UDP only
    #[arg(long, default_value = "0%", value_parser = parse_share)]
    pub loss: f64,
    /// Share of the packets that arrive twice; UDP only
    #[arg(long, default_value = "0%", value_parser = parse_share)]
    pub duplicate: f64,
    /// Share of the packets that are held until later ones have passed; UDP only
    #[arg(long, default_value = "0%", value_parser = parse_share)]
    pub reorder: f64,
    /// How much longer a packet of --reorder is held
    #[arg(long, default_value = "1ms", value_parser = parse_duration)]
    pub reorder_by: Duration,
    /// Time from the start of one stall to that of the next; nothing passes during a stall
    #[arg(long, value_parser = parse_duration, requires = "stall_for")]
    pub stall_every: Option<Duration>,
    /// Length of each stall, less than --stall-every
    #[arg(long, value_parser = parse_duration, requires = "stall_every")]
    pub stall_for: Option<Duration>,
    /// Reset a TCP connection once it has carried so many bytes in both directions together
    #[arg(long, value_parser = parse_size)]
    pub reset_after: Option<usize>,
    /// Share of the connections that --reset-after is about
    #[arg(long, default_value = "100%", value_parser = parse_share, requires = "reset_after")]
    pub reset_share: f64,
    /// Seed of everything that is drawn
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// Print `listening ADDRESS` for each --listen once the relay accepts
    #[arg(long)]
    pub announce: bool,
    /// Answer the command `counts` on stdin and stdout, one per line
    #[arg(long)]
    pub admin_stdio: bool,
}

/// What a relay passes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// Connections.
    Tcp,
    /// Packets.
    Udp,
}

/// The reason why flags do not fit together.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgsError {
    #[error("there are {listen} --listen and {to} --to; write one --to for each --listen")]
    Pairs { listen: usize, to: usize },
    #[error(
        "{flag} is about packets, and a relay of TCP has none to lose: the kernel would repair it; pass --protocol udp, or leave it out"
    )]
    PacketsOnly { flag: &'static str },
    #[error("--reset-after is about connections, and UDP has none; pass --protocol tcp, or leave it out")]
    ConnectionsOnly,
    #[error(
        "--jitter {jitter:?} is more than --delay {delay:?}; nothing can arrive before it was sent, so pass a smaller jitter"
    )]
    Jitter { jitter: Duration, delay: Duration },
    #[error(
        "--stall-for {stall:?} is not less than --stall-every {every:?}, so nothing would ever pass; pass a shorter stall"
    )]
    Stall { stall: Duration, every: Duration },
}

impl Args {
    /// Returns the addresses to listen on, each with the address to relay to.
    ///
    /// # Errors
    /// Returns an error if there are more of one than of the other.
    pub fn pairs(&self) -> Result<Vec<(SocketAddr, SocketAddr)>, ArgsError> {
        if self.listen.len() != self.to.len() {
            return Err(ArgsError::Pairs { listen: self.listen.len(), to: self.to.len() });
        }
        Ok(self.listen.iter().copied().zip(self.to.iter().copied()).collect())
    }

    /// Returns the impairment that the flags describe.
    ///
    /// # Errors
    /// Returns an error if flags contradict each other.
    pub fn impairment(&self) -> Result<Impairment, ArgsError> {
        let shares = [("--loss", self.loss), ("--duplicate", self.duplicate), ("--reorder", self.reorder)];
        let packets = shares.iter().find(|(_, share)| *share > 0.0);
        match (self.protocol, packets) {
            (Protocol::Tcp, Some((flag, _))) => return Err(ArgsError::PacketsOnly { flag }),
            (Protocol::Udp, _) if self.reset_after.is_some() => return Err(ArgsError::ConnectionsOnly),
            _ => {}
        }
        if self.jitter > self.delay {
            return Err(ArgsError::Jitter { jitter: self.jitter, delay: self.delay });
        }
        let stall = self.stall_every.zip(self.stall_for).filter(|(_, stall)| !stall.is_zero());
        if let Some((every, stall)) = stall.filter(|(every, stall)| stall >= every) {
            return Err(ArgsError::Stall { stall, every });
        }
        let stall = stall.map(|(every, stall)| Stall { every: Nanos::of(every), span: Nanos::of(stall) });
        let reset = self.reset_after.map(|after| Reset { after: Bytes(after as u64), share: self.reset_share });
        Ok(Impairment {
            delay: Nanos::of(self.delay),
            jitter: Nanos::of(self.jitter),
            bandwidth: self.bandwidth,
            stall,
            reset,
            loss: self.loss,
            duplicate: self.duplicate,
            reorder: self.reorder,
            reorder_by: Nanos::of(self.reorder_by),
            seed: self.seed,
        })
    }
}

fn parse_bandwidth(text: &str) -> Result<BitRate, ParseError> {
    BitRate::parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn read(flags: &[&str]) -> Result<Impairment, ArgsError> {
        let own = ["relay", "--listen", "127.0.0.1:0", "--to", "127.0.0.1:1"];
        Args::try_parse_from(own.iter().chain(flags)).unwrap().impairment()
    }

    #[test]
    fn flags_become_an_impairment() {
        let all = [
            "--delay",
            "10ms",
            "--jitter",
            "1ms",
            "--bandwidth",
            "10Mbit/s",
            "--stall-every",
            "1s",
            "--stall-for",
            "50ms",
        ];
        let impairment = read(&all).unwrap();
        assert_eq!((impairment.delay, impairment.jitter), (Nanos::from_millis(10), Nanos::from_millis(1)));
        assert_eq!(impairment.bandwidth, Some(BitRate(10_000_000)));
        assert_eq!(impairment.stall, Some(Stall { every: Nanos::from_secs(1), span: Nanos::from_millis(50) }));
        let reset = read(&["--reset-after", "64KiB", "--reset-share", "10%"]).unwrap().reset;
        assert_eq!(reset, Some(Reset { after: Bytes(65_536), share: 0.1 }));
        let packets = read(&["--protocol", "udp", "--loss", "1%", "--duplicate", "2%", "--reorder", "3%"]).unwrap();
        assert_eq!((packets.loss, packets.duplicate, packets.reorder), (0.01, 0.02, 0.03));
    }

    #[test]
    fn flags_that_cannot_be_kept_are_refused() {
        assert_eq!(read(&["--loss", "1%"]).unwrap_err(), ArgsError::PacketsOnly { flag: "--loss" });
        assert_eq!(read(&["--protocol", "udp", "--reset-after", "1KiB"]).unwrap_err(), ArgsError::ConnectionsOnly);
        assert!(matches!(read(&["--jitter", "1ms"]), Err(ArgsError::Jitter { .. })));
        assert!(matches!(read(&["--stall-every", "1s", "--stall-for", "1s"]), Err(ArgsError::Stall { .. })));
    }

    #[test]
    fn each_listener_has_its_destination() {
        let flags = ["relay", "--listen", "127.0.0.1:0", "--to", "127.0.0.1:1", "--listen", "127.0.0.1:3"];
        let short = Args::try_parse_from(flags).unwrap().pairs();
        assert_eq!(short, Err(ArgsError::Pairs { listen: 2, to: 1 }));
        let pairs = Args::try_parse_from(flags.iter().chain(&["--to", "127.0.0.1:4"])).unwrap().pairs().unwrap();
        assert_eq!(pairs[1], ("127.0.0.1:3".parse().unwrap(), "127.0.0.1:4".parse().unwrap()));
    }
}
