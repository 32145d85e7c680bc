//! The admin port. It has its own runtime, so that it answers while the proxy is frozen.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::TokioIo;

use super::report;
use super::state::Sidecar;
use crate::server::{self, Socket, Stop};

type Reply = Response<Content>;

/// A line of an answer without end.
const LINE: &[u8] = b"reference_sidecar_endless{label=\"value\"} 1\n";

enum Content {
    Whole(Full<Bytes>),
    /// Lines of metrics without end.
    Endless,
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(cx),
            Self::Endless => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(LINE))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Endless => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Endless => SizeHint::default(),
        }
    }
}

const JSON: &str = "application/json";

pub(crate) async fn serve(stream: Socket, sidecar: Arc<Sidecar>, mut stop: Stop) {
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let reply = answer(&sidecar, request.method(), request.uri().path());
        std::future::ready(Ok::<_, Infallible>(reply))
    });
    let mut served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // The client sees how its connection ended.
    let _ = server::drive(&mut served, &mut stop, server::GRACE).await;
}

fn answer(sidecar: &Sidecar, method: &Method, path: &str) -> Reply {
    match path {
        "/health" => state(report::healthy(sidecar).is_some(), "healthy", "starting"),
        "/ready" => state(report::ready(sidecar).is_some(), "ready", "not ready"),
        "/truth" => match serde_json::to_vec(&sidecar.truth()) {
            Ok(body) => reply(StatusCode::OK, JSON, body),
            Err(error) => reply(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", error.to_string()),
        },
        "/metrics" if sidecar.args.policy.metrics_endless => with(StatusCode::OK, "text/plain", Content::Endless),
        "/metrics" => {
            let text = sidecar.policy.answer(sidecar.truth().prometheus() + &sidecar.policy.prometheus());
            reply(StatusCode::OK, "text/plain; version=0.0.4", text)
        }
        "/reload" if *method == Method::POST && sidecar.reloads.is_on() => {
            sidecar.reloads.ask();
            reply(StatusCode::OK, JSON, r#"{"status":"reloaded"}"#)
        }
        _ => reply(
            StatusCode::NOT_FOUND,
            JSON,
            r#"{"error":"no such path; there are /health, /ready, /truth, /metrics and, with --reload-takes, POST of /reload"}"#,
        ),
    }
}

fn state(reached: bool, yes: &str, no: &str) -> Reply {
    let (status, word) = match reached {
        true => (StatusCode::OK, yes),
        false => (StatusCode::SERVICE_UNAVAILABLE, no),
    };
    reply(status, JSON, format!(r#"{{"status":"{word}"}}"#))
}

fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    with(status, content_type, Content::Whole(Full::new(body.into())))
}

fn with(status: StatusCode, content_type: &'static str, content: Content) -> Reply {
    let mut reply = Response::new(content);
    *reply.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    reply.headers_mut().insert(CONTENT_TYPE, content_type);
    reply
}
