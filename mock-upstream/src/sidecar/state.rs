//! The state of one sidecar.

use std::sync::Arc;

use harness_base::clock::Mono;
use harness_base::units::Nanos;

use super::approve::Approver;
use super::args::Args;
use super::calls::Calls;
use super::flood::Flood;
use super::gate::Gate;
use super::held::Held;
use super::leaks::Leaks;
use super::policy::Policy;
use super::queue::Queue;
use super::reload::Reloads;
use super::sessions::Sessions;
use super::stopping::Ending;
use super::truth::Truth;
use super::turns::Turns;
use crate::error::Error;
use crate::tls::{Acceptor, Connector};

/// One sidecar: its flags, the counters of what it has done, and what it has leaked.
#[derive(Debug)]
pub struct Sidecar {
    pub(crate) args: Args,
    pub(crate) truth: Truth,
    pub(crate) gate: Gate,
    pub(crate) leaks: Leaks,
    pub(crate) sessions: Sessions,
    pub(crate) held: Held,
    pub(crate) calls: Calls,
    pub(crate) ending: Ending,
    pub(crate) policy: Policy,
    pub(crate) reloads: Reloads,
    pub(crate) flood: Flood,
    pub(crate) turns: Turns,
    /// The queue of `--serve-rate` or `--service-time`; absent without them.
    pub(crate) queue: Option<Queue>,
    /// TLS of the listener.
    pub(crate) acceptor: Option<Acceptor>,
    /// The place of `--approve-via`; absent without it.
    pub(crate) approver: Option<Approver>,
    /// TLS of the upstream.
    pub(crate) connector: Option<Connector>,
}

impl Sidecar {
    /// Creates a sidecar whose `main` was entered at `main`, reads the files of its TLS, and allocates its ballast.
    ///
    /// # Errors
    /// Returns an error when a file of TLS, or the place of approvals, cannot be used.
    pub fn new(args: Args, main: Mono) -> Result<Arc<Self>, Error> {
        Ok(Arc::new(Self {
            acceptor: args.tls.acceptor()?,
            connector: args.upstream.connector(args.upstream_ca.as_deref(), args.upstream_http)?,
            approver: Approver::new(&args).map_err(|cause| Error::Approve(Box::new(cause)))?,
            truth: Truth::new(main),
            gate: Gate::new(args.freeze_at, args.freeze_for, args.freeze_every),
            leaks: Leaks::with_ballast(args.ballast),
            sessions: Sessions::new(&args),
            held: Held::new(&args.held),
            calls: Calls::new(&args.calls),
            ending: Ending::default(),
            policy: Policy::new(&args.policy),
            reloads: Reloads::new(&args.reload),
            flood: Flood::default(),
            turns: Turns::new(args.one_writer),
            queue: spacing(&args).map(Queue::new),
            args,
        }))
    }
}

/// Returns the least time between the turns of two requests.
fn spacing(args: &Args) -> Option<Nanos> {
    args.service_time.map(Nanos::of).or_else(|| args.serve_rate.map(|rate| rate.period()))
}
