//! A client that speaks HTTP/2 frame by frame: the `h2` crate, set up without the code of the programs.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::SendRequest;
use hyper::{HeaderMap, Method, Request, StatusCode};
use mock_upstream::upstream::LedgerReport;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// One connection, whose requests are streams.
#[derive(Clone)]
pub struct Guest(SendRequest<Bytes>);

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Guest {
    /// Connects with prior knowledge.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream).await.0
    }

    /// Returns a client on a connected stream, and the task that ends with the connection.
    pub async fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> (Self, JoinHandle<Result<(), h2::Error>>) {
        let (sender, connection) = h2::client::handshake(stream).await.unwrap();
        (Self(sender), tokio::spawn(connection))
    }

    /// Sends a request on a new stream and reads the whole answer.
    pub async fn try_send(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Result<Answer, h2::Error> {
        let body = body.into();
        let request = Request::builder().method(method).uri(format!("http://guest.test{path}")).body(()).unwrap();
        let mut sender = self.0.clone().ready().await?;
        let (response, mut stream) = sender.send_request(request, body.is_empty())?;
        if !body.is_empty() {
            stream.send_data(body, true)?;
        }
        let (parts, mut incoming) = response.await?.into_parts();
        let mut body = Vec::new();
        while let Some(data) = incoming.data().await {
            let data = data?;
            incoming.flow_control().release_capacity(data.len())?;
            body.extend_from_slice(&data);
        }
        Ok(Answer { status: parts.status, headers: parts.headers, body: body.into() })
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.try_send(Method::GET, path, "").await.unwrap()
    }

    /// Sends this many requests at once, of which each has a body of its own, and checks that each gets its own back.
    pub async fn echo_at_once(&self, streams: usize) {
        let streams: Vec<_> = (0..streams)
            .map(|number| {
                let guest = self.clone();
                tokio::spawn(async move {
                    let body = format!("stream {number} ").repeat(1 + number * 10);
                    let answer = guest.try_send(Method::POST, "/echo", body.clone()).await.unwrap();
                    assert_eq!(answer.status, StatusCode::OK);
                    assert!(answer.body == body, "stream {number}: {} bytes", answer.body.len());
                })
            })
            .collect();
        for stream in streams {
            stream.await.unwrap();
        }
    }

    pub async fn ledger(&self) -> LedgerReport {
        serde_json::from_slice(&self.get("/__upstream/ledger").await.body).unwrap()
    }
}
