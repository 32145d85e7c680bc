//! The proxy side and the admin side as servers.

use std::future::Future;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::state::Sidecar;
use super::{admin, proxy};
use crate::server::{self, Listener};

/// Serves the proxy side until `shutdown` resolves and every connection has ended (at most 0.3 s later).
///
/// A freeze blocks the threads of the runtime that this runs on.
pub async fn serve_proxy(listener: TcpListener, sidecar: Arc<Sidecar>, shutdown: impl Future<Output = ()>) {
    proxy_at(Listener::Tcp(listener), sidecar, shutdown).await;
}

pub(crate) async fn proxy_at(listener: Listener, sidecar: Arc<Sidecar>, shutdown: impl Future<Output = ()>) {
    sidecar.truth.set_listening();
    let shutdown = async {
        shutdown.await;
        if let Some(span) = sidecar.args.stop.end_answers {
            sidecar.ending.begin_after(span);
        }
    };
    if let Some(tls) = &sidecar.acceptor {
        let serve = |socket, stop| proxy::serve_tls(socket, tls.clone(), Arc::clone(&sidecar), stop);
        server::accept_until(listener, None, shutdown, serve).await;
    } else {
        let serve = |socket, stop| proxy::serve(socket, Arc::clone(&sidecar), stop);
        server::accept_until(listener, None, shutdown, serve).await;
    }
}

/// Serves the admin side likewise.
pub async fn serve_admin(listener: TcpListener, sidecar: Arc<Sidecar>, shutdown: impl Future<Output = ()>) {
    admin_at(Listener::Tcp(listener), sidecar, shutdown).await;
}

pub(crate) async fn admin_at(listener: Listener, sidecar: Arc<Sidecar>, shutdown: impl Future<Output = ()>) {
    sidecar.truth.set_admin_listening();
    let serve = |socket, stop| admin::serve(socket, Arc::clone(&sidecar), stop);
    server::accept_until(listener, None, shutdown, serve).await;
}
