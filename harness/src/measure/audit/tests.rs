//! The rules against trials whose truth is known.

use super::*;
use crate::measure::relays::{NetemFacts, NetemLine, RelayLag};
use harness_base::clock::Mono;
use harness_base::units::Rate;
use harness_load::facts::{InFlightSamples, StallTotal};
use harness_load::mcp::facts::{Mcp, McpLedger, MethodFacts, Sessions, ToolCalls};
use harness_load::mcp::method::Method;
use harness_load::outcome::Outcomes;
use harness_rig::paths::PathName;
use harness_rig::usage::{HostUsage, ProcessUsage, TreeUsage};

fn load(rate: u64, answered: u64) -> LoadFacts {
    let mut load = LoadFacts {
        window_ns: 1_000_000_000,
        scheduled: rate,
        outcomes: Outcomes { ok: answered, unsent: rate - answered, ..Outcomes::default() },
        completed_in_window: answered,
        sent_total: answered,
        stalls: Some(StallTotal::default()),
        ..LoadFacts::default()
    };
    for _ in 0..answered {
        load.latencies.service.record(Nanos::from_millis(1));
        load.latencies.pacer_lag.record(Nanos::from_micros(40));
    }
    load.mean_in_flight = answered as f64 / 1e3;
    load
}

fn failed(load: &LoadFacts, arm: Arm, ledger: Option<Ledger>) -> Vec<(Rule, Option<Blame>)> {
    let end = load.window_start.after(Nanos(load.window_ns));
    failed_while(load, arm, ledger, &Series(vec![at(load.window_start), at(end)]))
}

/// A reading of an idle host with two CPUs.
fn at(at: Mono) -> Reading {
    let host = HostUsage { total_ns: 2 * at.0, ..HostUsage::default() };
    Reading { at, target: Some(TreeUsage::default()), host, ..Reading::default() }
}

fn failed_while(
    load: &LoadFacts,
    arm: Arm,
    ledger: Option<Ledger>,
    readings: &Series<Reading>,
) -> Vec<(Rule, Option<Blame>)> {
    let offered = Pace::constant(Rate(load.scheduled as f64));
    violated(&Evidence {
        arm,
        offered,
        connections: 10,
        load,
        ledger,
        ledger_rule: LedgerRule::Exact,
        relays: &[],
        readings,
        target_cpus: 2.0,
        both_to_target: false,
        on_host: &[],
        peers: None,
        nodes_at: &[],
    })
}

fn violated(evidence: &Evidence<'_>) -> Vec<(Rule, Option<Blame>)> {
    let checks = audit(evidence, &Limits::default());
    checks.into_iter().filter(|check| !check.passed).map(|check| (check.rule(), check.blame)).collect()
}

#[test]
fn a_clean_trial_passes() {
    let ledger = Ledger { upstream_hits: 1000, sent: 1000, upstream_stall_ns: Some(0) };
    assert_eq!(failed(&load(1000, 1000), Arm::Proxied, Some(ledger)), []);
}

#[test]
fn readings_that_do_not_cover_the_window_are_no_evidence() {
    let ms = |ms| Nanos::from_millis(ms);
    let between = |from, until| {
        let at = |span| at(Mono::default().after(span));
        failed_while(&load(1000, 1000), Arm::Proxied, None, &Series(vec![at(from), at(until)]))
    };
    let late = [(Rule::Readings, Some(Blame::Host))];
    assert_eq!((between(ms(40), ms(990)), between(ms(0), ms(1_090))), (vec![], vec![]));
    assert_eq!((between(ms(999), ms(1_000)), between(ms(0), ms(1_200))), (late.to_vec(), late.to_vec()));
    let unread = [Rule::TargetCpu, Rule::Steal, Rule::ForeignCpu].map(|rule| (rule, Some(Blame::Instrument)));
    let nothing = failed_while(&load(1000, 1000), Arm::Proxied, None, &Series::default());
    assert_eq!(nothing, [late.as_slice(), &unread].concat(), "no readings at all");
}

