//! The reference sidecar: a small honest reverse proxy whose truth is set by flags.
//!
//! It has an admin port (`/health`, `/ready`, `/truth`, `/metrics`) and exports what it really did by its own clock,
//! so that whoever measures it can be told how far off the measurement was.

mod admin;
mod args;
mod faults;
mod flood;
mod forward;
mod gate;
mod process;
mod proxy;
mod run;
mod truth;
mod turns;
mod worker;

use std::future::Future;
use std::sync::Arc;

use tokio::net::TcpListener;

pub use self::args::{Args, DoubleFork, ErrorKind, OnUpstreamError, Target};
use self::gate::Gate;
pub use self::run::main_with;
use self::truth::Truth;
pub use self::truth::{Freeze, Span, Total, TruthReport, WorkerReport};
use self::turns::Turns;
use crate::server;

/// One sidecar: its flags, what it has done so far, and what it has leaked.
#[derive(Debug)]
pub struct Sidecar {
    args: Args,
    truth: Truth,
    gate: Gate,
    leaks: faults::Leaks,
    flood: flood::Flood,
    turns: Turns,
}

impl Sidecar {
    /// A sidecar whose `main` was entered when the monotonic clock read `main_ns`. Allocates the ballast.
    #[must_use]
    pub fn new(args: Args, main_ns: u64) -> Arc<Self> {
        Arc::new(Self {
            truth: Truth::new(main_ns),
            gate: Gate::new(args.freeze_at, args.freeze_for),
            leaks: faults::Leaks::with_ballast(args.ballast),
            flood: flood::Flood::default(),
            turns: Turns::new(args.one_writer),
            args,
        })
    }

    /// What it has really done so far.
    #[must_use]
    pub fn truth(&self) -> TruthReport {
        truth::report(self)
    }
}

/// Serves the proxy side until `shutdown` resolves and every connection has ended (at most 0.3 s later).
///
/// A freeze blocks the threads of the runtime that this runs on.
pub async fn serve_proxy(listener: TcpListener, sidecar: Arc<Sidecar>, shutdown: impl Future<Output = ()>) {
    sidecar.truth.set_listening();
    let serve = |stream, stop| proxy::serve(stream, Arc::clone(&sidecar), stop);
    server::accept_until(listener, None, shutdown, serve).await;
}

/// Serves the admin side likewise.
pub async fn serve_admin(listener: TcpListener, sidecar: Arc<Sidecar>, shutdown: impl Future<Output = ()>) {
    sidecar.truth.set_admin_listening();
    let serve = |stream, stop| admin::serve(stream, Arc::clone(&sidecar), stop);
    server::accept_until(listener, None, shutdown, serve).await;
}
