//! Runs the relays of the network around a target, and reads what they did.

use std::iter;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::launch::{come_up, launch_halt};
use crate::measure::reason::Cause;
use crate::measure::{Failure, PathName};
use crate::run::admin::Admin;
use crate::run::engine::Engine;
use crate::run::halt::Halt;
use crate::run::netem::{self, CLIENT, UPSTREAM};
use crate::run::relays::{self, LINES, Relay, RelayCount};
use crate::run::rig::Rig;
use crate::work::Stage;
use crate::work::load::LoadWork;
use harness_base::address::Address;
use harness_base::error::causes;
use harness_base::exit::Exit;
use harness_base::units::Nanos;
use harness_rig::netem::Place;
use harness_rig::paths::Path;
use harness_rig::target::{self, HttpUrl, Running, RunningRelay, Way};
use mock_upstream::relay::RelayReport;

/// Time limit for a relay to listen.
const DEADLINE: Nanos = Nanos::from_secs(10);
/// Time between SIGTERM and SIGKILL.
const PATIENCE: Nanos = Nanos::from_millis(1500);

/// The relays around a target: none without a network.
#[derive(Default)]
pub(super) struct Relays(Vec<Relay>);

/// Where the arms of a generator go.
struct Arms {
    proxied: HttpUrl,
    /// Absent without an upstream.
    direct: Option<HttpUrl>,
}

impl Relays {
    /// Starts the relay of the upstream path, if the stage has one. Returns where the target, and the direct arm, find the upstream.
    ///
    /// # Errors
    /// Returns [`Halt::Failed`] if it does not listen. It is a part of the harness, so the target is not at fault.
    pub(super) async fn behind(
        &mut self,
        rig: &Rig<'_>,
        stage: &Stage,
        name: &str,
        upstream: Option<&HttpUrl>,
    ) -> Result<Option<HttpUrl>, Halt> {
        let (Some(path), Some(url)) = (stage.network.upstream, upstream) else { return Ok(upstream.cloned()) };
        let to = port(url)?;
        let way = at(&path, UPSTREAM[0], (to.ip(), to));
        let (relay, addresses) = start(rig, (PathName::Upstream, &path), (&[way], &UPSTREAM), name).await?;
        let relayed = addresses.first().map(|address| {
            // The relay of netem has an address of its own, which the target must be told.
            let host = if path.netem.is_some() { address.ip().to_string() } else { url.host.clone() };
            HttpUrl { address: Address::Inet(*address), port: Some(address.port()), host, ..url.clone() }
        });
        self.0.push(relay);
        Ok(relayed)
    }

    /// Starts the relay of the client path, if the stage has one. Returns where the generator sends the requests of both arms. The name of
    /// the server stays the same, and with it the field `host`.
    ///
    /// # Errors
    /// See [`Relays::behind`].
    async fn before(
        &mut self,
        rig: &Rig<'_>,
        stage: &Stage,
        name: &str,
        (proxied, direct): (&HttpUrl, Option<&HttpUrl>),
    ) -> Result<Arms, Halt> {
        let Some(path) = stage.network.client else {
            return Ok(Arms { proxied: proxied.clone(), direct: direct.cloned() });
        };
        let urls = || iter::once(proxied).chain(direct);
        let way = |(url, place): (&HttpUrl, Place)| -> Result<Way, Halt> { Ok(at(&path, place, beside(port(url)?))) };
        let ways = urls().zip(CLIENT).map(way).collect::<Result<Vec<Way>, Halt>>()?;
        let places: Vec<Place> = CLIENT.into_iter().take(ways.len()).collect();
        let (relay, addresses) = start(rig, (PathName::Client, &path), (&ways, &places), name).await?;
        let through =
            |(url, address): (&HttpUrl, &SocketAddr)| HttpUrl { address: Address::Inet(*address), ..url.clone() };
        let mut arms = urls().zip(&addresses).map(through);
        let proxied = arms.next().ok_or_else(|| Halt::tool("the relay of the client path has no address"))?;
        let direct = arms.next();
        self.0.push(relay);
        Ok(Arms { proxied, direct })
    }