#[test]
fn a_rule_without_values_fails_unless_its_limit_permits_every_value() {
    let unknown = LoadFacts { stalls: None, ..load(1000, 1000) };
    let ledger = Ledger { upstream_hits: 1000, sent: 1000, upstream_stall_ns: None };
    let unread = (Rule::Stall, Some(Blame::Instrument));
    assert_eq!(failed(&unknown, Arm::Proxied, Some(ledger)), [unread, unread]);
    assert!(Check::unread(Rule::Steal, 1.0).passed && !Check::unread(Rule::Steal, 0.99).passed);
}

#[test]
fn a_quota_that_throttles_the_harness_is_the_hosts_doing() {
    let throttled = |at_ms: u64, throttled_us: u64| {
        let reading = at(Mono(at_ms * 1_000_000));
        let host = HostUsage { throttled_ns: Some(throttled_us * 1_000), ..reading.host };
        Reading { host, ..reading }
    };
    let within =
        |us| failed_while(&load(1000, 1000), Arm::Proxied, None, &Series(vec![throttled(0, 0), throttled(1_000, us)]));
    assert_eq!(within(5_000), []);
    assert_eq!(within(5_100), [(Rule::Throttled, Some(Blame::Host))]);
}

#[test]
fn a_stalled_generator_and_a_stalled_upstream_are_to_blame_themselves() {
    let stalled = |requests| {
        let stalls = Some(StallTotal { span_ns: 1_000_000 * requests, requests, ended_after: 0, errors: 0 });
        failed(&LoadFacts { stalls, ..load(1000, 1000) }, Arm::Proxied, None)
    };
    assert_eq!(stalled(250), []);
    assert_eq!(stalled(251), [(Rule::Stall, Some(Blame::Generator))]);
    let upstream = |upstream_stall_ns| {
        let ledger = Ledger { upstream_hits: 1000, sent: 1000, upstream_stall_ns };
        failed(&load(1000, 1000), Arm::Proxied, Some(ledger))
    };
    assert_eq!(upstream(Some(2_000_000)), []);
    assert_eq!(upstream(Some(2_100_000)), [(Rule::Stall, Some(Blame::Upstream))]);
    let lost = LoadFacts {
        stalls: Some(StallTotal { span_ns: 300_000_000, requests: 300, ended_after: 0, errors: 0 }),
        ..load(1000, 900)
    };
    assert!(failed(&lost, Arm::Proxied, None).iter().all(|(_, blame)| *blame == Some(Blame::Generator)));
}

#[test]
fn a_stall_of_a_closed_loop_is_a_share_of_the_window_or_of_its_long_requests() {
    let stalled = |scheduled, span_ns, requests| {
        let load = LoadFacts {
            stalls: Some(StallTotal { span_ns, requests, ended_after: 0, errors: 0 }),
            ..load(scheduled, scheduled)
        };
        // The window of a closed loop is longer by its stalls.
        let readings = Series(vec![at(Mono::default()), at(Mono(1_000_000_000 + span_ns))]);
        violated(&Evidence {
            arm: Arm::Proxied,
            offered: Pace::Closed { vus: 10 },
            connections: 10,
            load: &load,
            ledger: None,
            ledger_rule: LedgerRule::Exact,
            relays: &[],
            readings: &readings,
            target_cpus: 2.0,
            both_to_target: false,
            on_host: &[],
            peers: None,
            nodes_at: &[],
        })
    };
    let stall = [(Rule::Stall, Some(Blame::Generator))];
    assert_eq!((stalled(1_000, 300_000_000, 10), stalled(1_000, 340_000_000, 10)), (vec![], stall.to_vec()));
    assert_eq!((stalled(40, 10_000_000, 10), stalled(10, 10_000_000, 10)), (vec![], stall.to_vec()));
}

#[test]
fn a_rate_not_achieved_without_lag_is_the_targets_doing() {
    let found = failed(&load(1000, 900), Arm::Proxied, None);
    assert_eq!(found[0], (Rule::Achieved, Some(Blame::Target)));
    let found = failed(&load(1000, 900), Arm::Direct, None);
    assert_eq!(found[0], (Rule::Achieved, Some(Blame::Upstream)));
}

