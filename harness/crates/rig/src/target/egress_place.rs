//! Where a target finds the foreign hosts that the harness plays.

use std::net::IpAddr;
use std::path::PathBuf;

use super::url::HttpUrl;

/// Where a target finds the foreign hosts.
#[derive(Debug, Clone)]
pub struct EgressPlace {
    /// The proxy that connects to them, and to no others.
    pub proxy: HttpUrl,
    /// The file with the authority that signed their certificate, which everybody may read.
    pub authority: PathBuf,
    /// The hosts that a container finds at an address, without the proxy.
    pub direct: Vec<(String, IpAddr)>,
}
