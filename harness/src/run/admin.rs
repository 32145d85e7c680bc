//! Sends requests to the admin paths of the bundled upstream, below `/__upstream/`, which it does not count as hits.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Time limit of an answer, generous for a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Any error of a request.
pub(crate) type Cause = Box<dyn Error + Send + Sync>;

pub(crate) struct Admin {
    address: SocketAddr,
    sender: SendRequest<Empty<Bytes>>,
    driver: JoinHandle<hyper::Result<()>>,
}

impl Admin {
    /// Connects.
    ///
    /// # Errors
    /// Returns an error if the connection is not accepted within ten seconds.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, Cause> {
        let stream = in_time(TcpStream::connect(address)).await??;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        Ok(Self { address, sender, driver: tokio::spawn(connection) })
    }

    /// Gets the JSON at `path`.
    ///
    /// # Errors
    /// Returns an error if there is no valid answer within ten seconds.
    pub(crate) async fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, Cause> {
        let request = hyper::Request::get(path).header("host", self.address.to_string()).body(Empty::new())?;
        let answer = in_time(async {
            self.sender.ready().await?;
            self.sender.send_request(request).await?.into_body().collect().await
        });
        Ok(serde_json::from_slice(&answer.await??.to_bytes())?)
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

async fn in_time<T>(work: impl Future<Output = T>) -> Result<T, Cause> {
    let late = |_| format!("no answer within {} s", PATIENCE.as_secs());
    Ok(tokio::time::timeout(PATIENCE, work).await.map_err(late)?)
}