#[test]
fn a_rate_beyond_what_the_generator_could_ever_send_is_the_generators_doing() {
    // One second on two CPUs; 1 ms of generator CPU per answer, so at most 2,000/s.
    let reading = |seconds: u64, cpu_ns: u64| Reading {
        at: Mono(seconds * 1_000_000_000),
        target: Some(TreeUsage::default()),
        generator: Some(ProcessUsage { cpu_ns, ..ProcessUsage::default() }),
        host: HostUsage { total_ns: seconds * 2_000_000_000, busy_ns: cpu_ns, ..HostUsage::default() },
        ..Reading::default()
    };
    let readings = Series(vec![reading(1, 0), reading(2, 500_000_000)]);
    for (rate, blame) in [(1_900, Blame::Target), (2_100, Blame::Generator)] {
        let found = failed_while(&load(rate, 500), Arm::Proxied, None, &readings);
        assert_eq!(found[0], (Rule::Achieved, Some(blame)), "{rate}/s");
    }
}

#[test]
fn a_rate_not_achieved_with_lag_is_the_generators_doing() {
    let mut late = load(1000, 900);
    (0..100).for_each(|_| late.latencies.pacer_lag.record(Nanos::from_millis(3)));
    let found = failed(&late, Arm::Proxied, None);
    assert_eq!(found[0], (Rule::Achieved, Some(Blame::Generator)));
    assert!(found.contains(&(Rule::PacerLagP99, Some(Blame::Generator))));
}

#[test]
fn lost_requests_and_missing_hits_never_pass() {
    let mut lossy = load(1000, 1000);
    lossy.scheduled = 1001;
    assert_eq!(failed(&lossy, Arm::Direct, None)[0].0, Rule::Accounting);
    let ledger = Ledger { upstream_hits: 999, sent: 1000, upstream_stall_ns: Some(0) };
    assert_eq!(failed(&load(1000, 1000), Arm::Proxied, Some(ledger)), [(Rule::Ledger, Some(Blame::Target))]);
    assert_eq!(failed(&LoadFacts::default(), Arm::Direct, None)[0].0, Rule::Accounting);
}

#[test]
fn the_hits_of_each_method_must_match_too() {
    let ledger = Ledger { upstream_hits: 1000, sent: 1000, upstream_stall_ns: Some(0) };
    let found = |calls: Option<u64>, lists: Option<u64>| {
        let mut mcp = Mcp::default();
        for (method, sent_total, upstream_hits) in [(Method::ToolsCall, 900, calls), (Method::ToolsList, 100, lists)] {
            mcp.methods.insert(method, MethodFacts { sent_total, upstream_hits, ..MethodFacts::default() });
        }
        failed(&LoadFacts { mcp: Some(Box::new(mcp)), ..load(1000, 1000) }, Arm::Proxied, Some(ledger))
    };
    assert_eq!(found(Some(900), Some(100)), []);
    assert_eq!(found(None, None), []);
    assert_eq!(found(Some(901), Some(99)), [(Rule::Ledger, Some(Blame::Target))]);
}

