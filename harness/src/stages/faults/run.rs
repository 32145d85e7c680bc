//! Causes faults: starts an instance and a load for each, and causes the fault in the middle of the load.

mod readers;
mod streams;
mod switch;

use super::derive;
use super::facts::{FaultKind, FaultRecord, Instance};
use super::work::Work;
use crate::measure::RoundStatus;
use crate::measure::reason::Scope;
use crate::measure::trial::{Build, TrialRecord};
use crate::measure::{Arm, LoadFacts, Rule, Warning};
use crate::run::bench::Bench;
use crate::run::cancels;
use crate::run::event::Event;
use crate::run::halt::{Halt, Stop};
use crate::run::rig::Rig;
use crate::run::trial::{self, Measured, edges};
use crate::work::Stage;
use crate::work::load::LoadWork;
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_load::frames::TrialOrder;
use harness_load::{self, Generator, LoadEngine, LoadEvent};

/// Number of attempts for a fault whose load was disturbed.
const TRIES: u32 = 2;

/// Length of a tick, which is the resolution of the recovery time.
const TICK: Nanos = Nanos::from_millis(50);

/// Index of the only round of an instance.
const ROUND: u32 = 0;

/// Rules that apply while something fails. The behaviour of the target is the result of the stage, so no rule concerns
/// it.
const RULES: [Rule; 4] = [Rule::Accounting, Rule::PacerLagP99, Rule::Steal, Rule::ForeignCpu];

/// Causes every fault that is possible here.
///
/// # Errors
/// Returns [`Halt::Invalid`] if the load of a fault was not offered as planned, [`Halt::Failed`] if the target ends by
/// itself or a tool fails, or [`Halt::Interrupted`]. Earlier faults are recorded.
pub(crate) async fn run(rig: &mut Rig<'_>, stage: &Stage, work: &Work) -> Result<(), Halt> {
    if rig.plan.base.is_some() {
        rig.recorder.warn(Warning::HeadOnly);
    }
    let kinds: Vec<FaultKind> = work.possible().collect();
    let mut index = 0;
    for (done, kind) in (1..).zip(&kinds) {
        for _ in 0..TRIES {
            rig.emit(Event::Doing(kind.name().to_owned()));
            let status = one(rig, stage, work, (index, *kind))
                .await
                .map_err(|halt| halt.within(&Scope::Part(kind.name().to_owned())))?;
            index += 1;
            if status == RoundStatus::Valid {
                break;
            }
        }
        rig.emit(Event::Step { done, of: kinds.len() as u64 });
    }
    let reasons = rig.recorder.present_stage().map(derive::disturbances).unwrap_or_default();
    if reasons.is_empty() { Ok(()) } else { Err(Halt::Invalid(reasons)) }
}

async fn one(
    rig: &mut Rig<'_>,
    stage: &Stage,
    work: &Work,
    (index, kind): (u64, FaultKind),
) -> Result<RoundStatus, Halt> {
    let load = work.load_of(kind);
    let asking = streams::asking(stage, work, kind);
    let stage = &*asking;
    let mut bench = Bench::start(rig, stage, (index, Build::Head), Some(&load)).await?;
    let done = watched(rig, stage, work, (kind, &load), &mut bench).await;
    bench.stop(rig).await;
    done
}

/// Begin and end of a fault, and of the window around it.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: Mono,
    from: Mono,
    until: Mono,
}

/// Drives the load, causes the fault, and records both.
async fn watched(
    rig: &mut Rig<'_>,
    stage: &Stage,
    work: &Work,
    (kind, load): (FaultKind, &LoadWork),
    bench: &mut Bench,
) -> Result<RoundStatus, Halt> {
    trial::preflight(rig, stage, bench, Arm::Proxied).await?;
    bench.drive(&rig.interrupt, async |generator| generator.open(Arm::Proxied).await).await?;
    let begun = Mono::now().after(rig.lead());
    let start = begun.after(load.warmup);
    let from = start.after(work.before);
    let span = Span { start, from, until: from.after(work.fault) };
    bench.announce(start, start.after(load.window));
    let reconnect = (kind == FaultKind::Reconnects).then_some((span.from, span.until));
    let lists_streams = kind == FaultKind::StopStreams;
    let order = TrialOrder { tick: Some(TICK), reconnect, lists_streams, ..trial::order(load, Arm::Proxied, begun) };
    let (facts, fault) = if kind.is_upstreams() {
        upstream_fails(rig, bench, work, (kind, span), order).await?
    } else if kind == FaultKind::SlowReaders {
        others_read_slowly(rig, stage, bench, (work.readers, span), order).await?
    } else if kind.ends_target() {
        target_ends(rig, stage, bench, (kind, span), order).await?
    } else {
        clients_misbehave(rig, bench, (kind, span), order).await?
    };
    let window = edges(&bench.window().await);
    let measured = Measured { arm: Arm::Proxied, load: facts, window, ledger: None, relays: Vec::new() };
    let trial = audited(trial::judge(stage, load, bench, measured), &fault, work);
    rig.recorder.instance_facts(bench.index, Instance { fault: Some(fault) });
    Ok(trial::record_alone(rig, bench, ROUND, trial))
}