    /// Starts the generator of a stage with load, and the relay before it.
    ///
    /// # Errors
    /// See [`Relays::before`] and [`Engine::start`].
    pub(super) async fn engine(
        &mut self,
        rig: &Rig<'_>,
        stage: &Stage,
        work: Option<&LoadWork>,
        ((name, instance), proxied, direct): ((&str, u32), &HttpUrl, Option<&HttpUrl>),
    ) -> Result<Option<Engine>, Halt> {
        let Some(work) = work else { return Ok(None) };
        let Arms { proxied, direct } = self.before(rig, stage, name, (proxied, direct)).await?;
        Engine::start(rig, stage, work, (name, instance), &proxied, direct.as_ref()).await.map(Some)
    }

    pub(super) fn pids(&self) -> Vec<i32> {
        self.0.iter().map(|relay| relay.running.pid).collect()
    }

    /// Reads what the relays did so far.
    ///
    /// # Errors
    /// Returns [`Halt::Failed`] if one gives no answer within ten seconds, or has ended.
    pub(super) async fn counts(&self) -> Result<Vec<RelayCount>, Halt> {
        relays::counts(&self.0).await
    }

    /// Stops all relays.
    pub(super) async fn stop(self) {
        for relay in self.0.iter().rev() {
            relay.running.stop(PATIENCE).await;
        }
    }
}

/// Returns the port at which a server listens.
fn port(url: &HttpUrl) -> Result<SocketAddr, Halt> {
    url.address
        .inet()
        .ok_or_else(|| Halt::tool("a relay passes on connections between TCP ports, and this is a unix socket"))
}

/// Returns the way to an address for a client on this host: a container has an address that only it can listen on.
fn beside(to: SocketAddr) -> Way {
    let own = if to.ip().is_loopback() { to.ip() } else { IpAddr::from(Ipv4Addr::LOCALHOST) };
    (own, to)
}

/// Returns the way of a path that crosses netem at `place`, where the relay listens at the address of the place.
fn at(path: &Path, place: Place, (own, to): Way) -> Way {
    (if path.netem.is_some() { place.address().into() } else { own }, to)
}

/// Starts a relay, at these places if netem makes its path. Returns it with the addresses at which it listens.
async fn start(
    rig: &Rig<'_>,
    (path_name, path): (PathName, &Path),
    (ways, places): (&[Way], &[Place]),
    name: &str,
) -> Result<(Relay, Vec<SocketAddr>), Halt> {
    let shaped = netem::shape(rig, places, path.impairment()).await?;
    let name = format!("relay-{}-{name}", path_name.name());
    let launched = target::launch_relay(path, ways, &rig.site, (&name, rig.plan.scenario.seed));
    let RunningRelay { addresses, running, admin } = launched.map_err(|error| launch_halt(&error))?;
    let pipes = admin.ok_or_else(|| Halt::tool("the keeper gave a relay no pipes"))?;
    let admin = Admin::over(pipes).map_err(|error| Halt::tooling(&error))?;
    let failed = |running: &Running, causes: Vec<String>| {
        let what = format!("the relay of the {} path did not come up", path_name.name());
        let failure = Failure::new(Cause::Error(iter::once(what).chain(causes).collect()), Exit::Usage);
        Halt::from(failure.with_log(running.log_tail(LINES)))
    };
    if shaped.is_some() {
        // A probe would cross netem. The relay answers once its sockets are bound.
        let answered = rig.interrupt.or(admin.ask::<RelayReport>("counts")).await?;
        answered.map_err(|error| failed(&running, causes(&*error)))?;
        return Ok((Relay { path: path_name, admin, running, shaped }, addresses));
    }
    let (running, came_up) = come_up(&rig.interrupt, running, DEADLINE).await?;
    came_up.map_err(|error| failed(&running, causes(&error)))?;
    Ok((Relay { path: path_name, admin, running, shaped }, addresses))
}
