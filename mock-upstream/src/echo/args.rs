use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::flags::parse_duration;

/// Sends back every byte, over TCP, TLS and QUIC.
///
/// Clients of TCP decide by their first byte whether they speak TLS. QUIC accepts data before the end of a resumed handshake (0-RTT).
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "echo", version)]
pub struct Args {
    /// Address of both transports; port 0 takes one that is free for both
    #[arg(long)]
    pub listen: SocketAddr,
    /// Certificate chain, a PEM file
    #[arg(long, value_name = "FILE")]
    pub tls_cert: PathBuf,
    /// Private key of --tls-cert, a PEM file
    #[arg(long, value_name = "FILE")]
    pub tls_key: PathBuf,
    /// Name of the protocol that clients must offer (ALPN)
    #[arg(long, default_value = "echo")]
    pub alpn: String,
    /// Hold each message back for this long
    #[arg(long, value_parser = parse_duration, default_value = "0")]
    pub delay: Duration,
    /// Change the last byte of every Nth message
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub corrupt_every: Option<u64>,
    /// Send nothing back of every Nth message
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub swallow_every: Option<u64>,
    /// Refuse data before the end of a handshake
    #[arg(long)]
    pub no_early_data: bool,
    /// Print `listening ADDRESS` once both transports listen
    #[arg(long)]
    pub announce: bool,
    /// Print `truth {…}` at the end
    #[arg(long)]
    pub truth_on_exit: bool,
}