/// Applies the audit rules that hold for the fault. The CPU time of a target that exits is no longer assigned to it and
/// looks like that of other processes.
fn audited(mut trial: TrialRecord, fault: &FaultRecord, work: &Work) -> TrialRecord {
    let holds = |rule: Rule| RULES.contains(&rule) && !(fault.kind.ends_target() && rule == Rule::ForeignCpu);
    trial.audit.retain(|check| holds(check.rule()));
    let example = trial.load.examples.first();
    let before = match (&fault.streams, &trial.load.ticks) {
        (Some(streams), _) => Some(derive::check_streams_before(streams, example)),
        (None, ticks) => ticks.as_ref().map(|ticks| derive::check_before(ticks, work.before, example)),
    };
    if let Some(before) = before {
        trial.audit.insert(trial.audit.len().min(1), before);
    }
    trial
}

/// Makes the upstream fail for the length of the fault.
async fn upstream_fails(
    rig: &mut Rig<'_>,
    bench: &mut Bench,
    work: &Work,
    (kind, span): (FaultKind, Span),
    order: TrialOrder,
) -> Result<(LoadFacts, FaultRecord), Halt> {
    let Some((admin, address)) = bench.admin().zip(bench.upstream_address()) else {
        return Err(Halt::tool("only the bundled upstream can fail on command"));
    };
    beside(rig, bench, order, switch::fail((&admin, &address), kind, work.slow, span)).await
}

/// Sends the first request of the stage from other clients, which read the answers very slowly.
async fn others_read_slowly(
    rig: &mut Rig<'_>,
    stage: &Stage,
    bench: &mut Bench,
    (readers, span): (u64, Span),
    order: TrialOrder,
) -> Result<(LoadFacts, FaultRecord), Halt> {
    let url = bench.proxied();
    let Some(request) = stage.requests.first() else { return Err(Halt::tool("the stage has no request")) };
    let request = harness_load::raw(request, &url.authority(), &url.path).map_err(|error| Halt::tooling(&error))?;
    let Some(address) = url.address.inet() else {
        return Err(Halt::tool(
            "slow readers need an endpoint at a TCP port, because a unix socket has no receive window to make small",
        ));
    };
    let fault = async { Ok(readers::read_slowly(address, request, readers, span).await) };
    beside(rig, bench, order, fault).await
}

/// Drives the load and causes the fault concurrently.
async fn beside(
    rig: &mut Rig<'_>,
    bench: &mut Bench,
    order: TrialOrder,
    fault: impl Future<Output = Result<FaultRecord, Halt>>,
) -> Result<(LoadFacts, FaultRecord), Halt> {
    let Rig { interrupt, events, .. } = rig;
    let events = &mut **events;
    let drive = async |generator: &mut Generator| {
        let reported = |reported: LoadEvent| emit(events, reported);
        let load = async { generator.follow(order, reported).await.map_err(Stop::Load) };
        let fault = async { fault.await.map_err(Stop::Halt) };
        match tokio::try_join!(load, fault) {
            Ok(both) => Ok(Ok(both)),
            Err(Stop::Load(error)) => Err(error),
            Err(Stop::Halt(halt)) => Ok(Err(halt)),
        }
    };
    bench.drive(interrupt, drive).await?
}

/// Stops the target, and starts it again for a restart.
async fn target_ends(
    rig: &mut Rig<'_>,
    stage: &Stage,
    bench: &mut Bench,
    (kind, span): (FaultKind, Span),
    order: TrialOrder,
) -> Result<(LoadFacts, FaultRecord), Halt> {
    let again = kind == FaultKind::Restart;
    let follow = async |generator: &mut Generator| generator.follow(order, |_| {}).await;
    if kind == FaultKind::StopStreams {
        // Those of the preflight do not count.
        cancels::take(bench).await?;
    }
    let (mut load, changed) = bench.change(rig, stage, (span.from, again), follow).await?;
    let streams = match kind {
        FaultKind::StopStreams => Some(streams::met(bench, &mut load, changed.asked).await?),
        _ => None,
    };
    let fault = FaultRecord {
        kind,
        began_ns: changed.asked.since(span.start).0,
        ended_ns: changed.started.map(|started| started.since(span.start).0),
        made: None,
        exit: Some(changed.exit),
        streams,
    };
    Ok((load, fault))
}

/// Drives a load that is the fault itself.
async fn clients_misbehave(
    rig: &mut Rig<'_>,
    bench: &mut Bench,
    (kind, span): (FaultKind, Span),
    order: TrialOrder,
) -> Result<(LoadFacts, FaultRecord), Halt> {
    let Rig { interrupt, events, .. } = rig;
    let events = &mut **events;
    let follow = async |generator: &mut Generator| generator.follow(order, |reported| emit(events, reported)).await;
    let load = bench.drive(interrupt, follow).await?;
    let since = |at: Mono| at.since(span.start).0;
    let (began_ns, ended_ns) = (since(span.from), Some(since(span.until)));
    Ok((load, FaultRecord { kind, began_ns, ended_ns, made: None, exit: None, streams: None }))
}

fn emit(events: &mut (dyn FnMut(Event) + Send), reported: LoadEvent) {
    if let LoadEvent::Second(second) = reported {
        events(Event::Second(Arm::Proxied, second));
    }
}
