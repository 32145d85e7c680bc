//! Renders the texts of a target that runs in a pod, where the upstream is beside it at loopback.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::endpoints::Endpoints;
use super::error::Error;
use super::placeholders::Values;
use super::ports::Ports;
use super::process::{endpoints, render, resolve};
use super::spec;
use super::url::HttpUrl;

/// The port of the bundled upstream in the pod of its target.
pub const UPSTREAM_PORT: u16 = 9000;

/// Replaces the placeholders in a text at `key` of the scenario; `host` is the address of the pod as it is written in a URL.
///
/// # Errors
/// Returns [`Error::Placeholder`] for a placeholder that has no value.
pub fn render_in_pod(text: &str, key: &str, host: &str) -> Result<String, Error> {
    with_values(host, |values| render(values, text, key))
}

/// Returns where a target answers whose pod is at `host`.
///
/// # Errors
/// Returns [`Error`] if a text cannot be rendered, or is not a URL.
pub fn endpoints_in_pod(urls: &spec::Endpoints, host: &str) -> Result<Endpoints, Error> {
    with_values(host, |values| endpoints(values, "target", urls))
}

/// Returns the URL that a text at `key` of the scenario is for a pod at `host`.
///
/// # Errors
/// Returns [`Error`] if the text cannot be rendered, or is not a URL.
pub fn url_in_pod(text: &str, key: &str, host: &str) -> Result<HttpUrl, Error> {
    with_values(host, |values| resolve(values, text, key))
}

/// Writes an address as the host of a URL.
pub fn url_host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn with_values<T>(host: &str, render: impl FnOnce(&mut Values<'_>) -> Result<T, Error>) -> Result<T, Error> {
    let ports = Ports::default();
    let upstream = HttpUrl {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, UPSTREAM_PORT)).into(),
        host: Ipv4Addr::LOCALHOST.to_string(),
        port: Some(UPSTREAM_PORT),
        tls: false,
        path: "/".to_owned(),
    };
    render(&mut Values::new(&ports, Some(&upstream), BTreeMap::new()).in_pod(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_has_an_address_and_its_upstream_beside_it() {
        let urls = spec::Endpoints {
            proxy: "http://{pod}:8080".to_owned(),
            health: Some("http://{pod}:8081/health".to_owned()),
            ..spec::Endpoints::default()
        };
        let endpoints = endpoints_in_pod(&urls, "10.1.2.3").unwrap();
        assert_eq!(endpoints.proxy.address.inet().unwrap().to_string(), "10.1.2.3:8080");
        assert_eq!(endpoints.health.unwrap().path, "/health");
        assert_eq!(render_in_pod("--upstream={upstream.url}", "k", "p").unwrap(), "--upstream=http://127.0.0.1:9000");
        assert_eq!(url_host("fd00::1".parse().unwrap()), "[fd00::1]");
        let error = url_in_pod("http://{file.a}:1", "upstream.url", "10.1.2.3").unwrap_err();
        assert!(error.to_string().contains("upstream.url"), "{error}");
    }
}