#[test]
fn the_calls_of_each_tool_and_the_sessions_must_match_and_the_tool_is_named() {
    let ledger = Ledger { upstream_hits: 1000, sent: 1000, upstream_stall_ns: Some(0) };
    let checked = |sent, upstream_hits, (opened, deleted)| {
        let sessions = Sessions { begun: 40, deleted: 20, ..Sessions::default() };
        let calls = ToolCalls { name: "tool_007".to_owned(), sent, upstream_hits };
        let differing = if sent == upstream_hits { Vec::new() } else { vec![calls] };
        let counted = McpLedger { tools: 40, differing, opened, deleted };
        let mut mcp = Mcp { sessions, ledger: Some(counted), ..Mcp::default() };
        let calls =
            MethodFacts { sent_total: 900, upstream_hits: Some(900 + upstream_hits - sent), ..MethodFacts::default() };
        mcp.methods.insert(Method::ToolsCall, calls);
        let load = LoadFacts { mcp: Some(Box::new(mcp)), ..load(1000, 1000) };
        let limits = Limits::default();
        let series = Series::default();
        let evidence = Evidence {
            arm: Arm::Proxied,
            offered: Pace::constant(Rate(1000.0)),
            connections: 10,
            load: &load,
            ledger: Some(ledger),
            ledger_rule: LedgerRule::Exact,
            relays: &[],
            readings: &series,
            target_cpus: 1.0,
            both_to_target: false,
            on_host: &[],
            peers: None,
            nodes_at: &[],
        };
        let check = super::ledger(&evidence, &limits).unwrap();
        (check.passed, check.to_string())
    };
    let (passed, _) = checked(30, 30, (40, 20));
    assert!(passed);
    let (passed, text) = checked(30, 33, (40, 20));
    assert!(!passed && text.starts_with("30 calls of the tool tool_007 sent, the upstream received 33"), "{text}");
    let (passed, text) = checked(30, 30, (41, 20));
    assert!(!passed && text.starts_with("agents opened 40 sessions, the upstream opened 41"), "{text}");
    let (passed, text) = checked(30, 30, (40, 19));
    assert!(!passed && text.starts_with("agents deleted 20 sessions, the upstream deleted 19"), "{text}");
}

#[test]
fn concurrency_that_contradicts_latency_is_the_instruments_fault() {
    let mut odd = load(1000, 1000);
    odd.mean_in_flight = 4.0;
    assert_eq!(failed(&odd, Arm::Proxied, None), [(Rule::LittlesLaw, Some(Blame::Instrument))]);
    // Bursts of eight requests that 36 samples have met more often than they should; 1,000 samples would not.
    odd.in_flight_samples = Some(InFlightSamples { number: 36, variance: 20.0 });
    assert_eq!(failed(&odd, Arm::Proxied, None), []);
    odd.in_flight_samples = Some(InFlightSamples { number: 1_000, variance: 20.0 });
    assert_eq!(failed(&odd, Arm::Proxied, None), [(Rule::LittlesLaw, Some(Blame::Instrument))]);
}

#[test]
fn an_idle_window_is_disturbed_by_others_and_by_the_hypervisor() {
    let series = |busy_ns, steal_ns| {
        let host = |busy_ns, steal_ns, total_ns| HostUsage { busy_ns, steal_ns, total_ns, ..HostUsage::default() };
        let reading = |at, host| Reading { at: harness_base::clock::Mono(at), host, ..Reading::default() };
        Series(vec![reading(1, host(0, 0, 0)), reading(1_000_001, host(busy_ns, steal_ns, 2_000_000))])
    };
    let rules = |busy, steal| {
        let found = disturbances(&series(busy, steal), &Limits::default());
        found.into_iter().map(|check| (check.rule(), check.blame)).collect::<Vec<_>>()
    };
    assert_eq!(rules(199_000, 99_000), [], "9.95 % and 4.95 % are inside the limits");
    assert_eq!(rules(201_000, 0), [(Rule::ForeignCpu, Some(Blame::Host))]);
    assert_eq!(rules(0, 101_000), [(Rule::Steal, Some(Blame::Host))]);
}

#[test]
fn answers_that_the_generator_reads_late_reject_a_trial_of_an_open_loop() {
    let mut load = load(1000, 1000);
    let mut lags = harness_load::facts::ReadLag::default();
    (0..50).for_each(|_| lags.lags.record(Nanos::from_micros(20)));
    load.read_lag = Some(lags.clone());
    assert_eq!(failed(&load, Arm::Direct, None), []);
    (0..50).for_each(|_| lags.lags.record(Nanos::from_millis(2)));
    load.read_lag = Some(lags);
    assert_eq!(failed(&load, Arm::Direct, None), [(Rule::ReadLagP99, Some(Blame::Generator))]);
}

