//! Defines the metrics of echoes over TCP and over QUIC.

use super::facts::Stage;
use crate::measure::facts::{InstanceFacts, StageFacts};
use crate::measure::kind::StageKind;
use crate::measure::metric::bencher::{BANDWIDTH, ERRORS, GAIN, LATENCY};
use crate::measure::metric::fact::Fact;
use crate::measure::metric::row::{Absent, Metric, Values, row};
use crate::measure::metric::unit::Unit::{MegabytesPerSecond, Millis, Percent};
use crate::measure::metric::values::{closed_rps, per_round, response_ms};
use crate::measure::record::{InstanceRecord, RoundRecord, StageRecord};
use crate::measure::trial::TrialRecord;
use harness_load::echo::facts::Handshakes;
use harness_load::facts::Arm;
use harness_load::pace::Pace;

/// The arms by their transports.
const TCP: Arm = Arm::Direct;
const QUIC: Arm = Arm::Proxied;

const RTT: &str = "Response time (last byte of the echo read − intended start) of a message.";
const HANDSHAKE: &str = "Time of a full handshake, from its start until a message can be sent.";
const FIRST: &str = "Time from the start of a full handshake until the first byte of the first echo is read.";

pub(crate) const METRICS: &[Metric] = &[
    row("gain/quic_rtt_p50", Millis, StageKind::Echo, &GAIN, "p50(TCP) − p50(QUIC) of the response time in a round, at the same rate through the same path: how much sooner the echo of a message comes over QUIC.", gain).key().higher(),
    row("echo/tcp_rtt_p50", Millis, StageKind::Echo, &LATENCY, "Response time (last byte of the echo read − intended start) of a message over TCP, with TLS 1.3 unless `tcp = \"plain\"`, quantile 0.5.", |stage| rtt(stage, TCP, 0.5)).key().help(RTT),
    row("echo/tcp_rtt_p95", Millis, StageKind::Echo, &LATENCY, "The same for quantile 0.95.", |stage| rtt(stage, TCP, 0.95)).help(RTT),
    row("echo/quic_rtt_p50", Millis, StageKind::Echo, &LATENCY, "Response time of a message over a stream of QUIC, quantile 0.5.", |stage| rtt(stage, QUIC, 0.5)).key().benchmark().help(RTT),
    row("echo/quic_rtt_p95", Millis, StageKind::Echo, &LATENCY, "The same for quantile 0.95.", |stage| rtt(stage, QUIC, 0.95)).help(RTT),
    row("echo/tcp_handshake_p50", Millis, StageKind::Echo, &LATENCY, "Time of a full handshake of TCP, and of TLS 1.3 unless `tcp = \"plain\"`, until a message can be sent: the median of an instance, one value per instance.", |stage| opened(stage, TCP, (ready, NO_HANDSHAKE))).key().help(HANDSHAKE),
    row("echo/quic_handshake_p50", Millis, StageKind::Echo, &LATENCY, "Time of a full handshake of QUIC until a message can be sent: the median of an instance.", |stage| opened(stage, QUIC, (ready, NO_HANDSHAKE))).key().help(HANDSHAKE),
    row("echo/tcp_first_byte_p50", Millis, StageKind::Echo, &LATENCY, "Time from the start of a full handshake over TCP until the first byte of the first echo is read: the median of an instance.", |stage| opened(stage, TCP, (first_byte, NO_HANDSHAKE))).help(FIRST),
    row("echo/quic_first_byte_p50", Millis, StageKind::Echo, &LATENCY, "The same over QUIC.", |stage| opened(stage, QUIC, (first_byte, NO_HANDSHAKE))).help(FIRST),
    row("echo/quic_0rtt_p50", Millis, StageKind::Echo, &LATENCY, "The same over QUIC if a session is resumed and the message is sent with the first packet (0-RTT). Only connections whose early message the server accepted count.", |stage| opened(stage, QUIC, (early, NO_EARLY))).key(),
    row("throughput/echo_tcp", MegabytesPerSecond, StageKind::Echo, &BANDWIDTH, "Bytes of the messages whose valid echo was read in the window ÷ its length over TCP, with `closed = true`. A message and its echo count once. Segments of TCP on loopback have up to 64 KiB, packets of QUIC 1,452 bytes.", |stage| throughput(stage, TCP)).key().higher(),
    row("throughput/echo_quic", MegabytesPerSecond, StageKind::Echo, &BANDWIDTH, "The same over QUIC.", |stage| throughput(stage, QUIC)).key().higher(),
    row("errors/echo_percent", Percent, StageKind::Echo, &ERRORS, "Messages over both transports whose echo was changed, lost or late ÷ messages of all valid rounds.", errors).exact(),
];

pub(crate) const FACTS: &[Fact] = &[];

