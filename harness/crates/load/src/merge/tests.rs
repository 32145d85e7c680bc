//! Splits streams of requests over generators, and compares their merged reports with that of one generator.

use proptest::prelude::*;

use super::*;
use crate::facts::{Arm, Connections, Events};
use crate::frames::PreflightAnswer;
use crate::latency::{LatencyHistogram, Quantiles};
use crate::mcp::facts::{Mcp, MethodFacts, Sessions};
use crate::mcp::method::Method;
use crate::mcp::stdio::facts::{Stdio, Stray};
use crate::outcome::Outcomes;
use crate::streams::{Reads, Streams};
use crate::watched::{Change, Stalled, Watched};
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The length of a tick, of a block and of a second of the streams, by the instant at which a request is due.
const PART: u64 = 1_000;

/// Returns a report as it arrives from another process.
fn received(facts: &LoadFacts) -> LoadFacts {
    serde_json::from_str(&serde_json::to_string(facts).unwrap()).unwrap()
}

/// Returns the report of a generator that sent these requests: when each was due, how it ended, and how long that took.
fn report(requests: &[(u64, usize, u64)]) -> LoadFacts {
    let mut facts = LoadFacts {
        window_start: Mono(77),
        window_ns: 10 * PART,
        ticks: Some(Ticks { length_ns: PART, outcomes: vec![Outcomes::default(); 10] }),
        stalls: Some(StallTotal::default()),
        blocks: vec![LatencyHistogram::default(); 10],
        ..LoadFacts::default()
    };
    let mut seconds = [(0, 0); 10];
    let (mut connections, mut events, mut continued) =
        (Connections::default(), Events::default(), LatencyHistogram::default());
    for (due, outcome, span) in requests {
        let (outcome, span) = (Outcome::ALL[*outcome], Nanos(*span));
        let place = usize::try_from(due / PART).unwrap();
        facts.scheduled += 1;
        facts.outcomes.add(outcome, 1);
        facts.ticks.as_mut().unwrap().outcomes[place].add(outcome, 1);
        facts.sent_total += u64::from(outcome != Outcome::Unsent);
        facts.latencies.pacer_lag.record(Nanos(span.0 / 7));
        if outcome.is_error() {
            facts.first_error_ns = facts.first_error_ns.into_iter().chain([due + span.0]).min();
            seconds[place].1 += 1;
        }
        if outcome == Outcome::Ok {
            facts.completed_in_window += 1;
            facts.blocks[place].record(span);
            facts.latencies.response.record(span);
            facts.latencies.service.record(Nanos(span.0 / 2));
            seconds[place].0 += 1;
            connections.opened += 1;
            connections.connect.record(span);
            events.count += 2;
            events.gap.record(span);
            continued.record(span);
        }
    }
    let second = |(place, (ok, errors)): (usize, (u64, u64))| Second {
        from_s: place as f64,
        length_s: 1.0,
        ok,
        errors,
        response: None,
    };
    facts.seconds = seconds.into_iter().enumerate().map(second).collect();
    facts.connections = (connections.opened > 0).then(|| Box::new(connections));
    facts.events = (events.count > 0).then(|| Box::new(events));
    facts.continued = (continued.count() > 0).then(|| Box::new(continued));
    facts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_stream_that_is_split_and_merged_has_the_same_histogram_byte_for_byte(
        spans in prop::collection::vec((0u64..64, 0u32..48, any::<u64>()), 0..600),
        nodes in 1u64..=64,
        coarse in any::<bool>(),
    ) {
        let empty = || if coarse { LatencyHistogram::coarse() } else { LatencyHistogram::default() };
        let (mut whole, mut parts) = (empty(), vec![empty(); nodes as usize]);
        for (node, shift, bits) in spans {
            let span = Nanos(bits >> (shift + 16));
            whole.record(span);
            parts[(node % nodes) as usize].record(span);
        }
        let text = |histogram: &LatencyHistogram| serde_json::to_string(histogram).unwrap();
        let merged = |parts: &[LatencyHistogram]| {
            let mut merged = parts[0].clone();
            parts[1..].iter().for_each(|part| merged.merge(part));
            merged
        };
        prop_assert_eq!(text(&merged(&parts)), text(&whole));
        let read: Vec<LatencyHistogram> =
            parts.iter().map(|part| serde_json::from_str(&text(part)).unwrap()).collect();
        let from_read = merged(&read);
        prop_assert_eq!(text(&from_read), text(&whole), "as they arrive from other processes");
        prop_assert!(from_read == whole && from_read.quantiles() == whole.quantiles());
    }

    #[test]
    fn merged_reports_are_that_of_one_generator(
        requests in prop::collection::vec((0u64..10 * PART, 0usize..8, 1u64..200_000_000_000), 0..120),
        nodes in 1usize..=16,
    ) {
        let mut whole = report(&requests);
        whole.blocks.retain(|block| block.count() > 0);
        whole.in_flight_samples = Some(InFlightSamples { number: 3, variance: 0.0 });
        let part = |node: usize| {
            let own: Vec<_> = requests.iter().copied().skip(node).step_by(nodes).collect();
            let samples = Some(InFlightSamples { number: 3 + node as u64, variance: 0.0 });
            received(&LoadFacts { in_flight_samples: samples, ..report(&own) })
        };
        let parts: Vec<LoadFacts> = (0..nodes).map(part).collect();
        let merged = merge(&parts, Vec::new());
        prop_assert_eq!(serde_json::to_string(&merged).unwrap(), serde_json::to_string(&whole).unwrap());
        prop_assert!(merged == whole);
    }
}

