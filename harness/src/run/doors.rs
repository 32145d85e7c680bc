//! Opens the ways of a stage whose arms lead to the same target over two transports, through relays if the path is impaired.

use std::iter;
use std::net::SocketAddr;

use super::admin::Admin;
use super::halt::Halt;
use super::netem;
use super::relays::{self, LINES, Relay, RelayCount};
use super::rig::Rig;
use crate::measure::reason::Cause;
use crate::measure::{Failure, PathName};
use crate::work::Stage;
use crate::work::transports::Transports;
use harness_base::address::Address;
use harness_base::exit::Exit;
use harness_base::units::Nanos;
use harness_rig::target::{Carried, EchoPath, EchoRelay, HttpUrl, launch_echo_relay};
use mock_upstream::relay::RelayReport;

/// Time between SIGTERM and SIGKILL.
const PATIENCE: Nanos = Nanos::from_secs(1);

/// Where the arms of such a stage lead.
pub(crate) struct Doors {
    /// Absent if the path cannot be made for TCP.
    pub(crate) tcp: Option<HttpUrl>,
    pub(crate) quic: HttpUrl,
    relays: Vec<Relay>,
}

impl Doors {
    /// Starts the relays before the target at `proxy`; `None` for a stage of another kind.
    ///
    /// # Errors
    /// Returns [`Halt::Failed`] if the target has no address of IP, or a relay does not start, or [`Halt::Interrupted`].
    pub(crate) async fn open(rig: &Rig<'_>, stage: &Stage, name: &str, proxy: &HttpUrl) -> Result<Option<Self>, Halt> {
        let Some(transports) = stage.work.planned().transports() else { return Ok(None) };
        let Transports { tls_over_tcp, path } = *transports;
        let Address::Inet(target) = proxy.address else {
            return Err(Halt::tool(format!(
                "{proxy} is a unix socket, and QUIC needs an IP address with a port; write one in target.endpoints.proxy"
            )));
        };
        let at = |address: SocketAddr, tls| HttpUrl { address: address.into(), tls, ..proxy.clone() };
        let Some(path) = path else {
            return Ok(Some(Self { tcp: Some(at(target, tls_over_tcp)), quic: at(target, true), relays: Vec::new() }));
        };
        let (udp, of_udp) = relay(rig, &path, (Carried::Udp, target), &format!("relay-udp-{name}")).await?;
        let mut doors = Self { tcp: None, quic: at(udp, true), relays: vec![of_udp] };
        if transports.has_tcp() {
            let (tcp, of_tcp) = relay(rig, &path, (Carried::Tcp, target), &format!("relay-tcp-{name}")).await?;
            doors.tcp = Some(at(tcp, tls_over_tcp));
            doors.relays.push(of_tcp);
        }
        Ok(Some(doors))
    }

    /// Lists the processes of the relays.
    pub(crate) fn pids(&self) -> Vec<i32> {
        self.relays.iter().map(|relay| relay.running.pid).collect()
    }

    /// Reads what the relays did so far.
    ///
    /// # Errors
    /// See [`relays::counts`].
    pub(crate) async fn counts(&self) -> Result<Vec<RelayCount>, Halt> {
        relays::counts(&self.relays).await
    }

    pub(crate) async fn stop(self) {
        for relay in self.relays {
            relay.running.stop(PATIENCE).await;
        }
    }
}

/// Starts a relay, and waits until it passes on. Returns the address at which it does.
async fn relay(
    rig: &Rig<'_>,
    path: &EchoPath,
    way: (Carried, SocketAddr),
    name: &str,
) -> Result<(SocketAddr, Relay), Halt> {
    let shaped = netem::shape(rig, &[way.0.place()], path.impairment()).await?;
    let launched = launch_echo_relay(path, way, (&rig.site, name), rig.plan.scenario.seed);
    let EchoRelay { running, admin } = launched.map_err(|error| Halt::tooling(&error))?;
    let pipes = admin.ok_or_else(|| Halt::tool("the keeper gave the relay no pipes"))?;
    let admin = Admin::over(pipes).map_err(|error| Halt::tooling(&error))?;
    // It answers once its sockets are bound.
    let answered = rig.interrupt.or(admin.ask::<RelayReport>("counts")).await?;
    let address = match running.endpoints.proxy.address {
        Address::Inet(address) => address,
        Address::Unix(_) => return Err(Halt::tool("a relay has a port")),
    };
    match answered {
        Ok(_) => Ok((address, Relay { path: PathName::Client, admin, running, shaped })),
        Err(cause) => {
            let causes = iter::once("the relay of the path did not come up".to_owned()).chain([cause.to_string()]);
            let failure = Failure::new(Cause::Error(causes.collect()), Exit::Usage);
            Err(Halt::from(failure.with_log(running.log_tail(LINES))))
        }
    }
}
