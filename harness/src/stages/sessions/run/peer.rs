//! The MCP endpoint of the target: how sessions and streams are opened, used and ended there.

use std::time::Duration;

use serde::Deserialize;

use super::connection::Connection;
use super::failure::Failure;
use super::http::{self, Head};
use super::tally::Tally;
use crate::stages::sessions::facts::Held;
use crate::stages::sessions::work::Work;
use harness_base::address::Address;
use harness_base::units::Bytes;
use harness_load::mcp::workload::Revision;
use harness_rig::target::HttpUrl;

const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
const PING: &str = r#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#;
const CLIENT: &str = concat!(r#"{"name":"harness","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);
/// The last byte of a body.
const LAST: &[u8] = b"x";
/// The first message of a subscription.
const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";

/// The endpoint, and how it is spoken to.
#[derive(Debug)]
pub(super) struct Peer {
    address: Address,
    held: Held,
    revision: Revision,
    per_connection: u64,
    timeout: Duration,
    /// The head and the body of a request in flight, without the last byte; empty for sessions and streams.
    upload: Vec<u8>,
    /// The lines of the head that all requests have, from the path on.
    common: String,
}

/// An open session.
pub(super) struct Session {
    id: String,
    /// The revision that was agreed on.
    revision: String,
}

/// A connection with what it holds open: sessions, or one stream.
pub(super) struct Line {
    pub(super) connection: Connection,
    pub(super) sessions: Vec<Session>,
    /// Whether the connection carries a stream or a request in flight, so that it can send no other request.
    pub(super) streaming: bool,
}

/// Whether a session was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deleted {
    Yes,
    /// The server does not let clients delete sessions (405).
    NotDeletable,
}

#[derive(Deserialize)]
struct Answer<R> {
    result: R,
}

#[derive(Deserialize)]
struct Agreed {
    #[serde(rename = "protocolVersion")]
    revision: String,
}

#[derive(Deserialize)]
struct Notification {
    method: String,
}

impl Peer {
    pub(super) fn new(url: &HttpUrl, work: &Work) -> Self {
        let host = match url.port {
            Some(port) => format!("{}:{port}", url.host),
            None => url.host.clone(),
        };
        let more: String = work.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let common =
            format!("{} HTTP/1.1\r\nHost: {host}\r\nAccept: application/json, text/event-stream\r\n{more}", work.path);
        Self {
            address: url.address.clone(),
            held: work.held,
            revision: work.revision,
            per_connection: work.per_connection,
            timeout: work.timeout.duration(),
            upload: if work.held == Held::Requests { upload(&common, work.body) } else { Vec::new() },
            common,
        }
    }

    /// Sends the last byte of a request, and reads the answer.
    pub(super) async fn finish(&self, line: &mut Line) -> Tally {
        let mut tally = Tally::default();
        tally.note(self.within(self.complete(&mut line.connection)).await);
        tally
    }

    async fn complete(&self, connection: &mut Connection) -> Result<(), Failure> {
        let head = self.begin(connection, LAST).await?;
        connection.body(&head).await?;
        Ok(())
    }

    /// Opens a connection with its sessions, its stream or its request. Returns `None` if none of them could be opened.
    pub(super) async fn open(&self) -> (Option<Line>, Tally) {
        let mut tally = Tally::default();
        let connected = self.within(async { Connection::open(&self.address).await.map_err(Failure::Connect) }).await;
        let connection = match connected {
            Ok(connection) => connection,
            Err(failure) => return (None, tally.failed(&failure)),
        };
        let mut line = Line { connection, sessions: Vec::new(), streaming: false };
        if self.held == Held::Requests {
            let sent = self.within(async { line.connection.send(&self.upload).await.map_err(Failure::from) }).await;
            line.streaming = tally.beside(sent).is_some();
            return (line.streaming.then_some(line), tally);
        }
        if self.revision.has_sessions() {
            for _ in 0..self.per_connection {
                match tally.note(self.within(self.initialize(&mut line.connection)).await) {
                    Some(session) => line.sessions.push(session),
                    None => break,
                }
            }
        }
        if self.held == Held::Streams {
            let opened = match (self.revision.has_sessions(), line.sessions.first()) {
                (false, _) => tally.note(self.within(self.subscribe(&mut line.connection)).await),
                (true, Some(session)) => tally.note(self.within(self.listen(&mut line.connection, session)).await),
                (true, None) => None,
            };
            line.streaming = opened.is_some();
        }
        line.connection.rest();
        let holds = if self.held == Held::Streams { line.streaming } else { !line.sessions.is_empty() };
        (holds.then_some(line), tally)
    }

    /// Sends a ping on each session of a line.
    pub(super) async fn ping(&self, line: &mut Line) -> Tally {
        let mut tally = Tally::default();
        let Line { connection, sessions, streaming } = line;
        for session in sessions.iter().filter(|_| !*streaming) {
            tally.note(self.within(self.exchange(connection, &self.request("POST", Some(session), PING))).await);
        }
        line.connection.rest();
        tally
    }

