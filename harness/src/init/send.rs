//! Sends single requests beside the event loop.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::request::Request;
use harness_base::error::chain;
use harness_rig::aside::aside;
use harness_rig::probe::{Exchange, exchange};
use harness_rig::target::HttpUrl;

const CONNECT: Duration = Duration::from_millis(300);

/// Sends a request and returns the answer, or why there is none. Takes about a second at most.
pub(super) async fn send(at: SocketAddr, tls: bool, request: &Request) -> Result<Exchange, String> {
    let scheme = if tls { "https" } else { "http" };
    let url = HttpUrl::parse(&format!("{scheme}://{at}{}", request.path)).map_err(|error| chain(&error))?;
    let call = request.call();
    let answer = aside(move || exchange(&url, &call, &|| false)).await.map_err(|error| chain(&error))?;
    answer.map_err(|miss| chain(&miss))
}

/// Returns whether something accepts connections there.
pub(super) async fn is_reachable(at: SocketAddr) -> bool {
    aside(move || TcpStream::connect_timeout(&at, CONNECT).is_ok()).await.unwrap_or(false)
}
