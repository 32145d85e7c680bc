//! A user's way to one arm: a connection that is opened when needed, and the requests sent over it.

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

/// One way to one arm.
pub(super) struct ArmClient {
    address: SocketAddr,
    state: State,
}

enum State {
    /// Never opened, or given up by us.
    Closed,
    Lost,
    Open(Box<Connection>),
}

/// What became of a request.
#[derive(Debug)]
pub(super) struct Fate {
    pub(super) outcome: Outcome,
    /// Last byte, or the instant of the failure.
    pub(super) ended: Mono,
    pub(super) headers: Mono,
    /// Absent when there was no body, or no answer.
    pub(super) first_body: Option<Mono>,
    /// How often it was put on the wire; more than once when it was repeated.
    pub(super) wired: u64,
    pub(super) reconnects: u64,
    /// Why there is no answer.
    pub(super) message: Option<String>,
}

impl Fate {
    fn new() -> Self {
        let none = Mono::default();
        let (first_body, message) = (None, None);
        Self { outcome: Outcome::Ok, ended: none, headers: none, first_body, wired: 0, reconnects: 0, message }
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

    /// Closes the connection; the next request opens another.
    pub(super) fn close(&mut self) {
        self.state = State::Closed;
    }

    /// Opens the connection unless it is open; the failed outcome and its reason otherwise.
    pub(super) async fn ensure(&mut self, deadline: &mut Deadline) -> Result<(), (Outcome, String)> {
        if let State::Open(connection) = &self.state
            && !connection.is_ended()
        {
            return Ok(());
        }
        // Boxed: rarely needed, and otherwise carried along with every request.
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

    /// Sends `request`, whose body is `body`, and judges the answer. The memory of header maps goes from `spare` to `spare`.
    ///
    /// A request that was not put on the wire because the peer had closed the connection is repeated once on a new one.
    pub(super) async fn exchange(
        &mut self,
        prepared: &Prepared,
        body: &Bytes,
        mut request: Request<Full<Bytes>>,
        judge: &mut Judge,
        deadline: &mut Deadline,
        spare: &mut HeaderMap,
    ) -> Fate {
        let mut fate = Fate::new();
        loop {
            if !matches!(&self.state, State::Open(connection) if !connection.is_ended()) {
                let lost = !matches!(self.state, State::Closed);
                if let Err((outcome, message)) = self.ensure(deadline).await {
                    return fate.failed(outcome, message);
                }
                fate.reconnects += u64::from(lost);
            }
            let State::Open(connection) = &mut self.state else {
                return fate.failed(Outcome::Connect, "no connection");
            };
            let before = connection.written();
            let result = connection.exchange(request, &prepared.expected, judge, deadline).await;
            fate.wired += u64::from(connection.written() > before);
            match result {
                Ok(answer) => return answered(fate, answer, judge.outcome(&prepared.expected), spare),
                Err(Failure::Stale) if fate.reconnects == 0 => {
                    self.state = State::Lost;
                    request = prepared.request(body.clone(), HeaderMap::new());
                }
                Err(failure) => return self.given_up(fate, failure),
            }
        }
    }

    fn given_up(&mut self, fate: Fate, failure: Failure) -> Fate {
        let (state, outcome, message) = match failure {
            Failure::Timeout => (State::Closed, Outcome::Timeout, "no complete answer within the timeout".to_owned()),
            Failure::Stale => (State::Lost, Outcome::Reset, "closed before the request was sent, twice".to_owned()),
            Failure::Broken(message) => (State::Lost, Outcome::Reset, message),
        };
        self.state = state;
        fate.failed(outcome, message)
    }
}

fn answered(mut fate: Fate, answer: Answer, outcome: Outcome, spare: &mut HeaderMap) -> Fate {
    fate.outcome = outcome;
    fate.headers = answer.headers;
    fate.first_body = answer.first_body;
    fate.ended = answer.last;
    *spare = answer.spare;
    fate
}

/// What to do about a connection that this side could not make; nothing where the other side refused it.
fn advice(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EADDRNOTAVAIL) => {
            "; no outgoing port is left, those of closed connections wait for a minute: let the target keep connections alive, or type: \
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
    fn what_this_side_lacks_is_told_with_a_command() {
        let of = |errno: Errno| advice(&io::Error::from(errno));
        assert!(of(Errno::EADDRNOTAVAIL).contains("ip_local_port_range"));
        assert!(of(Errno::EMFILE).contains("prlimit"));
        assert_eq!(of(Errno::ECONNREFUSED), "");
    }
}
