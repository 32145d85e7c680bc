//! Reads the bundled upstream's own count of hits.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;

use crate::load::spec::Request;

/// Where the upstream tells its hits.
const PATH: &str = "/__upstream/ledger";

/// How long it may take to answer on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(10);

/// The upstream could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("the upstream at {address} did not tell its hits at {PATH}: {cause}; see upstream.log beside the result")]
pub(super) struct Error {
    address: SocketAddr,
    cause: String,
}

#[derive(Deserialize)]
struct Answer {
    hits: Vec<Hits>,
}

#[derive(Deserialize)]
struct Hits {
    method: String,
    path: String,
    hits: u64,
}

/// Hits counted so far on the methods and paths of `requests`.
///
/// # Errors
/// When the upstream does not answer within ten seconds, or with something else.
pub(super) async fn hits(address: SocketAddr, requests: &[Request]) -> Result<u64, Error> {
    let refused = |cause: String| Error { address, cause };
    let answer = tokio::time::timeout(PATIENCE, get(address)).await;
    let body = answer
        .map_err(|_| refused(format!("no answer within {} s", PATIENCE.as_secs())))?
        .map_err(|error| refused(error.to_string()))?;
    let answer: Answer = serde_json::from_slice(&body).map_err(|error| refused(error.to_string()))?;
    let ours = |hits: &&Hits| {
        requests.iter().any(|request| {
            let path = request.path.split('?').next().unwrap_or_default();
            request.method == hits.method && path == hits.path
        })
    };
    Ok(answer.hits.iter().filter(ours).map(|hits| hits.hits).sum())
}

async fn get(address: SocketAddr) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let request = hyper::Request::get(PATH).header("host", address.to_string()).body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request).await?;
    let body = answer.into_body().collect().await?.to_bytes();
    driver.abort();
    Ok(body)
}
