//! Reads the bundled upstream's own count of hits.

use std::net::SocketAddr;

use serde::Deserialize;

use super::admin::Admin;
use harness_load::spec::Request;

/// Where the upstream tells its hits.
const PATH: &str = "/__upstream/ledger";

/// The upstream could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("the upstream at {address} did not tell its hits at {PATH}: {cause}; see upstream.log beside the result")]
pub(crate) struct Error {
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
pub(crate) async fn hits(address: SocketAddr, requests: &[Request]) -> Result<u64, Error> {
    let asked = async { Admin::open(address).await?.get::<Answer>(PATH).await };
    let answer = asked.await.map_err(|cause| Error { address, cause: cause.to_string() })?;
    let ours = |hits: &&Hits| {
        requests.iter().any(|request| {
            let path = request.path.split('?').next().unwrap_or_default();
            request.method == hits.method && path == hits.path
        })
    };
    Ok(answer.hits.iter().filter(ours).map(|hits| hits.hits).sum())
}