#[test]
fn what_cannot_be_added_is_combined_by_its_meaning() {
    let part = |first_ns: u64, number: u64, mean_in_flight, (count, variance), span_ns: u64| {
        let mut part = LoadFacts {
            window_start: Mono(first_ns),
            window_ns: 1_000 - span_ns,
            halves: Some(Halves { first_ns, second_ns: 2 * first_ns }),
            mean_in_flight,
            in_flight_samples: Some(InFlightSamples { number: count, variance }),
            stalls: Some(StallTotal { span_ns, requests: 2, ended_after: 1, errors: 1 }),
            first_release: Some(FirstRelease { intended_ns: first_ns, lag_ns: 5 }),
            read_lag: Some(ReadLag { error_ns: first_ns, dropped: 1, ..ReadLag::default() }),
            examples: (0..4).map(|place| format!("{first_ns}/{place}")).collect(),
            ..LoadFacts::default()
        };
        (0..number).for_each(|_| part.latencies.response.record(Nanos(first_ns)));
        part
    };
    let parts = [part(100, 3, 1.5, (10, 2.0), 0), part(200, 1, 2.0, (8, 0.5), 400)];
    let merged = merge(&parts, Vec::new());
    assert_eq!(merged.halves, Some(Halves { first_ns: 125, second_ns: 250 }), "three of 100, and one of 200");
    assert_eq!(merged.mean_in_flight, 3.5);
    assert_eq!(merged.in_flight_samples, Some(InFlightSamples { number: 8, variance: 2.5 }));
    assert_eq!(merged.stalls, Some(StallTotal { span_ns: 200, requests: 4, ended_after: 2, errors: 2 }));
    assert_eq!((merged.window_start, merged.window_ns), (Mono(100), 800));
    assert_eq!(merged.first_release, Some(FirstRelease { intended_ns: 100, lag_ns: 5 }));
    assert_eq!(merged.read_lag.as_ref().map(|lag| (lag.error_ns, lag.dropped)), Some((200, 2)));
    assert_eq!(merged.examples, ["100/0", "200/0", "100/1", "200/1", "100/2"]);
    let unknown = LoadFacts { stalls: None, in_flight_samples: None, ..parts[0].clone() };
    let merged = merge(&[parts[1].clone(), unknown], Vec::new());
    assert!(merged.stalls.is_none() && merged.in_flight_samples.is_none(), "one does not know");
    assert_eq!(merge(&parts[..1], Vec::new()), parts[0], "one generator is the whole");
    assert_eq!(merge(&[], Vec::new()).scheduled, 0);
}

/// A second is shown as soon as it has passed; what is counted in it later is in the reports.
#[test]
fn seconds_have_the_counts_of_the_reports_and_the_quantiles_of_their_histograms() {
    let second = |ok, errors| Second { from_s: 2.0, length_s: 0.5, ok, errors, response: None };
    let part = |seconds| LoadFacts { seconds, ..LoadFacts::default() };
    let response = Some(Quantiles { count: 9, ..Quantiles::default() });
    let shown = vec![Second { response, ..second(9, 0) }];
    let merged = merge(&[part(vec![second(6, 1)]), part(vec![second(5, 0)])], shown.clone());
    assert_eq!(merged.seconds, [Second { response, ..second(11, 1) }]);
    assert!(merge(&[part(Vec::new())], shown).seconds.is_empty(), "with slices, they were reported as they passed");
}