    /// Deletes the sessions of a line. What their streams carry ends with them.
    pub(super) async fn delete(&self, line: &mut Line) -> (Vec<Deleted>, Tally) {
        let (mut done, mut tally) = (Vec::new(), Tally::default());
        if line.sessions.is_empty() {
            return (done, tally);
        }
        let mut beside = None;
        if line.streaming {
            beside = tally
                .beside(self.within(async { Connection::open(&self.address).await.map_err(Failure::Connect) }).await);
        }
        let connection = if line.streaming { beside.as_mut() } else { Some(&mut line.connection) };
        let Some(connection) = connection else { return (done, tally) };
        for session in &line.sessions {
            done.extend(tally.note(self.within(self.end(connection, session)).await));
        }
        (done, tally)
    }

    async fn within<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        tokio::time::timeout(self.timeout, work).await.unwrap_or(Err(Failure::Late(self.timeout)))
    }

    async fn initialize(&self, connection: &mut Connection) -> Result<Session, Failure> {
        let asked = self.revision.word();
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":"{asked}","capabilities":{{}},"clientInfo":{CLIENT}}}}}"#
        );
        let (head, text) = self.exchange(connection, &self.request("POST", None, &body)).await?;
        let id = head.session.ok_or(Failure::NoSession)?;
        let agreed: Answer<Agreed> = serde_json::from_str(&text).map_err(|_| Failure::NotAResult(excerpt(&text)))?;
        let session = Session { id, revision: agreed.result.revision };
        let note = self.request("POST", Some(&session), INITIALIZED);
        self.exchange(connection, &note).await?;
        Ok(session)
    }

    /// Opens the stream of a session.
    async fn listen(&self, connection: &mut Connection, session: &Session) -> Result<(), Failure> {
        let head = self.begin(connection, &self.request("GET", Some(session), "")).await?;
        if head.is_stream { Ok(()) } else { Err(Failure::NotAStream) }
    }

    /// Opens the stream of a subscription, which begins with its acknowledgement.
    async fn subscribe(&self, connection: &mut Connection) -> Result<(), Failure> {
        let revision = self.revision.word();
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{{"notifications":{{"toolsListChanged":true}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"{revision}","io.modelcontextprotocol/clientInfo":{CLIENT},"io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
        );
        let head = self.begin(connection, &self.request("POST", None, &body)).await?;
        if !head.is_stream {
            return Err(Failure::NotAStream);
        }
        let first = connection.first_event(&head).await?;
        match serde_json::from_str::<Notification>(&first) {
            Ok(notification) if notification.method == ACKNOWLEDGED => Ok(()),
            _ => Err(Failure::NotAcknowledged(excerpt(&first))),
        }
    }

    async fn end(&self, connection: &mut Connection, session: &Session) -> Result<Deleted, Failure> {
        match self.exchange(connection, &self.request("DELETE", Some(session), "")).await {
            Ok(_) => Ok(Deleted::Yes),
            Err(Failure::Status { status: 405, .. }) => Ok(Deleted::NotDeletable),
            Err(failure) => Err(failure),
        }
    }

    /// Sends a request and returns the head and the last message of its answer. Opens the connection again if the target has closed it.
    async fn exchange(&self, connection: &mut Connection, request: &[u8]) -> Result<(Head, String), Failure> {
        if !connection.is_usable() {
            *connection = Connection::open(&self.address).await.map_err(Failure::Connect)?;
        }
        let head = self.begin(connection, request).await?;
        let body = connection.body(&head).await?;
        let last = if head.is_stream { http::events(&body).pop().unwrap_or_default() } else { lossy(&body) };
        Ok((head, last))
    }

    async fn begin(&self, connection: &mut Connection, request: &[u8]) -> Result<Head, Failure> {
        let head = connection.begin(request).await?;
        if (200..300).contains(&head.status) {
            return Ok(head);
        }
        let body = connection.body(&head).await?;
        Err(Failure::Status { status: head.status, body: excerpt(&lossy(&body)) })
    }

    /// Writes a request; a body is JSON.
    fn request(&self, method: &str, session: Option<&Session>, body: &str) -> Vec<u8> {
        let mut text = format!("{method} {}", self.common);
        if let Some(Session { id, revision }) = session {
            text.push_str(&format!("Mcp-Session-Id: {id}\r\nMCP-Protocol-Version: {revision}\r\n"));
        } else if !self.revision.has_sessions() {
            let revision = self.revision.word();
            text.push_str(&format!("MCP-Protocol-Version: {revision}\r\nMcp-Method: subscriptions/listen\r\n"));
        }
        if !body.is_empty() {
            text.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        text.push_str(body);
        text.into_bytes()
    }
}

/// Writes the head and the body of a request, without its last byte.
fn upload(common: &str, body: Bytes) -> Vec<u8> {
    let mut text = format!("POST {common}Content-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n", body.0);
    let rest = usize::try_from(body.0.saturating_sub(1)).unwrap_or_default();
    text.extend(std::iter::repeat_n('x', rest));
    text.into_bytes()
}

fn lossy(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

/// Returns the beginning of a text, for a message.
fn excerpt(text: &str) -> String {
    text.chars().take(200).collect()
}
