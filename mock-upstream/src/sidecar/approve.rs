//! Asks for approval of requests over HTTPS: posts a message in the way of Slack, and polls for a reaction to it.
//!
//! As other clients do, it goes through the proxy that the environment variable `HTTPS_PROXY` names, and trusts the CAs in the file that
//! `SSL_CERT_FILE` names.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Mutex;

use super::args::Args;
use super::target::{Target, TargetError};
use crate::clock::Sleepers;
use crate::server::Socket;
use crate::tls::{self, Connector, TlsError};

/// The credential of the sidecar, which tests look for where it must not be.
const TOKEN: &str = "Bearer reference-sidecar-token";
/// The channel of the messages.
const CHANNEL: &str = "C0APPROVALS";
/// The longest head of a proxy's answer.
const LONGEST_HEAD: usize = 4096;

/// Why a request was not approved. The text is the body of the client's answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot connect to {to} for an approval: {cause}\n")]
    Connect { to: String, cause: std::io::Error },
    #[error("the proxy {proxy} did not connect to {via}: {answer}\n")]
    Proxy { proxy: String, via: String, answer: String },
    #[error("cannot agree on TLS with {via}: {cause}; check that the CA in SSL_CERT_FILE signed its certificate\n")]
    Handshake { via: String, cause: std::io::Error },
    #[error("the connection to {via} broke: {cause}\n")]
    Broken { via: String, cause: hyper::Error },
    #[error("{via} gave no approval, but answered: {answer}\n")]
    Refused { via: String, answer: String },
}

/// Why approvals cannot be asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApproveError {
    #[error("--approve-via {0} is not https; write https://HOST")]
    NotHttps(Target),
    #[error("--approve-via needs the CA of its host; set SSL_CERT_FILE to a PEM file")]
    NoAuthority,
    #[error("HTTPS_PROXY is not the URL of a proxy: {0}; write http://HOST:PORT")]
    Proxy(TargetError),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// The place where approvals are asked for, and the kept connection to it.
pub(crate) struct Approver {
    via: Target,
    proxy: Option<Target>,
    tls: Connector,
    poll: Duration,
    kept: Mutex<Option<SendRequest<Full<Bytes>>>>,
}

impl std::fmt::Debug for Approver {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Approver").field("via", &self.via).field("proxy", &self.proxy).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Posted {
    ts: String,
}

#[derive(Deserialize)]
struct Seen {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    reactions: Vec<Value>,
}

impl Approver {
    /// Creates the approver of `--approve-via`; `None` without it.
    ///
    /// # Errors
    /// Returns an error when the flag, the proxy or the CA cannot be used.
    pub(crate) fn new(args: &Args) -> Result<Option<Self>, ApproveError> {
        let Some(via) = &args.approve_via else { return Ok(None) };
        let name = via.name.clone().ok_or_else(|| ApproveError::NotHttps(via.clone()))?;
        let file = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from).ok_or(ApproveError::NoAuthority)?;
        let proxy = ["HTTPS_PROXY", "https_proxy"].iter().find_map(|name| std::env::var(name).ok());
        let proxy = proxy.filter(|proxy| !proxy.is_empty()).map(|proxy| proxy.parse()).transpose();
        Ok(Some(Self {
            via: via.clone(),
            proxy: proxy.map_err(ApproveError::Proxy)?,
            tls: Connector::new("SSL_CERT_FILE", &file, name, tls::HTTP1)?,
            poll: args.approve_poll,
            kept: Mutex::default(),
        }))
    }

    /// Posts a message and waits until it has a reaction.
    pub(crate) async fn approve(&self, sleepers: &Sleepers) -> Result<(), Failure> {
        let body = format!(r#"{{"channel":"{CHANNEL}","text":"may this request pass?"}}"#);
        let answer = self.call(Method::POST, "/api/chat.postMessage", body.into()).await?;
        let Posted { ts } = self.read(&answer)?;
        let path = format!("/api/reactions.get?channel={CHANNEL}&timestamp={ts}");
        loop {
            let answer = self.call(Method::GET, &path, Bytes::new()).await?;
            let seen: Seen = self.read(&answer)?;
            if !seen.message.reactions.is_empty() {
                return Ok(());
            }
            sleepers.sleep(self.poll).await;
        }
    }

    fn read<'a, T: Deserialize<'a>>(&self, answer: &'a [u8]) -> Result<T, Failure> {
        serde_json::from_slice(answer).map_err(|_| Failure::Refused {
            via: self.via.to_string(),
            answer: String::from_utf8_lossy(answer).chars().take(200).collect(),
        })
    }

    /// Sends a request and returns the body of its answer. Requests of several clients follow each other on one connection.
    async fn call(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, Failure> {
        let broken = |cause| Failure::Broken { via: self.via.to_string(), cause };
        let mut kept = self.kept.lock().await;
        let mut link = match kept.take().filter(|link| !link.is_closed()) {
            Some(link) => link,
            None => self.connect().await?,
        };
        link.ready().await.map_err(broken)?;
        let host = self.via.authority.trim_end_matches(":443");
        let request = Request::builder().method(method).uri(path).header(HOST, host).header(AUTHORIZATION, TOKEN);
        let request = request.header(CONTENT_TYPE, "application/json; charset=utf-8").body(Full::from(body));
        // The parts of the request are constants and what a server of ours has sent.
        let Ok(request) = request else {
            return Err(Failure::Refused { via: self.via.to_string(), answer: format!("{path} is no path") });
        };
        let answer = link.send_request(request).await.map_err(broken)?;
        let answer = answer.into_body().collect().await.map_err(broken)?.to_bytes();
        *kept = Some(link);
        Ok(answer)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Failure> {
        let first = self.proxy.as_ref().unwrap_or(&self.via);
        let connected = Socket::tcp(&first.authority).await;
        let mut socket = connected.map_err(|cause| Failure::Connect { to: first.to_string(), cause })?;
        if let Some(proxy) = &self.proxy {
            self.pass_proxy(proxy, &mut socket).await?;
        }
        let stream = self.tls.connect(socket).await;
        let stream = stream.map_err(|cause| Failure::Handshake { via: self.via.to_string(), cause })?;
        let opened = http1::handshake(TokioIo::new(stream)).await;
        let (link, connection) = opened.map_err(|cause| Failure::Broken { via: self.via.to_string(), cause })?;
        tokio::spawn(async move {
            // The affected call reports a broken connection.
            let _ = connection.await;
        });
        Ok(link)
    }

    /// Asks the proxy for a connection to the host (RFC 9110, section 9.3.6).
    async fn pass_proxy(&self, proxy: &Target, socket: &mut Socket) -> Result<(), Failure> {
        let cut = |cause| Failure::Connect { to: proxy.to_string(), cause };
        let to = &self.via.authority;
        let request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n");
        socket.write_all(request.as_bytes()).await.map_err(cut)?;
        // The host sends nothing before the client speaks TLS, so only a refusal has more after its head.
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < LONGEST_HEAD {
            if socket.read_buf(&mut head).await.map_err(cut)? == 0 {
                break;
            }
        }
        let head = String::from_utf8_lossy(&head);
        let line = head.lines().next().unwrap_or_default();
        match line.split(' ').nth(1) {
            Some("200") => Ok(()),
            _ => Err(Failure::Proxy { proxy: proxy.to_string(), via: self.via.to_string(), answer: line.to_owned() }),
        }
    }
}