#[test]
fn counts_of_agents_pipes_streams_and_values_are_added() {
    let mcp = |sent_total| {
        let facts = MethodFacts { sent_total, ..MethodFacts::default() };
        let sessions = Sessions { begun: sent_total, ..Sessions::default() };
        let calls = [("a".to_owned(), sent_total)].into();
        Mcp { methods: [(Method::ToolsCall, facts)].into(), sessions, calls, ..Mcp::default() }
    };
    let stdio = |count, stall| Stdio {
        notifications: count,
        strays: [(Stray::Late, count)].into(),
        outside: [(Stray::Unknown, 1)].into(),
        server_stall_ns: stall,
    };
    let streams =
        |events| Streams { streams: 1, asked: 9, reads: vec![Reads { events, count: 2 }], ..Streams::default() };
    let watched = |connection, at_ns| Watched {
        changes: vec![Change { connection, before_ns: None, at_ns, value: 1 }],
        stalls: vec![Stalled { from_ns: at_ns, until_ns: at_ns + 1 }],
        without: 1,
        dropped: 0,
    };
    let part = |count, stdio, streams, watched| LoadFacts {
        mcp: Some(Box::new(mcp(count))),
        stdio: Some(Box::new(stdio)),
        streams: Some(Box::new(streams)),
        watched: Some(Box::new(watched)),
        ..LoadFacts::default()
    };
    let parts = [
        part(3, stdio(2, None), streams(4), watched(0, 50)),
        LoadFacts::default(),
        part(4, stdio(5, Some(7)), streams(1), watched(1, -20)),
    ];
    let LoadFacts { mcp, stdio, streams, watched, .. } = merge(&parts, Vec::new());
    let (mcp, stdio, streams, watched) = (mcp.unwrap(), stdio.unwrap(), streams.unwrap(), watched.unwrap());
    assert_eq!((mcp.methods[&Method::ToolsCall].sent_total, mcp.sessions.begun, mcp.calls["a"]), (7, 7, 7));
    assert_eq!((stdio.notifications, stdio.strays[&Stray::Late], stdio.server_stall_ns), (7, 7, Some(7)));
    assert_eq!(stdio.outside[&Stray::Unknown], 2);
    let reads: Vec<u64> = streams.reads.iter().map(|reads| reads.events).collect();
    assert_eq!((streams.streams, streams.asked, reads), (2, 18, vec![1, 4]));
    let connections: Vec<u64> = watched.changes.iter().map(|change| change.connection).collect();
    assert_eq!((connections, watched.without, watched.stalls[0].from_ns), (vec![1, 0], 2, -20));
}

#[test]
fn the_first_wrong_answer_of_a_preflight_is_reported() {
    let answer = |request: &str, outcome, example: Option<&str>| PreflightAnswer {
        request: request.to_owned(),
        outcome,
        status: None,
        latency: Some(Nanos(example.map_or(1, |_| 2))),
        sent: true,
        example: example.map(str::to_owned),
    };
    let preflight = |answers| Preflight { arm: Arm::Proxied, answers, tls: None };
    let parts = [
        preflight(vec![answer("a", Outcome::Ok, None), answer("b", Outcome::Ok, None)]),
        preflight(vec![answer("a", Outcome::Ok, None), answer("b", Outcome::Timeout, Some("first"))]),
        preflight(vec![answer("a", Outcome::Ok, None), answer("b", Outcome::Connect, Some("second"))]),
    ];
    let merged = merge_preflights(&parts).unwrap();
    assert_eq!(merged.answers, [answer("a", Outcome::Ok, None), answer("b", Outcome::Timeout, Some("first"))]);
    assert!(merge_preflights(&parts[..1]).unwrap().is_ok() && merge_preflights(&[]).is_none());
}

#[test]
fn opened_connections_and_handshakes_are_added() {
    let opened = |connections, failed, example: Option<&str>| Opened {
        arm: Arm::Direct,
        connections,
        failed,
        example: example.map(str::to_owned),
    };
    let merged = merge_opened(&[opened(5, 0, None), opened(3, 2, Some("refused"))]).unwrap();
    assert_eq!(merged, opened(8, 2, Some("refused")));
    assert!(merge_opened(&[]).is_none());
    let handshakes = |ns, example: Option<&str>| Handshakes {
        ready_ns: vec![ns],
        first_byte_ns: vec![2 * ns],
        outcomes: Outcomes { ok: 1, ..Outcomes::default() },
        example: example.map(str::to_owned),
        ..Handshakes::default()
    };
    let merged = merge_handshakes(&[handshakes(1, None), handshakes(5, Some("late"))]);
    assert_eq!((merged.ready_ns, merged.first_byte_ns, merged.outcomes.ok), (vec![1, 5], vec![2, 10], 2));
    assert_eq!(merged.example.as_deref(), Some("late"));
}

#[test]
fn a_node_is_recorded_by_its_own_report() {
    let mut facts = report(&[(10, 0, 500), (20, 1, 900), (30, 6, 1)]);
    facts.first_release = Some(FirstRelease { intended_ns: 0, lag_ns: 42 });
    let node = node_trial(&facts, 3, "worker-d", NodeClock { offset_ns: -5, error_ns: 1 }, NodeHost::default());
    assert_eq!((node.index, node.name.as_str(), node.scheduled, node.sent_total), (3, "worker-d", 3, 2));
    assert_eq!((node.completed_in_window, node.errors, node.unsent), (1, 1, 1));
    assert_eq!((node.first_lag_ns, node.pacer_lag.map(|lag| lag.quantile), node.read_lag), (Some(42), Some(0.5), None));
    let text = serde_json::to_string(&node).unwrap();
    assert_eq!(serde_json::from_str::<NodeTrial>(&text).unwrap(), node);
}
