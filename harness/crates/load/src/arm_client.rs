//! A user's client of one arm: opens the connection when needed, and sends requests over it.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{HeaderMap, Request};
use nix::errno::Errno;

use super::connection::{Answer, Connection, Failure};
use super::deadline::Deadline;
use super::judge::Judge;
use super::prepared::Prepared;
use crate::outcome::Outcome;
use harness_base::clock::Mono;

/// The client of one arm.
pub(super) struct ArmClient {
    address: SocketAddr,
    state: State,
}

enum State {
    /// Never opened, or closed by us.
    Closed,
    Lost,
    Open(Box<Connection>),
}

/// The result of a request.
#[derive(Debug)]
pub(super) struct Completion {
    pub(super) outcome: Outcome,
    /// The instant of the last byte, or of the failure.
    pub(super) ended: Mono,
    pub(super) headers: Mono,
    /// Absent without a body or an answer.
    pub(super) first_body: Option<Mono>,
    /// How often the request was written to the socket; more than once if it was repeated.
    pub(super) writes: u64,
    pub(super) reconnects: u64,
    /// The error, if there is no answer.
    pub(super) message: Option<String>,
}

impl Completion {
    fn new() -> Self {
        let none = Mono::default();
        let (first_body, message) = (None, None);
        Self { outcome: Outcome::Ok, ended: none, headers: none, first_body, writes: 0, reconnects: 0, message }
    }

    fn failed(mut self, outcome: Outcome, message: impl Into<String>) -> Self {
        self.outcome = outcome;
        self.ended = Mono::now();
        self.message = Some(message.into());
        self
    }
}

impl ArmClient {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, state: State::Closed }
    }

    /// Closes the connection. The next request opens a new one.
    pub(super) fn close(&mut self) {
        self.state = State::Closed;
    }

    /// Opens the connection unless it is open. Returns the outcome and the message of a failure.
    pub(super) async fn ensure(&mut self, deadline: &mut Deadline) -> Result<(), (Outcome, String)> {
        if let State::Open(connection) = &self.state
            && !connection.is_ended()
        {
            return Ok(());
        }
        // Boxed, because it is rarely needed and would enlarge the future of every request.
        let mut opening = Box::pin(Connection::open(self.address));
        let opened = std::future::poll_fn(|cx| match opening.as_mut().poll(cx) {
            std::task::Poll::Ready(opened) => std::task::Poll::Ready(Some(opened)),
            std::task::Poll::Pending => deadline.poll(cx).map(|()| None),
        })
        .await;
        match opened {
            Some(Ok(connection)) => {
                self.state = State::Open(Box::new(connection));
                Ok(())
            }
            Some(Err(error)) => {
                Err((Outcome::Connect, format!("connecting to {}: {error}{}", self.address, advice(&error))))
            }
            None => Err((Outcome::Timeout, format!("connecting to {}: timeout", self.address))),
        }
    }

    /// Sends `request`, whose body is `body`, and judges the answer. `spare` receives the answer's header map for reuse.
    ///
    /// If the peer had closed the connection before the request was written, the request is repeated once on a new connection.
    pub(super) async fn exchange(
        &mut self,
        prepared: &Prepared,
        body: &Bytes,
        mut request: Request<Full<Bytes>>,
        judge: &mut Judge,
        deadline: &mut Deadline,
        spare: &mut HeaderMap,
    ) -> Completion {
        let mut completion = Completion::new();
        loop {
            if !matches!(&self.state, State::Open(connection) if !connection.is_ended()) {
                let lost = !matches!(self.state, State::Closed);
                if let Err((outcome, message)) = self.ensure(deadline).await {
                    return completion.failed(outcome, message);
                }
                completion.reconnects += u64::from(lost);
            }
            let State::Open(connection) = &mut self.state else {
                return completion.failed(Outcome::Connect, "no connection");
            };
            let before = connection.written();
            let result = connection.exchange(request, &prepared.expected, judge, deadline).await;
            completion.writes += u64::from(connection.written() > before);
            match result {
                Ok(answer) => return answered(completion, answer, judge.outcome(&prepared.expected), spare),
                Err(Failure::Stale) if completion.reconnects == 0 => {
                    self.state = State::Lost;
                    request = prepared.request(body.clone(), HeaderMap::new());
                }
                Err(failure) => return self.failed(completion, failure),
            }
        }
    }

    fn failed(&mut self, completion: Completion, failure: Failure) -> Completion {
        let (state, outcome, message) = match failure {
            Failure::Timeout => (State::Closed, Outcome::Timeout, "no complete answer within the timeout".to_owned()),
            Failure::Stale => (State::Lost, Outcome::Reset, "closed before the request was sent, twice".to_owned()),
            Failure::Broken(message) => (State::Lost, Outcome::Reset, message),
        };
        self.state = state;
        completion.failed(outcome, message)
    }
}

fn answered(mut completion: Completion, answer: Answer, outcome: Outcome, spare: &mut HeaderMap) -> Completion {
    completion.outcome = outcome;
    completion.headers = answer.headers;
    completion.first_body = answer.first_body;
    completion.ended = answer.last;
    *spare = answer.spare;
    completion
}

/// Returns advice for errors of this side; nothing when the peer refused the connection.
fn advice(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EADDRNOTAVAIL) => {
            "; no outgoing port is left, because those of closed connections wait for a minute: let the target keep connections alive, or type: \
             sudo sysctl net.ipv4.ip_local_port_range='10000 65535'"
        }
        Some(Errno::EMFILE) => "; raise the limit with: sudo prlimit --pid $$ --nofile=65536:65536",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_this_side_come_with_a_command() {
        let of = |errno: Errno| advice(&io::Error::from(errno));
        assert!(of(Errno::EADDRNOTAVAIL).contains("ip_local_port_range"));
        assert!(of(Errno::EMFILE).contains("prlimit"));
        assert_eq!(of(Errno::ECONNREFUSED), "");
    }
}
