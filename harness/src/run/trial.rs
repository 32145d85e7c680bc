//! Runs one trial: opens the connections, reads the ledger, drives and samples the window, and audits the result.

use super::bench::Bench;
use super::cancels;
use super::event::Event;
use super::halt::Halt;
use super::ledger::{self, Count};
use super::limits;
use super::relays;
use super::rig::Rig;
use crate::measure::LedgerRule;
use crate::measure::Outcome;
use crate::measure::RelayFacts;
use crate::measure::Series;
use crate::measure::audit::{Evidence, audit, tags};
use crate::measure::fleet::FleetTrial;
use crate::measure::reason::Problem;
use crate::measure::record::RoundStatus;
use crate::measure::trial::{Ledger, TrialRecord};
use crate::measure::{Arm, LoadFacts};
use crate::work::Stage;
use crate::work::load::LoadWork;
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_load::LoadEngine;
use harness_load::frames::{PreflightAnswer, TrialOrder};
use harness_load::spec::Request;
use harness_rig::sampler::Window;

/// Sends one request of every kind through `arm` before anything is measured. Returns what was negotiated; `None` for HTTP/1.1 without TLS.
///
/// # Errors
/// Returns [`Halt::Invalid`] with the request and the answer if it is not as expected.
pub(crate) async fn preflight(
    rig: &mut Rig<'_>,
    stage: &Stage,
    bench: &mut Bench,
    arm: Arm,
) -> Result<Option<String>, Halt> {
    let of = if stage.compared { format!(" of {}", bench.build.name()) } else { String::new() };
    rig.emit(Event::Doing(format!("preflight{of}, {} arm", arm.name())));
    let preflight = bench.drive(&rig.interrupt, async |generator| generator.preflight(arm).await).await?;
    match preflight.answers.iter().find(|answer| answer.outcome != Outcome::Ok) {
        None => Ok(preflight.tls),
        Some(wrong) => Err(Halt::Invalid(vec![not_as_expected(stage, arm, wrong).into()])),
    }
}

fn not_as_expected(stage: &Stage, arm: Arm, answer: &PreflightAnswer) -> Problem {
    let request = (stage.requests.len() > 1).then(|| answer.request.clone());
    Problem::Preflight { request, arm, outcome: answer.outcome, example: answer.example.clone() }
}

/// Runs one trial. Trials with the same `sequence` have the same random arrivals.
///
/// # Errors
/// Returns [`Halt::Failed`] if the target, the upstream or the generator ended.
pub(crate) async fn run(
    rig: &mut Rig<'_>,
    stage: &Stage,
    work: &LoadWork,
    bench: &mut Bench,
    (arm, sequence): (Arm, u64),
) -> Result<TrialRecord, Halt> {
    let change = |order| TrialOrder { sequence, ..order };
    changed(rig, stage, work, bench, (arm, change)).await
}

/// Runs one trial whose order is changed.
///
/// # Errors
/// See [`run`].
pub(crate) async fn changed(
    rig: &mut Rig<'_>,
    stage: &Stage,
    work: &LoadWork,
    bench: &mut Bench,
    (arm, change): (Arm, impl FnOnce(TrialOrder) -> TrialOrder),
) -> Result<TrialRecord, Halt> {
    // Connections that are closed after a number of requests are opened within the trial.
    if work.per_connection.is_none() {
        bench.drive(&rig.interrupt, async |generator| generator.open(arm).await).await?;
    }
    let before = hits(bench, &stage.requests).await?;
    let relayed = bench.relay_counts().await?;
    let start_at = Mono::now().after(rig.lead());
    let window_start = start_at.after(work.warmup);
    bench.announce(window_start, window_start.after(work.window));
    let order = change(order(work, arm, start_at));
    let emit = &mut rig.events;
    let mut load = bench
        .drive(&rig.interrupt, async |generator| {
            generator.trial(order, |second| emit(Event::Second(arm, second))).await
        })
        .await?;
    let window = bench.sampled().await?;
    limits::none_killed(&window.readings, &stage.limits)?;
    cancels::settle(bench, &mut load).await?;
    bench.add_server_stalls(arm, &mut load);
    let after = hits(bench, &stage.requests).await?;
    ledger::record_mcp(before.as_ref(), after.as_ref(), &mut load);
    let ledger = match bench.counted(&stage.requests)? {
        Some((before, after)) => ledger_of(Some(before), Some(after), &load),
        None => ledger_of(before, after, &load),
    };
    let relays = relays::between(&relayed, &bench.relay_counts().await?, &load);
    Ok(judge(stage, work, bench, Measured { arm, load, window, ledger, relays }))
}

/// Combines the hits that the upstream counted between two readings with the requests that were sent.
pub(crate) fn ledger_of(before: Option<Count>, after: Option<Count>, load: &LoadFacts) -> Option<Ledger> {
    let (before, after) = (before?, after?);
    Some(Ledger {
        upstream_hits: after.hits.saturating_sub(before.hits),
        sent: load.sent_total,
        upstream_stall_ns: after.stalled(load.window_start, Nanos(load.window_ns)).map(|span| span.0),
    })
}

