//! The foreign hosts and their proxy as a program.

use std::sync::Arc;

use tokio::sync::watch;

use super::args::Args;
use super::state::Egress;
use super::{proxy, requests};
use crate::error::Error;
use crate::pipes::Pipes;
use crate::server::{self, Bound, Listener, Stop};
use crate::tls::Acceptor;

/// Runs the whole program: serves until SIGTERM or SIGINT.
///
/// # Errors
/// Returns an error when a file of TLS cannot be used, an address cannot be bound, or the runtime cannot be built.
pub fn main_with(args: Args) -> Result<(), Error> {
    server::raise_descriptor_limit();
    let tls = Acceptor::new(&args.tls_cert, &args.tls_key, None)?;
    // The hosts listen before the proxy, whose port shows that all of it is ready.
    let direct = args.direct.as_ref().map(|address| Bound::new("--direct", address)).transpose()?;
    let proxy = Bound::new("--listen", &args.listen)?;
    let egress = Arc::new(Egress::new(args.hosts, tls));
    server::runtime(1)?.block_on(async {
        let stop = server::stop_signal(false)?;
        let (sender, stopped) = watch::channel(());
        let direct = direct.map(Bound::start).transpose()?;
        let proxy = proxy.start()?;
        if args.admin_stdio {
            let commanded = Arc::clone(&egress);
            tokio::spawn(Pipes::take()?.serve(move |command| commanded.obey(command)));
        }
        tokio::spawn(async move {
            stop.await;
            drop(sender);
        });
        let served = async {
            let direct = serve_direct(direct, Arc::clone(&egress), stopped.clone());
            tokio::join!(serve_proxy(proxy, Arc::clone(&egress), stopped.clone()), direct);
        };
        egress.heartbeat.beat_until(served, |stall| egress.ledger.stall(stall)).await;
        Ok(())
    })
}

async fn serve_proxy(listener: Listener, egress: Arc<Egress>, mut stopped: Stop) {
    let until = async {
        // The sender is dropped to stop.
        let _ = stopped.changed().await;
    };
    server::accept_until(listener, None, until, |socket, stop| proxy::serve(socket, Arc::clone(&egress), stop)).await;
}

async fn serve_direct(listener: Option<Listener>, egress: Arc<Egress>, mut stopped: Stop) {
    let Some(listener) = listener else { return };
    let until = async {
        let _ = stopped.changed().await;
    };
    server::accept_until(listener, None, until, |socket, stop| requests::serve(socket, Arc::clone(&egress), stop))
        .await;
}
