//! Forwards a port of a pod over a WebSocket: channel 0 has the bytes of both directions, channel 1 the reason why there are none. The first
//! message of each channel is the number of the port.

use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Empty};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::answers::{Body, bad_request};

/// The version of the protocol over which the stand-in speaks.
const PROTOCOL: &str = "v4.channel.k8s.io";

/// Answers a request to forward a port. The pods of the stand-in share the address of this machine.
pub(super) fn answer(mut request: Request<Incoming>, ports: Option<&String>) -> Response<Body> {
    let header = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let offered = header(SEC_WEBSOCKET_PROTOCOL).is_some_and(|words| words.split(", ").any(|word| word == PROTOCOL));
    let accept = header(SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
    let port = ports.and_then(|ports| ports.parse::<u16>().ok());
    let (true, Some(accept), Some(port)) = (offered, accept, port) else {
        return bad_request("the stand-in forwards one port, over a WebSocket with v4.channel.k8s.io");
    };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        // A client that goes away has nothing to be carried.
        if let Ok(upgraded) = upgrade.await {
            let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
            let _ = carry(socket, port).await;
        }
    });
    let switched = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
    let switched = switched.header(CONNECTION, "Upgrade").header(UPGRADE, "websocket");
    let switched = switched.header(SEC_WEBSOCKET_ACCEPT, accept).header(SEC_WEBSOCKET_PROTOCOL, PROTOCOL);
    switched.body(Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync()).unwrap()
}

/// Carries bytes until one of the ends closes.
async fn carry(mut socket: WebSocketStream<TokioIo<Upgraded>>, port: u16) -> Result<(), Error> {
    let [low, high] = port.to_le_bytes();
    for channel in [0, 1] {
        socket.send(Message::binary(vec![channel, low, high])).await?;
    }
    let pod = match TcpStream::connect(("127.0.0.1", port)).await {
        Ok(pod) => pod,
        Err(error) => {
            let why = format!("error forwarding port {port} to pod: failed to connect to localhost:{port}: {error}");
            socket.send(Message::binary([&[1][..], why.as_bytes()].concat())).await?;
            return socket.close(None).await;
        }
    };
    pod.set_nodelay(true)?;
    let (mut from_pod, mut to_pod) = pod.into_split();
    let (mut to_client, mut from_client) = socket.split();
    // The first byte is the channel.
    let mut buffer = vec![0; 64 * 1024];
    loop {
        tokio::select! {
            read = from_pod.read(&mut buffer[1..]) => match read {
                Ok(count) if count > 0 => to_client.send(Message::binary(buffer[..=count].to_vec())).await?,
                _ => return to_client.send(Message::Close(None)).await,
            },
            message = from_client.next() => match message {
                Some(Ok(Message::Binary(bytes))) if bytes.first() == Some(&0) => to_pod.write_all(&bytes[1..]).await?,
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(()),
                Some(Ok(_)) => {}
            },
        }
    }
}