/// Reads the hits that the upstream has counted so far; `None` if it is not the bundled one.
///
/// # Errors
/// Returns [`Halt::Failed`] if they cannot be read.
pub(crate) async fn hits(bench: &Bench, requests: &[Request]) -> Result<Option<Count>, Halt> {
    match bench.admin() {
        None => Ok(None),
        Some(admin) => ledger::count(&admin, requests).await.map(Some).map_err(|error| bench.without_upstream(&error)),
    }
}

/// Creates the order of one trial.
pub(crate) fn order(work: &LoadWork, arm: Arm, start_at: Mono) -> TrialOrder {
    TrialOrder {
        arm,
        pace: work.pace,
        sequence: 0,
        connections: work.connections,
        ramp: work.ramp,
        warmup: work.warmup.minus(work.ramp),
        window: work.window,
        start_at,
        slice: None,
        tick: None,
        block: None,
        reconnect: None,
        requests_per_connection: work.per_connection.map(|per_connection| per_connection.requests),
        lists_streams: false,
        stripe: None,
    }
}

/// The results of one trial.
pub(crate) struct Measured {
    pub(crate) arm: Arm,
    pub(crate) load: LoadFacts,
    pub(crate) window: Window,
    pub(crate) ledger: Option<Ledger>,
    pub(crate) relays: Vec<RelayFacts>,
}

/// Returns the first and the last reading, which the audit needs of a long window.
pub(crate) fn edges(window: &Window) -> Window {
    let readings = &window.readings.0;
    let edges = readings.first().into_iter().chain(readings.last()).cloned();
    Window { readings: Series(edges.collect()), peak_rss_bytes: None, target_threads: None }
}

/// Audits the measurement and converts it for the record.
pub(crate) fn judge(stage: &Stage, work: &LoadWork, bench: &Bench, measured: Measured) -> TrialRecord {
    let Measured { arm, load, window, ledger, relays } = measured;
    let evidence = Evidence {
        arm,
        offered: work.pace,
        connections: work.connections,
        load: &load,
        ledger,
        ledger_rule: ledger_rule(&stage.requests),
        relays: &relays,
        readings: &window.readings,
        target_cpus: bench.target_cpus,
        both_to_target: stage.work.planned().transports().is_some(),
        on_host: &bench.on_host,
        // Connections that are closed after a few requests can be missed.
        peers: bench.peers().filter(|peers| work.per_connection.is_none() || !peers.is_empty()),
        nodes_at: &bench.nodes_at,
    };
    let (audit, tags) = (audit(&evidence, &stage.audit), tags(&evidence, &stage.audit));
    TrialRecord {
        build: bench.build,
        connections: work.connections,
        ledger,
        relays,
        fleet: FleetTrial::of(&load),
        peak_rss_bytes: window.peak_rss_bytes.filter(|_| arm == Arm::Proxied),
        target_cpus: Some(bench.target_cpus),
        target_threads: window.target_threads.filter(|_| arm == Arm::Proxied),
        audit,
        tags,
        readings: window.readings,
        ..TrialRecord::new(arm, work.pace, load)
    }
}

/// Returns the weakest rule of all requests, because their hits are counted together.
fn ledger_rule(requests: &[Request]) -> LedgerRule {
    let rules: Vec<LedgerRule> = requests.iter().map(|request| request.expect.upstream_hits).collect();
    match rules.as_slice() {
        [first, rest @ ..] if rest.iter().all(|rule| rule == first) => *first,
        _ if rules.iter().all(|rule| matches!(rule, LedgerRule::Exact | LedgerRule::AtLeast)) => LedgerRule::AtLeast,
        _ => LedgerRule::Unknown,
    }
}

/// Records the only trial of a round, which is valid if no rule was violated.
pub(crate) fn record_alone(rig: &mut Rig<'_>, bench: &Bench, round: u32, trial: TrialRecord) -> RoundStatus {
    let failed = trial.audit.iter().find(|check| !check.passed).cloned();
    let status = if failed.is_none() { RoundStatus::Valid } else { RoundStatus::Rejected };
    rig.recorder.trial(bench.index, round, trial);
    rig.recorder.round(bench.index, round, status);
    rig.emit(Event::Round { status, broken: failed.map(|check| (check, None)) });
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_load::spec::{Body, Expect};

    fn rule(rules: &[LedgerRule]) -> LedgerRule {
        let request = |rule: &LedgerRule| Request {
            name: "request".to_owned(),
            weight: 1,
            method: "GET".to_owned(),
            path: "/".to_owned(),
            headers: Vec::new(),
            body: Body::Empty,
            expect: Expect { upstream_hits: *rule, ..Expect::default() },
            timeout: Nanos::from_secs(1),
        };
        ledger_rule(&rules.iter().map(request).collect::<Vec<_>>())
    }

    #[test]
    fn hits_counted_together_are_held_to_what_all_requests_demand() {
        use LedgerRule::{AtLeast, Exact, None, Unknown};
        assert_eq!(rule(&[Exact, Exact]), Exact);
        assert_eq!(rule(&[None]), None);
        assert_eq!(rule(&[Exact, AtLeast]), AtLeast);
        assert_eq!(rule(&[Exact, None]), Unknown);
    }
}
