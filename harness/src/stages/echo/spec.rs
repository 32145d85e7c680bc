//! Reads `[stage.echo]`.

use super::facts::{Path, Stage, Tcp};
use super::work::Work;
use crate::measure::LedgerRule;
use crate::measure::audit::Limits;
use crate::scenario::network::{check_overtakes, read_share};
use crate::scenario::request::check_timeout;
use crate::scenario::stage::base::{Base, Common};
use crate::scenario::stage::kind::{Kind, Place};
use crate::scenario::stage::load::{self, Defaults, Loop};
use crate::spec::Section;
use crate::work;
use crate::work::load::LoadWork;
use crate::work::transports::Transports;
use harness_base::units::{Bytes, Nanos, Rate};
use harness_load::echo::workload::{LARGEST, SMALLEST, Workload};
use harness_load::facts::Arm;
use harness_load::pace::Pace;
use harness_load::spec::{Body, Expect, Request};
use harness_rig::target::EchoPath;

pub(crate) const KIND: Kind =
    Kind { place: Place::Stage(read), about: "compares echoes over TCP with echoes over QUIC, through the same path" };

/// The most streams that the bundled server permits of one connection.
const MOST_STREAMS: u64 = 1_024;
/// The streams of the connection of QUIC, and the connections of TCP.
const STREAMS: u64 = 8;
/// Connections that are opened one after the other on each instance.
const HANDSHAKES: u64 = 10;
const MOST_HANDSHAKES: u64 = 1_000;
/// The longest delay of each direction.
const LONGEST_DELAY: Nanos = Nanos::from_secs(5);

const DEFAULTS: Defaults = Defaults {
    arrivals: Loop::Open,
    vus: STREAMS,
    rounds: 50,
    warmup: Nanos::from_millis(100),
    window: Nanos::from_secs(1),
};

fn read(section: &Section<'_>, base: &Base<'_>, common: &mut Common) -> work::Work {
    common.read_surroundings(section, base);
    // What stands behind the target takes no part.
    common.upstream = None;
    common.read_limits(section, base);
    common.audit = Limits::read(&section.table("audit", "limits of the audit for this stage"), base.audit);
    if base.target.endpoints.proxy.starts_with("unix:") && !section.describing() {
        let hint = "write the port of the server in [target.endpoints]".to_owned();
        section.mistake("", "needs a server with a port, because QUIC has no unix sockets", Some(hint));
    }
    let workload = read_workload(section);
    let path = read_path(section, base.network.netem);
    let transports = Transports { tls_over_tcp: read_tcp(section) == Tcp::Tls, path };
    let load = read_load(section, base, &transports);
    let about = "connections of each transport that are opened one after the other on each instance, before the rounds; 0 for none";
    let range = |count: &u64| {
        if *count <= MOST_HANDSHAKES { Ok(()) } else { Err(format!("must be at most {MOST_HANDSHAKES}, is {count}")) }
    };
    let handshakes = section.field("handshakes", about).check(range).default(HANDSHAKES);
    let facts = facts(&workload, &load, &transports);
    common.requests = vec![request(section, workload)];
    Work { load, facts, transports, handshakes }.into()
}

fn facts(workload: &Workload, load: &LoadWork, transports: &Transports) -> Stage {
    let tcp = if transports.tls_over_tcp { Tcp::Tls } else { Tcp::Plain };
    let path = transports.path.map(|path| Path {
        delay_ns: path.delay.0,
        jitter_ns: path.jitter.0,
        bits_per_second: path.bandwidth.map(|bandwidth| bandwidth.0),
        loss: path.loss.0,
        duplicate: path.duplicate.0,
        reorder: path.reorder.0,
        netem: path.netem,
    });
    Stage { size_bytes: workload.size.0, streams: load.connections, tcp: load.paired.then_some(tcp), path }
}

fn read_workload(section: &Section<'_>) -> Workload {
    let fits = |size: &Bytes| {
        let fits = (SMALLEST..=LARGEST).contains(size);
        let (least, most) = (SMALLEST.notation(), LARGEST.notation());
        if fits { Ok(()) } else { Err(format!("must be {least} to {most}, is {}", size.notation())) }
    };
    let size = section.field("size", "length of each message").check(fits).default(Bytes(1 << 10));
    let about = "name of the protocol that is offered with TLS and QUIC (ALPN)";
    let not_empty = |name: &String| match name.len() {
        1..=255 => Ok(()),
        length => Err(format!("must have 1 to 255 bytes, has {length}")),
    };
    let alpn = section.field("alpn", about).check(not_empty).default("echo".to_owned());
    Workload { size, alpn, quic: Arm::Proxied }
}

