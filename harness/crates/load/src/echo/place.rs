//! The way to the server of one arm, prepared once.

use std::io;

use super::quic::Quic;
use super::stream::Stream;
use super::workload::Workload;
use crate::child_error::{ChildError, RequestError};
use crate::frames::{ArmAddress, Job};
use crate::spec::{Body, Request, Tls, TlsVersion};
use crate::wire::{Opening, Route, Wire};
use harness_base::address::Address;
use harness_base::units::Nanos;

/// What the users of one arm share.
pub(crate) struct Place {
    pub(super) workload: Workload,
    pub(super) seed: u64,
    /// Time limit of each message.
    pub(super) timeout: Nanos,
    pub(super) way: Way,
}

/// How the server is reached.
pub(super) enum Way {
    Tcp(Route),
    Quic(Box<Quic>),
}

impl Place {
    /// Prepares the way of each arm; `None` for a job whose requests are no messages to echo.
    pub(crate) fn of(job: &Job) -> Result<Option<Vec<Self>>, ChildError> {
        let echoes = |request: &Request| match &request.body {
            Body::Echo(workload) => Some((request.clone(), workload.clone())),
            _ => None,
        };
        let Some((request, workload)) = job.requests.iter().find_map(echoes) else { return Ok(None) };
        if job.requests.len() > 1 {
            return Err(ChildError::Request { request: request.name, reason: RequestError::EchoAmongOthers });
        }
        let place = |arm: &ArmAddress| {
            let way = way(arm, &workload, (&request.name, job.packets_alone))?;
            Ok(Self { workload: workload.clone(), seed: job.seed, timeout: request.timeout, way })
        };
        job.arms.iter().map(place).collect::<Result<_, ChildError>>().map(Some)
    }

    /// Opens a connection of TCP, or a stream of the shared connection of QUIC. Returns it, and whether a connection was opened for it.
    pub(super) async fn open(&self) -> io::Result<(Stream, bool)> {
        match &self.way {
            Way::Tcp(route) => Ok((Stream::Tcp(Box::new(Wire::open(route, &mut Opening::default()).await?)), true)),
            Way::Quic(quic) => quic.open().await,
        }
    }
}

fn way(arm: &ArmAddress, workload: &Workload, (request, packets_alone): (&str, bool)) -> Result<Way, ChildError> {
    let failed = |cause| ChildError::Tls { arm: arm.arm.name(), cause };
    if arm.arm != workload.quic {
        // As QUIC does: full handshakes of this version.
        let like_quic = |tls: &Tls| Tls { version: Some(TlsVersion::Tls13), resumption: false, ..tls.clone() };
        let arm = ArmAddress { tls: arm.tls.as_ref().map(like_quic), ..arm.clone() };
        return Route::speaking(&arm, &workload.alpn).map(Way::Tcp).map_err(failed);
    }
    match (&arm.address, &arm.tls) {
        (Address::Inet(address), Some(tls)) => {
            let quic = Quic::new(*address, tls, &workload.alpn, packets_alone);
            quic.map(|quic| Way::Quic(Box::new(quic))).map_err(failed)
        }
        _ => Err(ChildError::Request { request: request.to_owned(), reason: RequestError::NoQuic }),
    }
}
