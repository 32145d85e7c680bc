//! The upstream as a server and as a program.

use std::future::Future;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::admin;
use super::args::Args;
use super::behaviour::Behaviour;
use super::connection;
use super::state::Upstream;
use super::stdio;
use crate::error::Error;
use crate::pipes::Pipes;
use crate::server::{self, Bound, Listener};
use crate::tls::Acceptor;

/// Serves without TLS on `listener` until `shutdown` resolves and every connection has ended (at most 0.3 s later).
pub async fn serve(listener: TcpListener, behaviour: Behaviour, shutdown: impl Future<Output = ()>) {
    serve_with(Listener::Tcp(listener), Arc::new(Upstream::new(behaviour)), None, shutdown).await;
}

async fn serve_with(
    listener: Listener,
    upstream: Arc<Upstream>,
    tls: Option<Acceptor>,
    shutdown: impl Future<Output = ()>,
) {
    let accepting = Some(upstream.switch.accepting());
    let served = async {
        if let Some(tls) = tls {
            let serve = |socket, stop| connection::serve_tls(socket, tls.clone(), Arc::clone(&upstream), stop);
            server::accept_until(listener, accepting, shutdown, serve).await;
        } else {
            let serve = |socket, stop| connection::serve(socket, Arc::clone(&upstream), stop);
            server::accept_until(listener, accepting, shutdown, serve).await;
        }
    };
    upstream.heartbeat.beat_until(served, |stall| upstream.ledger.record_stall(stall)).await;
}

/// Runs the whole program: serves until SIGTERM or SIGINT, or with `--stdio` until the end of stdin.
///
/// # Errors
/// Returns an error when a file of TLS cannot be used, the address cannot be bound, or the runtime cannot be built; with `--stdio`, when
/// stdin cannot be read.
pub fn main_with(args: Args) -> Result<(), Error> {
    if args.stdio {
        let Args { mcp, body, stalls, .. } = args;
        if let Some(file) = stalls {
            stdio::watch(&file).map_err(Error::setup("--stalls"))?;
        }
        return stdio::serve(mcp, body).map_err(Error::setup("--stdio: stdin"));
    }
    server::raise_descriptor_limit();
    let tls = args.tls.acceptor()?;
    let listener = Bound::new("--listen", &args.listen)?;
    server::runtime(args.workers)?.block_on(async {
        let stop = server::stop_signal(false)?;
        let listener = listener.start()?;
        if args.announce {
            let address = listener.address().map_err(Error::setup("the listener"))?;
            server::announce(&format!("listening {address}"));
        }
        let upstream = Arc::new(Upstream::new(args.behaviour()));
        if args.admin_stdio {
            let commanded = Arc::clone(&upstream);
            tokio::spawn(Pipes::take()?.serve(move |command| admin::obey(&commanded, command).1));
        }
        serve_with(listener, upstream, tls, stop).await;
        Ok(())
    })
}
