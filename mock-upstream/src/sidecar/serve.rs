//! The proxy side and the admin side as servers.

use std::future::Future;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::state::Sidecar;
use super::{admin, proxy};
use crate::server;

/// Serves the proxy side until `shutdown` resolves and every connection has ended (at most 0.3 s later).
///
/// A freeze blocks the threads of the runtime that this runs on.
pub async fn serve_proxy(listener: TcpListener, sidecar: Arc<Sidecar>, shutdown: impl Future<Output = ()>) {
    sidecar.truth.set_listening();
    if let Some(tls) = &sidecar.acceptor {
        let serve = |stream, stop| proxy::serve_tls(stream, tls.clone(), Arc::clone(&sidecar), stop);
        server::accept_until(listener, None, shutdown, serve).await;
    } else {
        let serve = |stream, stop| proxy::serve(stream, Arc::clone(&sidecar), stop);
        server::accept_until(listener, None, shutdown, serve).await;
    }
}

/// Serves the admin side likewise.
pub async fn serve_admin(listener: TcpListener, sidecar: Arc<Sidecar>, shutdown: impl Future<Output = ()>) {
    sidecar.truth.set_admin_listening();
    let serve = |stream, stop| admin::serve(stream, Arc::clone(&sidecar), stop);
    server::accept_until(listener, None, shutdown, serve).await;
}
