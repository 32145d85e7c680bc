//! A user's client of one arm: opens the connection when needed, and sends requests over it.

use std::future::{Future, poll_fn};
use std::io;
use std::sync::Arc;
use std::task::Poll;

use nix::errno::Errno;

use super::deadline::Deadline;
use super::http2::SharedLink;
use super::judge::Judge;
use super::lane::{Lane, Message};
use super::link::Answer;
use super::wire::{Negotiated, Opening, Route};
use crate::outcome::Outcome;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The client of one arm.
pub(super) struct ArmClient {
    route: Route,
    /// The connection that it shares with other users on HTTP/2.
    shared: Arc<SharedLink>,
    state: State,
    /// How the connection was opened, until it is taken.
    opening: Option<Opening>,
}

enum State {
    /// Never opened, or closed by us.
    Closed,
    Lost,
    Open(Lane),
}

/// The result of a request.
#[derive(Debug, Clone)]
pub(super) struct Completion {
    pub(super) outcome: Outcome,
    /// The instant of the last byte, or of the failure.
    pub(super) ended: Mono,
    pub(super) headers: Mono,
    /// Just before the request was written; absent if that is the instant at which the user sent it.
    pub(super) sent: Option<Mono>,
    /// Absent without a body or an answer.
    pub(super) first_body: Option<Mono>,
    /// When the interim answer 100 was read, if the body has waited for it.
    pub(super) continued: Option<Mono>,
    /// When the kernel received the last byte, by the wall clock; known for a sample of the answers.
    pub(super) arrived: Option<Nanos>,
    /// How often the request was written to the socket; more than once if it was repeated.
    pub(super) writes: u64,
    pub(super) reconnects: u64,
    /// The error, if there is no answer.
    pub(super) message: Option<String>,
}

impl Completion {
    pub(super) fn new() -> Self {
        let none = Mono::default();
        Self {
            outcome: Outcome::Ok,
            ended: none,
            headers: none,
            sent: None,
            first_body: None,
            continued: None,
            arrived: None,
            writes: 0,
            reconnects: 0,
            message: None,
        }
    }

    pub(super) fn answered(mut self, answer: Answer, outcome: Outcome) -> Self {
        self.writes += 1;
        self.outcome = outcome;
        self.headers = answer.headers;
        self.sent = answer.sent;
        self.first_body = answer.first_body;
        self.continued = answer.continued;
        self.arrived = answer.arrived;
        self.ended = answer.last;
        self
    }

    pub(super) fn failed(mut self, outcome: Outcome, message: impl Into<String>) -> Self {
        self.outcome = outcome;
        self.ended = Mono::now();
        self.message = Some(message.into());
        self
    }
}

impl ArmClient {
    /// Creates a client whose connection, on HTTP/2, is that of all clients with the same `shared`.
    pub(super) fn new(route: Route, shared: Arc<SharedLink>) -> Self {
        Self { route, shared, state: State::Closed, opening: None }
    }

    /// Closes the connection. The next request opens a new one. One that is shared closes when no request is under way on it.
    pub(super) fn close(&mut self) {
        if let State::Open(lane) = std::mem::replace(&mut self.state, State::Closed) {
            lane.close();
        }
    }

    /// Closes the connection of an answer that was not read to its end. On HTTP/2, the stream has been reset, and the connection stays.
    pub(super) fn leave(&mut self) {
        if self.route.http2.is_none() {
            self.close();
        }
    }

    /// Closes the connection and frees its port at once; see [`Lane::reset`].
    pub(super) fn reset(&mut self) {
        if let State::Open(lane) = std::mem::replace(&mut self.state, State::Closed) {
            lane.reset();
        }
    }

    /// Returns how a connection was opened since the last call; `None` if none was.
    pub(super) fn take_opening(&mut self) -> Option<Opening> {
        self.opening.take()
    }

