//! Plans rounds of messages that the target sends back, over TCP and over QUIC in turn.

use super::facts::{Stage, Tcp};
use crate::measure::facts::StageFacts;
use crate::measure::metric::Metric;
use crate::work::load::LoadWork;
use crate::work::planned::StageWork;
use crate::work::transports::Transports;
use harness_base::units::{Bytes, Nanos};
use harness_load::pace::Pace;

/// Connections of each transport that `--quick` opens one after the other.
const QUICK_HANDSHAKES: u64 = 5;
/// Round trips of the handshakes and echoes of one connection of each transport.
const ROUND_TRIPS: u64 = 9;

/// The metrics that only a closed loop measures.
const OF_CLOSED: [&str; 2] = ["throughput/echo_tcp", "throughput/echo_quic"];
/// The metrics that only an open loop measures.
const OF_OPEN: [&str; 5] =
    ["echo/tcp_rtt_p50", "echo/tcp_rtt_p95", "echo/quic_rtt_p50", "echo/quic_rtt_p95", "gain/quic_rtt_p50"];

#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// Its connections are the streams.
    pub load: LoadWork,
    pub facts: Stage,
    pub transports: Transports,
    /// Connections of each transport that are opened one after the other on each instance, before the rounds.
    pub handshakes: u64,
}

impl Work {
    /// Returns the delay of a round trip.
    fn round_trip(&self) -> Nanos {
        self.transports.path.map_or(Nanos::ZERO, |path| path.delay.times(2))
    }
}

impl StageWork for Work {
    fn describe(&self) -> String {
        let LoadWork { rounds, instances, warmup, window, tail, .. } = &self.load;
        let streams = self.facts.streams;
        let pace = match self.load.pace {
            Pace::Open { rate, .. } => format!("{rate} on {streams} streams"),
            Pace::Closed { .. } => format!("{streams} streams, each with a message under way at any time"),
        };
        let tcp = self.facts.tcp.map_or_else(String::new, |tcp: Tcp| format!("{} and ", tcp.describe()));
        let path = self.transports.path.map_or_else(String::new, |path| format!(", path {}", path.describe()));
        let tail = if *tail == Nanos::ZERO { String::new() } else { format!(", tail window {}", tail.notation()) };
        format!(
            "{rounds} rounds over {instances} instances of {tcp}QUIC, messages of {}, {pace}{path}, {} handshakes, warm-up {}, window {}{tail}",
            Bytes(self.facts.size_bytes).notation(),
            self.handshakes,
            warmup.notation(),
            window.notation()
        )
    }

    fn duration(&self) -> Nanos {
        let opening = self.round_trip().times(ROUND_TRIPS).times(self.handshakes).times(self.load.instances);
        self.load.duration().plus(opening)
    }

    fn shorten(&mut self) {
        self.load.shorten();
        self.handshakes = self.handshakes.min(QUICK_HANDSHAKES);
    }

    fn wanted(&self) -> u64 {
        self.load.rounds
    }

    fn load(&self) -> Option<&LoadWork> {
        Some(&self.load)
    }

    fn rounds(&self) -> Option<&LoadWork> {
        Some(&self.load)
    }

    fn rounds_mut(&mut self) -> Option<&mut LoadWork> {
        Some(&mut self.load)
    }

    /// Returns false: the direct arm leads to the target too, so there is nothing that both builds have in common.
    fn compares(&self) -> bool {
        false
    }

    fn is_profiled(&self) -> bool {
        true
    }

    fn resolves(&self) -> Option<&'static str> {
        (self.load.paired && matches!(self.load.pace, Pace::Open { .. })).then_some("gain/quic_rtt_p50")
    }

    fn transports(&self) -> Option<&Transports> {
        Some(&self.transports)
    }

    fn does_not_measure(&self, metric: &Metric) -> Option<(String, String)> {
        let text = |message: &str, hint: &str| Some((message.to_owned(), hint.to_owned()));
        match self.load.pace {
            Pace::Open { .. } if OF_CLOSED.contains(&metric.id) => text(
                "the stage sends at a rate that is given, which is no result",
                "write closed = true in a stage of its own",
            ),
            Pace::Closed { .. } if OF_OPEN.contains(&metric.id) => text(
                "the stage is a closed loop, in which a message waits for others",
                "name a stage without closed = true",
            ),
            _ => None,
        }
    }

    fn facts(&self) -> StageFacts {
        self.facts.into()
    }
}
