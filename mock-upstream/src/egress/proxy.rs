//! The proxy of a target: it connects to the declared hosts, which this process plays, and refuses everything else.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use super::requests::{self, host_of};
use super::state::Egress;
use crate::server::{Socket, Stop};

/// The port of HTTPS, the only one that is connected.
const HTTPS: u16 = 443;

/// Serves a connection to the proxy.
pub(crate) async fn serve(socket: Socket, egress: Arc<Egress>, stop: Stop) {
    let mut stopped = stop.clone();
    let service = service_fn(move |request| {
        let answer = answer(&egress, &stop, request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let served = http1::Builder::new().serve_connection(TokioIo::new(socket), service).with_upgrades();
    tokio::select! {
        // The client sees how its connection ended.
        _ = served => {}
        _ = stopped.changed() => {}
    }
}

fn answer(egress: &Arc<Egress>, stop: &Stop, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
    let is_connect = request.method() == Method::CONNECT;
    let upgrade = is_connect.then(|| hyper::upgrade::on(&mut request));
    let (head, _) = request.into_parts();
    let name = host_of(&head);
    let port = head.uri.port_u16().unwrap_or(if is_connect { HTTPS } else { 80 });
    let shown = if port == HTTPS { name.clone() } else { format!("{name}:{port}") };
    match upgrade.filter(|_| port == HTTPS && egress.host(&name).is_some()) {
        Some(upgrade) => {
            let (egress, stop) = (Arc::clone(egress), stop.clone());
            tokio::spawn(async move {
                // A client that goes away after its CONNECT has nothing to be served.
                if let Ok(upgraded) = upgrade.await {
                    requests::serve(TokioIo::new(upgraded), egress, stop).await;
                }
            });
            Response::new(Full::default())
        }
        None => {
            egress.ledger.refuse(&shown);
            refusal(&shown)
        }
    }
}

fn refusal(shown: &str) -> Response<Full<Bytes>> {
    let text = format!(
        "harness: {shown} is not declared as egress, so nothing is sent there; add [egress.NAME] to the scenario\n"
    );
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