    /// Opens the connection unless it is open. Returns whether it did, or the outcome and the message of a failure.
    pub(super) async fn ensure(&mut self, deadline: &mut Deadline) -> Result<bool, (Outcome, String)> {
        if self.is_open() {
            return Ok(false);
        }
        let opening = self.opening.insert(Opening::default());
        let (lane, is_new) = open(&self.route, &self.shared, opening, deadline).await?;
        self.opening = self.opening.take_if(|_| is_new);
        self.state = State::Open(lane);
        Ok(is_new)
    }

    /// Returns what was negotiated; `None` without a connection, and for HTTP/1.1 without TLS.
    pub(super) fn negotiated(&self) -> Option<Negotiated> {
        match &self.state {
            State::Open(lane) => lane.negotiated(),
            State::Closed | State::Lost => None,
        }
    }

    fn is_open(&mut self) -> bool {
        match &mut self.state {
            State::Open(lane) => !lane.is_ended(),
            State::Closed | State::Lost => false,
        }
    }

    fn is_lost(&mut self) -> bool {
        match &mut self.state {
            State::Open(lane) => lane.is_lost(),
            State::Lost => true,
            State::Closed => false,
        }
    }

    /// Sends a request and judges the answer.
    ///
    /// If the peer cannot have processed the request, because it had closed the connection of earlier requests before this one was written
    /// or says so on HTTP/2, the request is repeated once.
    ///
    /// The request counts as sent at `sent`, or else just before it is written.
    pub(super) async fn exchange(
        &mut self,
        message: Message<'_>,
        judge: &mut Judge,
        deadline: &mut Deadline,
        sent: Option<Mono>,
    ) -> Completion {
        let mut completion = Completion::new();
        let (mut is_last_try, mut opened) = (false, false);
        loop {
            if !self.is_open() {
                let lost = self.is_lost();
                match self.ensure(deadline).await {
                    Ok(is_new) => {
                        completion.reconnects += u64::from(lost && is_new);
                        // A new connection that does not take a request is an error, unless the server says that it did not process it.
                        is_last_try |= lost || (is_new && self.route.http2.is_none());
                    }
                    Err((outcome, message)) => return completion.failed(outcome, message),
                }
                // Opening takes part of the time in which the request is served, as on HTTP/1.1.
                opened = true;
            }
            let State::Open(lane) = &mut self.state else {
                return completion.failed(Outcome::Connect, "no connection");
            };
            let failure = match lane.exchange(message, judge, deadline, sent).await {
                Ok(answer) => {
                    let answer = Answer { sent: sent.or(answer.sent.filter(|_| !opened)), ..answer };
                    return completion.answered(answer, judge.outcome(message.expected()));
                }
                Err(failure) => failure,
            };
            completion.writes += u64::from(failure.processed);
            let is_timeout = failure.reason.is_timeout();
            if failure.ends_lane {
                self.state = if is_timeout { State::Closed } else { State::Lost };
            }
            if is_timeout || failure.processed || is_last_try {
                let outcome = if is_timeout { Outcome::Timeout } else { Outcome::Reset };
                return completion.failed(outcome, failure.reason.to_string());
            }
            is_last_try = true;
        }
    }
}

/// Opens a lane. It is rarely needed, so its future is boxed and does not enlarge that of every request.
async fn open(
    route: &Route,
    shared: &SharedLink,
    opening: &mut Opening,
    deadline: &mut Deadline,
) -> Result<(Lane, bool), (Outcome, String)> {
    let mut lane = Box::pin(Lane::open(route, shared, opening));
    let opened = poll_fn(|cx| match lane.as_mut().poll(cx) {
        Poll::Ready(opened) => Poll::Ready(Some(opened)),
        Poll::Pending => deadline.poll(cx).map(|()| None),
    });
    let address = &route.address;
    match opened.await {
        Some(Ok(opened)) => Ok(opened),
        Some(Err(error)) => Err((Outcome::Connect, format!("connecting to {address}: {error}{}", advice(&error)))),
        None => Err((Outcome::Timeout, format!("connecting to {address}: timeout"))),
    }
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