#[test]
fn a_generator_that_waits_for_the_target_is_co_located_and_one_that_waits_for_others_is_late() {
    let mut late = load(1000, 1000);
    (0..100).for_each(|_| late.latencies.pacer_lag.record(Nanos::from_millis(30)));
    // One second on two CPUs, of which the target uses a half; the generator waits for a tenth of it.
    let reading = |seconds: u64, others_ns: u64| {
        let thread = harness_rig::usage::ThreadUsage {
            tid: 7,
            on_cpu_ns: seconds * 50_000_000,
            waiting_ns: seconds * 100_000_000,
        };
        let used = seconds * 1_000_000_000;
        let host = HostUsage {
            busy_ns: used + seconds * others_ns,
            total_ns: seconds * 2_000_000_000,
            ..HostUsage::default()
        };
        let generator = Some(ProcessUsage { threads: Some(vec![thread]), ..ProcessUsage::default() });
        let target = Some(TreeUsage { cpu_ns: used, ..TreeUsage::default() });
        Reading { at: Mono(seconds * 1_000_000_000), target, generator, host, ..Reading::default() }
    };
    let found = |others_ns| {
        let readings = Series(vec![reading(0, others_ns), reading(1, others_ns)]);
        failed_while(&late, Arm::Proxied, None, &readings)
    };
    assert_eq!(found(0), []);
    assert_eq!(found(60_000_000), [(Rule::PacerLagP99, Some(Blame::Generator))]);
}

#[test]
fn a_relay_that_is_late_or_stalled_is_the_instruments_doing_and_a_busy_one_is_named() {
    let relay = |lag_ns: u64, stall_ns: Option<u64>, cpu_ns: u64| RelayFacts {
        path: PathName::Client,
        span_ns: 1_000_000_000,
        cpu_ns,
        connections: 1,
        refused: 0,
        reset: 0,
        bytes: 100,
        chunks: 2,
        delay_sum_ns: 0,
        lag: RelayLag::of(&[(lag_ns, 2_000)]),
        wait: RelayLag::of(&[(5, 2_000)]),
        stall_ns,
        netem: None,
    };
    let (load, end) = (load(1000, 1000), Mono(1_000_000_000));
    let readings = Series(vec![at(Mono::default()), at(end)]);
    let judged = |offered, relays: &[RelayFacts]| {
        let evidence = Evidence {
            arm: Arm::Proxied,
            offered,
            connections: 10,
            load: &load,
            ledger: None,
            ledger_rule: LedgerRule::Exact,
            relays,
            readings: &readings,
            target_cpus: 2.0,
            both_to_target: false,
            on_host: &[],
            peers: None,
            nodes_at: &[],
        };
        (violated(&evidence), tags(&evidence, &Limits::default()))
    };
    let open = Pace::constant(Rate(1000.0));
    let found = |lag_ns, stall_ns| judged(open, &[relay(lag_ns, stall_ns, 0)]).0;
    assert_eq!(found(1_000_000, Some(2_000_000)), []);
    assert_eq!(found(1_100_000, Some(0)), [(Rule::RelayLagP99, Some(Blame::Instrument))]);
    assert_eq!(found(0, Some(2_100_000)), [(Rule::Stall, Some(Blame::Instrument))]);
    assert_eq!(found(0, None), [(Rule::Stall, Some(Blame::Instrument))], "what is not known does not pass");
    let lost = |dropped| {
        let forward = NetemLine { packets: 1_000, bytes: 0, dropped };
        let netem = NetemFacts { loss: 0.1, forward, ..NetemFacts::default() };
        judged(open, &[RelayFacts { netem: Some(netem), ..relay(0, Some(0), 0) }]).0
    };
    assert_eq!((lost(111), lost(0)), (vec![], vec![(Rule::PathLoss, Some(Blame::Instrument))]));
    let busy = [relay(9_000_000, Some(0), 950_000_000)];
    let tag = Tag::CoLocated { process: OwnProcess::Relay, share: 0.95 };
    assert_eq!(judged(Pace::Closed { vus: 10 }, &busy), (vec![], vec![tag]));
}
