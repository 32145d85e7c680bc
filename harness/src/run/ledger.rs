//! Reads the hit counter of the bundled upstream.

use std::net::SocketAddr;

use serde::Deserialize;

use super::admin::Admin;
use harness_load::spec::Request;

/// Path of the hit counters of the upstream.
const PATH: &str = "/__upstream/ledger";

/// The hits of the upstream could not be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot read the hits of the upstream from http://{address}{PATH}: {cause}; see upstream.log beside the result"
)]
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

/// Returns the hits that were counted so far on the methods and paths of `requests`.
///
/// # Errors
/// Returns an error if there is no valid answer within ten seconds.
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
