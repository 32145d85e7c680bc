//! The mock upstream: what stands behind the target, answering exactly as its flags say.

mod admin;
mod args;
mod behaviour;
mod connection;
mod delay;
mod fault;
mod ledger;
mod mcp;
mod reply;
mod routes;

use std::future::Future;
use std::sync::Arc;

use tokio::net::TcpListener;

pub use self::args::{Args, ErrorKind};
pub use self::behaviour::{Behaviour, Sse};
pub use self::delay::{Delay, Sampler};
pub use self::fault::Fault;
pub use self::ledger::{DelayTotal, FaultTotals, Hits, LedgerReport};
use crate::{Error, server};

/// Serves on `listener` until `shutdown` resolves and every connection has ended (at most 0.3 s later).
pub async fn serve(listener: TcpListener, behaviour: Behaviour, shutdown: impl Future<Output = ()>) {
    let upstream = Arc::new(connection::Upstream::new(behaviour));
    let door = Some(upstream.switch.door());
    let serve = |stream, stop| connection::serve(stream, Arc::clone(&upstream), stop);
    server::accept_until(listener, door, shutdown, serve).await;
}

/// The whole program: serves until SIGTERM or SIGINT.
///
/// # Errors
/// When the address cannot be bound or the runtime cannot be built.
pub fn main_with(args: Args) -> Result<(), Error> {
    server::raise_descriptor_limit();
    let listener = server::bind("--listen", args.listen)?;
    server::runtime(args.workers)?.block_on(async {
        let stop = server::stop_signal(false)?;
        let listener = TcpListener::from_std(listener).map_err(Error::setup("the listener"))?;
        if args.announce {
            let address = listener.local_addr().map_err(Error::setup("the listener"))?;
            server::announce(&format!("listening {address}"));
        }
        serve(listener, args.behaviour(), stop).await;
        Ok(())
    })
}