const CLOSED: &str = "in a closed loop, a message waits for others to be echoed; measure round trips at a rate";
const NO_ECHO: &str = "a valid round has no valid echo";
const NO_TCP: &str = "the path loses, repeats or reorders packets; for segments of TCP that needs netem, and a relay in user space cannot do it; write netem = true in [network]";
const NO_HANDSHAKE: &str = "an instance has no connection that was opened for itself; set handshakes";
const NO_SYN: &str = "the kernel answers the handshake of TCP before the relay of the path can delay it; leave out path, or write netem = true in [network]";
const NO_EARLY: &str = "the server accepted no message with the first packet of a resumed session";

fn facts(stage: &StageRecord) -> Stage {
    match stage.facts {
        StageFacts::Echo(facts) => facts,
        _ => Stage::default(),
    }
}

/// Returns why an arm has no values, if it was not measured.
fn measured(stage: &StageRecord, arm: Arm) -> Result<(), Absent> {
    let absent = arm == TCP && facts(stage).tcp.is_none();
    if absent { Err(Absent(NO_TCP.to_owned())) } else { Ok(()) }
}

fn is_open(stage: &StageRecord) -> Result<(), Absent> {
    match stage.offered {
        Some(Pace::Closed { .. }) => Err(Absent(CLOSED.to_owned())),
        _ => Ok(()),
    }
}

fn rtt(stage: &StageRecord, arm: Arm, q: f64) -> Values {
    is_open(stage)?;
    measured(stage, arm)?;
    per_round(stage, NO_ECHO, |round| response_ms(round.trial(arm)?, q))
}

fn gain(stage: &StageRecord) -> Values {
    is_open(stage)?;
    measured(stage, TCP)?;
    let of = |round: &RoundRecord, arm| response_ms(round.trial(arm)?, 0.5);
    per_round(stage, NO_ECHO, |round| Some(of(round, TCP)? - of(round, QUIC)?))
}

fn throughput(stage: &StageRecord, arm: Arm) -> Values {
    let size = facts(stage).size_bytes as f64;
    closed_rps(stage, |stage| {
        measured(stage, arm)?;
        per_round(stage, NO_ECHO, |round| Some(round.trial(arm)?.rps()? * size / 1e6))
    })
}

/// Returns one value, because the median of the rounds hides errors in a few of them.
fn errors(stage: &StageRecord) -> Values {
    let trials = || stage.valid_rounds().flat_map(|round| &round.trials);
    let sum = |of: fn(&TrialRecord) -> u64| trials().map(of).sum::<u64>() as f64;
    let scheduled = sum(|trial| trial.load.scheduled);
    let share = (scheduled > 0.0).then(|| sum(|trial| trial.load.own_errors()) / scheduled * 100.0);
    share.map(|share| vec![share]).ok_or_else(|| Absent("no valid round with a message".to_owned()))
}

type Times = fn(&Handshakes) -> &[u64];

fn ready(handshakes: &Handshakes) -> &[u64] {
    &handshakes.ready_ns
}

fn first_byte(handshakes: &Handshakes) -> &[u64] {
    &handshakes.first_byte_ns
}

fn early(handshakes: &Handshakes) -> &[u64] {
    &handshakes.early_ns
}

/// Returns the median of each instance that has valid rounds, in milliseconds; `why` is the reason if one has none.
fn opened(stage: &StageRecord, arm: Arm, (times, why): (Times, &str)) -> Values {
    measured(stage, arm)?;
    if arm == TCP && facts(stage).path.is_some_and(|path| !path.netem) {
        return Err(Absent(NO_SYN.to_owned()));
    }
    let valid = stage.instances.iter().filter(|instance| instance.valid_rounds().next().is_some());
    let values: Option<Vec<f64>> = valid.map(|instance| median_ms(times(own(instance, arm)?))).collect();
    values.filter(|values| !values.is_empty()).ok_or_else(|| Absent(why.to_owned()))
}

/// Returns the connections of an arm that were opened for themselves.
fn own(instance: &InstanceRecord, arm: Arm) -> Option<&Handshakes> {
    match (&instance.facts, arm) {
        (InstanceFacts::Echo(facts), TCP) => facts.tcp.as_ref(),
        (InstanceFacts::Echo(facts), QUIC) => facts.quic.as_ref(),
        _ => None,
    }
}

/// Returns the median in milliseconds: of an even number of times, the mean of the two in the middle.
fn median_ms(times: &[u64]) -> Option<f64> {
    let mut times = times.to_vec();
    times.sort_unstable();
    let (low, high) = (times.get(times.len().checked_sub(1)? / 2)?, times.get(times.len() / 2)?);
    Some((*low as f64 + *high as f64) / 2.0 / 1e6)
}