fn read_tcp(section: &Section<'_>) -> Tcp {
    let about = "what is spoken on the arm of TCP: tls (TLS 1.3, because QUIC encrypts too) or plain";
    let words = Tcp::ALL.map(Tcp::word);
    let word = section.field("tcp", about).one_of(&words).default(Tcp::default().word().to_owned());
    Tcp::ALL.into_iter().find(|tcp| tcp.word() == word).unwrap_or_default()
}

fn request(section: &Section<'_>, workload: Workload) -> Request {
    let about = "a message without a complete echo within this time is a timeout, not a latency";
    Request {
        name: "echo".to_owned(),
        weight: 1,
        method: String::new(),
        path: String::new(),
        headers: Vec::new(),
        body: Body::Echo(workload),
        expect: Expect { upstream_hits: LedgerRule::Unknown, ..Expect::default() },
        timeout: section.field("timeout", about).check(check_timeout).default(Nanos::from_secs(5)),
    }
}

/// Reads the path; `None` if nothing impairs it.
fn read_path(section: &Section<'_>, netem: bool) -> Option<EchoPath> {
    let section = section.optional_table("path", "what a relay does to each direction of both transports")?;
    let within = |delay: &Nanos| {
        let longest = LONGEST_DELAY.notation();
        if *delay <= LONGEST_DELAY {
            Ok(())
        } else {
            Err(format!("must be at most {longest}, is {}", delay.notation()))
        }
    };
    let delay =
        section.field("delay", "one way, so a round trip takes twice as long").check(within).default(Nanos::ZERO);
    let jitter = section.field("jitter", "largest difference from the delay, drawn for each packet or chunk");
    let jitter = jitter.default(Nanos::ZERO);
    if jitter > delay {
        let message = format!("{} is more than the delay of {}", jitter.notation(), delay.notation());
        section.mistake("jitter", message, Some("nothing arrives before it was sent: lower it".to_owned()));
    }
    let bandwidth = section.field("bandwidth", "limit of each direction, for example \"10Mbit/s\"; default: none");
    let bandwidth = bandwidth.optional();
    let loss = "share of the packets that are lost; without netem, only QUIC is measured then";
    let duplicate = "share of the packets that arrive twice; without netem, only QUIC is measured then";
    let reorder = "share of the packets that overtake others; without netem, only QUIC is measured then";
    let loss = read_share(&section, "loss", loss);
    let duplicate = read_share(&section, "duplicate", duplicate);
    let reorder = read_share(&section, "reorder", reorder);
    if netem {
        check_overtakes(&section, reorder.0, delay);
    }
    Some(EchoPath { delay, jitter, bandwidth, loss, duplicate, reorder, netem })
}

fn read_load(section: &Section<'_>, base: &Base<'_>, transports: &Transports) -> LoadWork {
    let about = "whether each echo is followed by the next message at once, to find the throughput, instead of sending at a rate";
    let closed = section.field("closed", about).default(false);
    let about = "messages that can be under way at the same time: streams of one connection of QUIC, and as many connections of TCP";
    let within = |n: &u64| match n {
        1..=MOST_STREAMS => Ok(()),
        _ => Err(format!("must be 1 to {MOST_STREAMS}, is {n}")),
    };
    let streams = section.field("streams", about).check(within).default(STREAMS);
    let pace = if closed && !section.describing() {
        section.refuse("rate", "is not sent at in a closed loop", "leave rate or closed out");
        Pace::Closed { vus: streams }
    } else {
        read_rate(section, streams, transports)
    };
    let load = load::read_rounds(section, &DEFAULTS, base.is_external(section), (pace, streams));
    LoadWork { paired: transports.has_tcp(), ..load }
}

/// Reads the rate, which the streams must be able to carry: each waits for its echo before the next message.
fn read_rate(section: &Section<'_>, streams: u64, transports: &Transports) -> Pace {
    let about = "messages per second, the same over both transports";
    let rate: Rate = section.field("rate", about).default(Rate(100.0));
    let round_trip = transports.path.map_or(0.0, |path| path.delay.times(2).as_secs_f64());
    if rate.0 * round_trip >= streams as f64 && !section.describing() {
        let message =
            format!("{rate} with a round trip of {} ms have more messages under way than streams", round_trip * 1e3);
        section.mistake(
            "rate",
            message,
            Some(format!("lower it, or set streams to more than {:.0}", rate.0 * round_trip)),
        );
    }
    Pace::Open { rate, arrivals: load::read_arrivals(section) }
}
