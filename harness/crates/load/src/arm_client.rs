//! A user's client of one arm: opens the connection when needed, and sends requests over it.

use std::future::{Future, poll_fn};
use std::io;
use std::task::Poll;

use nix::errno::Errno;

use super::deadline::Deadline;
use super::judge::Judge;
use super::link::{Answer, Link, Message, Reason};
use super::wire::{Negotiated, Route};
use crate::outcome::Outcome;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The client of one arm.
pub(super) struct ArmClient {
    route: Route,
    state: State,
}

enum State {
    /// Never opened, or closed by us.
    Closed,
    Lost,
    Open(Box<Link>),
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
    /// When the kernel received the last byte, by `CLOCK_REALTIME`; known for a sample of the answers.
    pub(super) arrived: Option<Nanos>,
    /// How often the request was written to the socket; more than once if it was repeated.
    pub(super) writes: u64,
    pub(super) reconnects: u64,
    /// The error, if there is no answer.
    pub(super) message: Option<String>,
}

impl Completion {
    fn new() -> Self {
        let none = Mono::default();
        Self {
            outcome: Outcome::Ok,
            ended: none,
            headers: none,
            first_body: None,
            arrived: None,
            writes: 0,
            reconnects: 0,
            message: None,
        }
    }

    fn answered(mut self, answer: Answer, outcome: Outcome) -> Self {
        self.writes += 1;
        self.outcome = outcome;
        self.headers = answer.headers;
        self.first_body = answer.first_body;
        self.arrived = answer.arrived;
        self.ended = answer.last;
        self
    }

    fn failed(mut self, outcome: Outcome, message: impl Into<String>) -> Self {
        self.outcome = outcome;
        self.ended = Mono::now();
        self.message = Some(message.into());
        self
    }
}

impl ArmClient {
    pub(super) fn new(route: Route) -> Self {
        Self { route, state: State::Closed }
    }

    /// Closes the connection. The next request opens a new one.
    pub(super) fn close(&mut self) {
        self.state = State::Closed;
    }

    /// Opens the connection unless it is open. Returns the outcome and the message of a failure.
    pub(super) async fn ensure(&mut self, deadline: &mut Deadline) -> Result<(), (Outcome, String)> {
        if !self.is_open() {
            self.state = State::Open(Box::new(open(&self.route, deadline).await?));
        }
        Ok(())
    }

    /// Returns what TLS has negotiated; `None` without a connection or TLS.
    pub(super) fn negotiated(&self) -> Option<Negotiated> {
        match &self.state {
            State::Open(link) => link.negotiated(),
            State::Closed | State::Lost => None,
        }
    }

    fn is_open(&mut self) -> bool {
        match &mut self.state {
            State::Open(link) => !link.is_ended(),
            State::Closed | State::Lost => false,
        }
    }

    /// Sends a request and judges the answer.
    ///
    /// If the peer had closed the connection before the request was written, the request is repeated once on a new connection.
    pub(super) async fn exchange(
        &mut self,
        message: Message<'_>,
        judge: &mut Judge,
        deadline: &mut Deadline,
    ) -> Completion {
        let mut completion = Completion::new();
        loop {
            if !self.is_open() {
                let lost = !matches!(self.state, State::Closed);
                if let Err((outcome, message)) = self.ensure(deadline).await {
                    return completion.failed(outcome, message);
                }
                completion.reconnects += u64::from(lost);
            }
            let State::Open(link) = &mut self.state else {
                return completion.failed(Outcome::Connect, "no connection");
            };
            let failure = match link.exchange(message, judge, deadline).await {
                Ok(answer) => return completion.answered(answer, judge.outcome(message.expected)),
                Err(failure) => failure,
            };
            completion.writes += u64::from(failure.written);
            if matches!(failure.reason, Reason::Timeout) {
                self.state = State::Closed;
                return completion.failed(Outcome::Timeout, failure.reason.to_string());
            }
            self.state = State::Lost;
            if failure.written || completion.reconnects > 0 {
                return completion.failed(Outcome::Reset, failure.reason.to_string());
            }
        }
    }
}

/// Opens a link. It is rarely needed, so its future is boxed and does not enlarge that of every request.
async fn open(route: &Route, deadline: &mut Deadline) -> Result<Link, (Outcome, String)> {
    let mut opening = Box::pin(Link::open(route));
    let opened = poll_fn(|cx| match opening.as_mut().poll(cx) {
        Poll::Ready(opened) => Poll::Ready(Some(opened)),
        Poll::Pending => deadline.poll(cx).map(|()| None),
    });
    let address = route.address;
    match opened.await {
        Some(Ok(link)) => Ok(link),
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
