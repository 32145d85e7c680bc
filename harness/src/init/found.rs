//! What was seen of a program, and the roles of its ports.

use std::net::SocketAddr;

use super::request::Request;
use harness_rig::probe::Exchange;

/// What was seen of a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The ports at which it listens, in ascending order.
    pub(super) ports: Vec<Port>,
    /// Where the bundled upstream listened meanwhile.
    pub(super) bound: Vec<SocketAddr>,
    /// Addresses of an upstream at which another process listens.
    pub(super) taken: Vec<SocketAddr>,
    pub(super) attempts: Vec<Attempt>,
}

impl Found {
    /// Forgets the paths of a port whose requests go to an upstream that is not ours: the upstream may have answered them.
    pub(super) fn doubt_paths(&mut self) {
        let passing = self.attempts.iter().find(|one| one.reached.is_none() && one.success().is_some());
        let passing = passing.filter(|_| !self.taken.is_empty()).map(|one| one.port);
        for port in self.ports.iter_mut().filter(|port| Some(port.address) == passing) {
            port.paths.clear();
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Port {
    /// Where it is reached.
    pub(super) address: SocketAddr,
    pub(super) speech: Speech,
    /// The paths that it answers itself with 2xx.
    pub(super) paths: Vec<&'static str>,
    /// Whether it answers any path with 2xx, so that an answer says nothing.
    pub(super) answers_all: bool,
}

/// What is spoken at a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speech {
    Http,
    Https,
    /// No HTTP/1.1.
    Other,
    /// It is not at loopback.
    Elsewhere,
}

/// A request to a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) port: SocketAddr,
    pub(super) request: Request,
    /// The answer, or why there was none.
    pub(super) answer: Result<Exchange, String>,
    /// The upstream at which it arrived.
    pub(super) reached: Option<SocketAddr>,
}

impl Attempt {
    /// Returns the answer if it is a success.
    pub(super) fn success(&self) -> Option<&Exchange> {
        self.answer.as_ref().ok().filter(|answer| (200..300).contains(&answer.status))
    }
}

/// A path at a port.
pub(super) type At = (SocketAddr, &'static str);

/// The purposes of the ports of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Roles {
    pub(super) proxy: SocketAddr,
    /// Whether the proxy port speaks TLS.
    pub(super) tls: bool,
    pub(super) upstream: Option<SocketAddr>,
    pub(super) request: Request,
    pub(super) answer: Exchange,
    pub(super) health: Option<At>,
    pub(super) ready: Option<At>,
    pub(super) metrics: Option<At>,
}

/// The paths of each role, the preferred first.
const HEALTH: [&str; 3] = ["/health", "/healthz", "/livez"];
const READY: [&str; 2] = ["/ready", "/readyz"];
const METRICS: [&str; 1] = ["/metrics"];

/// All paths that are tried.
pub(super) fn paths() -> impl Iterator<Item = &'static str> {
    HEALTH.into_iter().chain(READY).chain(METRICS)
}

impl Roles {
    /// Chooses the roles; `None` if no request had a valid answer. A request that arrived at the upstream is preferred.
    pub(super) fn of(found: &Found) -> Option<Self> {
        let reached = found.attempts.iter().find(|one| one.reached.is_some() && one.success().is_some());
        let chosen = reached.or_else(|| found.attempts.iter().find(|one| one.success().is_some()))?;
        let at = |paths: &[&'static str]| {
            let of_port = |port: &&Port| !port.answers_all;
            let ports = || found.ports.iter().filter(of_port);
            paths.iter().find_map(|path| Some((ports().find(|port| port.paths.contains(path))?.address, *path)))
        };
        let is_https = |port: &&Port| port.address == chosen.port && port.speech == Speech::Https;
        Some(Self {
            proxy: chosen.port,
            tls: found.ports.iter().any(|port| is_https(&port)),
            upstream: chosen.reached.or_else(|| found.taken.first().copied()),
            request: chosen.request.clone(),
            answer: chosen.success()?.clone(),
            health: at(&HEALTH),
            ready: at(&READY),
            metrics: at(&METRICS),
        })
    }

    /// Returns the names of the ports that the scenario uses.
    pub(super) fn ports(&self) -> Vec<(u16, &'static str)> {
        let other = [(self.health.or(self.ready), "admin"), (self.metrics, "metrics")];
        let mut named = vec![(self.proxy.port(), "proxy")];
        for (port, name) in other.into_iter().filter_map(|(at, name)| Some((at?.0.port(), name))) {
            if named.iter().all(|(known, _)| *known != port) {
                named.push((port, name));
            }
        }
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn port(number: u16, paths: &[&'static str], answers_all: bool) -> Port {
        Port { address: at(number), speech: Speech::Http, paths: paths.to_vec(), answers_all }
    }

    fn attempt(number: u16, status: u16, reached: Option<SocketAddr>) -> Attempt {
        let answer = Exchange { status, length: Some(5), excerpt: String::new() };
        Attempt { port: at(number), request: Request::to_try(None).swap_remove(0), answer: Ok(answer), reached }
    }

    #[test]
    fn the_port_whose_request_arrives_at_the_upstream_takes_the_requests() {
        let ports = vec![port(1, &["/healthz", "/metrics"], false), port(2, &[], false)];
        let attempts = vec![attempt(1, 200, None), attempt(2, 200, Some(at(9)))];
        let roles = Roles::of(&Found { ports, attempts, ..Found::default() }).unwrap();
        assert_eq!((roles.proxy, roles.upstream), (at(2), Some(at(9))));
        assert_eq!(
            (roles.health, roles.ready, roles.metrics),
            (Some((at(1), "/healthz")), None, Some((at(1), "/metrics")))
        );
        assert_eq!(roles.ports(), [(2, "proxy"), (1, "admin")]);
    }

    #[test]
    fn a_server_that_answers_every_path_has_no_health_path_and_errors_are_no_answer() {
        let ports = vec![port(1, &["/health", "/ready"], true)];
        let found = Found { ports, attempts: vec![attempt(1, 200, None)], ..Found::default() };
        let roles = Roles::of(&found).unwrap();
        assert_eq!((roles.proxy, roles.upstream, roles.health), (at(1), None, None));
        assert_eq!(Roles::of(&Found { attempts: vec![attempt(1, 502, Some(at(9)))], ..found }), None);
    }

    #[test]
    fn paths_that_an_upstream_of_somebody_else_may_have_answered_do_not_count() {
        let ports = vec![port(1, &["/health"], false), port(2, &["/ready"], false)];
        let attempts = vec![attempt(1, 200, None)];
        let mut found = Found { ports, attempts, taken: vec![at(9)], ..Found::default() };
        found.doubt_paths();
        let roles = Roles::of(&found).unwrap();
        assert_eq!((roles.upstream, roles.health, roles.ready), (Some(at(9)), None, Some((at(2), "/ready"))));
    }
}
