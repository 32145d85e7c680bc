//! Opens connections one after the other, and measures how long each takes until a message can be sent, and until the first byte of its echo.

use std::io;

use super::content;
use super::exchange::{Echoed, Failure, exchange, within};
use super::facts::Handshakes;
use super::place::{Place, Way};
use super::quic::Quic;
use super::stream::Stream;
use crate::deadline::Deadline;
use crate::outcome::Outcome;
use crate::stalls::Stalls;
use crate::wire::{Opening, Route, Wire};
use harness_base::clock::Mono;
use harness_base::error::chain;
use harness_base::heartbeat::Heartbeat;

/// The user of these messages, which is that of no other.
const USER: u64 = u64::MAX - 1;
/// How many times as many connections as wanted are opened at most, if stalls overlap some.
const PATIENCE: u64 = 3;

/// Opens connections until `count` of each kind have been measured.
pub(crate) async fn handshakes(place: &Place, count: u64) -> Handshakes {
    let (heartbeat, stalls) = (Heartbeat::default(), Stalls::default());
    let mut runner = Runner {
        place,
        stalls: &stalls,
        facts: Handshakes::default(),
        deadline: Deadline::new(),
        number: 0,
        message: vec![0; usize::try_from(place.workload.size.0).unwrap_or(usize::MAX)],
        buffer: Vec::new(),
    };
    heartbeat.beat_until(Box::pin(runner.run(count)), |stall| stalls.add(stall)).await;
    runner.facts
}

/// How a connection became ready.
enum Opened {
    /// By a full handshake.
    Full { began: Mono, ready: Mono, echoed: Echoed },
    /// Its message was accepted with the first packet.
    Early { began: Mono, echoed: Echoed },
    /// The server did not accept the message with the first packet.
    Refused,
}

/// Why a connection has no times.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("no connection to the server")]
    Connect(#[from] io::Error),
    #[error("no connection to the server in time")]
    Late,
    #[error(transparent)]
    Echo(#[from] Failure),
}

impl Trouble {
    const fn outcome(&self) -> Outcome {
        match self {
            Self::Connect(_) => Outcome::Connect,
            Self::Late => Outcome::Timeout,
            Self::Echo(failure) => failure.outcome(),
        }
    }
}

struct Runner<'r> {
    place: &'r Place,
    stalls: &'r Stalls,
    facts: Handshakes,
    deadline: Deadline,
    number: u64,
    message: Vec<u8>,
    buffer: Vec<u8>,
}

impl Runner<'_> {
    async fn run(&mut self, count: u64) {
        self.repeat(count, false).await;
        if matches!(self.place.way, Way::Quic(_)) {
            self.repeat(count, true).await;
        }
    }

    /// Opens connections until `count` have been measured. What fails counts as measured.
    async fn repeat(&mut self, count: u64, early: bool) {
        let (mut measured, mut tried) = (0, 0);
        while measured < count && tried < count.saturating_mul(PATIENCE) {
            tried += 1;
            let begun = Mono::now();
            let opened = self.open(early).await;
            if self.stalls.overlap(begun, Mono::now()) {
                self.facts.stalled += 1;
                continue;
            }
            measured += 1;
            self.record(opened);
            // A server that does not answer would cost the timeout each time.
            if self.facts.outcomes.ok == 0 && self.facts.outcomes.errors() > 1 {
                return;
            }
        }
    }

    fn record(&mut self, opened: Result<Opened, Trouble>) {
        let facts = &mut self.facts;
        let (outcome, example) = match opened {
            Ok(Opened::Refused) => {
                facts.early_refused += 1;
                return;
            }
            Ok(Opened::Full { echoed, .. } | Opened::Early { echoed, .. }) if !echoed.is_ok() => {
                (Outcome::WrongBody, echoed.fault())
            }
            Ok(Opened::Full { began, ready, echoed }) => {
                facts.ready_ns.push(ready.since(began).0);
                facts.first_byte_ns.push(echoed.first.since(began).0);
                (Outcome::Ok, None)
            }
            Ok(Opened::Early { began, echoed }) => {
                facts.early_ns.push(echoed.first.since(began).0);
                (Outcome::Ok, None)
            }
            Err(trouble) => (trouble.outcome(), Some(chain(&trouble))),
        };
        facts.outcomes.add(outcome, 1);
        if facts.example.is_none() {
            facts.example = example;
        }
    }

    async fn open(&mut self, early: bool) -> Result<Opened, Trouble> {
        let now = Mono::now();
        self.deadline.set(now, now.after(self.place.timeout));
        let place = self.place;
        match &place.way {
            Way::Tcp(route) => self.over_tcp(route).await,
            Way::Quic(quic) if early => self.over_quic_early(quic).await,
            Way::Quic(quic) => self.over_quic(quic).await,
        }
    }

    async fn over_tcp(&mut self, route: &Route) -> Result<Opened, Trouble> {
        let (mut opening, began) = (Opening::default(), Mono::now());
        let wire = within(&mut self.deadline, Wire::open(route, &mut opening)).await.ok_or(Trouble::Late)??;
        let ready = Mono::now();
        let mut stream = Stream::Tcp(Box::new(wire));
        let echoed = self.echo(&mut stream).await;
        stream.end();
        Ok(Opened::Full { began, ready, echoed: echoed? })
    }

    async fn over_quic(&mut self, quic: &Quic) -> Result<Opened, Trouble> {
        let began = Mono::now();
        let alone = within(&mut self.deadline, quic.open_alone(false)).await.ok_or(Trouble::Late)??;
        let ready = Mono::now();
        let mut stream = within(&mut self.deadline, alone.stream()).await.ok_or(Trouble::Late)??;
        let echoed = self.echo(&mut stream).await?;
        Ok(Opened::Full { began, ready, echoed })
    }

    /// Resumes a session, after one was made if there is none.
    async fn over_quic_early(&mut self, quic: &Quic) -> Result<Opened, Trouble> {
        let mut began = Mono::now();
        let mut early = quic.open_early()?;
        if early.is_none() {
            self.acquaint(quic).await?;
            began = Mono::now();
            self.deadline.set(began, began.after(self.place.timeout));
            early = quic.open_early()?;
        }
        let Some((alone, accepted)) = early else { return Ok(Opened::Refused) };
        let mut stream = within(&mut self.deadline, alone.stream()).await.ok_or(Trouble::Late)??;
        let echoed = self.echo(&mut stream).await;
        if !within(&mut self.deadline, accepted).await.ok_or(Trouble::Late)? {
            return Ok(Opened::Refused);
        }
        let echoed = echoed?;
        // With this echo, the ticket of the next session arrives.
        self.echo(&mut stream).await?;
        Ok(Opened::Early { began, echoed })
    }

    /// Makes a session that can be resumed. Its tickets arrive with the second echo at the latest.
    async fn acquaint(&mut self, quic: &Quic) -> Result<(), Trouble> {
        let alone = within(&mut self.deadline, quic.open_alone(true)).await.ok_or(Trouble::Late)??;
        let mut stream = within(&mut self.deadline, alone.stream()).await.ok_or(Trouble::Late)??;
        for _ in 0..2 {
            self.echo(&mut stream).await?;
        }
        Ok(())
    }

    /// Sends the next message.
    async fn echo(&mut self, stream: &mut Stream) -> Result<Echoed, Trouble> {
        content::fill(&mut self.message, self.place.seed, (USER, self.number));
        self.number += 1;
        Ok(exchange(stream, &self.message, &mut self.buffer, &mut self.deadline).await?)
    }
}
