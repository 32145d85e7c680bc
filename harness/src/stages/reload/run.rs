//! Reloads the target again and again while it is under load.

mod trigger;

use super::derive::{LARGEST_PART, disturbance};
use super::facts::{Instance, Stall, Triggered};
use super::work::{Act, Work};
use crate::measure::audit::{Blame, Check, Found, OwnProcess, ShareOf};
use crate::measure::reason::Problem;
use crate::measure::trial::{Build, TrialRecord};
use crate::measure::{Arm, LoadFacts, Reason, RoundStatus, Rule, Warning, rejection};
use crate::run::bench::Bench;
use crate::run::event::Event;
use crate::run::halt::Halt;
use crate::run::ledger::Count;
use crate::run::rig::Rig;
use crate::run::trial::{self, Measured, edges};
use crate::work::Stage;
use harness_base::clock::Mono;
use harness_base::heartbeat::LEAST;
use harness_load::{Generator, LoadEngine, LoadEvent};
use harness_rig::target::Running;
use harness_rig::target::spec::Launch;

/// How many times as many instances as wanted are started, because others were disturbed.
const PATIENCE: u64 = 2;

/// Index of the only round of an instance.
const ROUND: u32 = 1;

/// Rules that apply while the target is reloaded. Its behaviour is the result of the stage, so no rule concerns it.
const RULES: [Rule; 4] = [Rule::Accounting, Rule::PacerLagP99, Rule::Steal, Rule::ForeignCpu];

/// Starts instances until enough of them were reloaded under a valid load.
///
/// # Errors
/// Returns [`Halt::Invalid`] if too many loads were disturbed, [`Halt::Failed`] if the target ends, cannot be triggered or a tool fails,
/// or [`Halt::Interrupted`]. Earlier instances are recorded.
pub(crate) async fn run(rig: &mut Rig<'_>, stage: &Stage, work: &Work) -> Result<(), Halt> {
    if rig.plan.base.is_some() {
        rig.recorder.warn(Warning::HeadOnly);
    }
    let wanted = work.load.instances;
    let (mut valid, mut rejected) = (0, 0);
    while valid < wanted {
        rig.emit(Event::Doing(format!("instance {}", valid + rejected + 1)));
        match one(rig, stage, work, valid + rejected).await? {
            RoundStatus::Valid => valid += 1,
            _ => rejected += 1,
        }
        rig.emit(Event::Step { done: valid, of: wanted });
        if valid < wanted && valid + rejected >= PATIENCE * wanted {
            let found = rig.recorder.present_stage().map(rejection::rejections).unwrap_or_default();
            let problems = found.into_iter().map(Problem::Rejected);
            let few = Problem::TooFewRounds { valid, wanted, rejected };
            return Err(Halt::Invalid(problems.chain([few]).map(Reason::from).collect()));
        }
    }
    Ok(())
}

async fn one(rig: &mut Rig<'_>, stage: &Stage, work: &Work, index: u64) -> Result<RoundStatus, Halt> {
    let mut bench = Bench::start(rig, stage, (index, Build::Head), Some(&work.load)).await?;
    let done = watched(rig, stage, work, &mut bench).await;
    bench.stop(rig).await;
    done
}

/// Drives the load, triggers the reloads at their times, and records both.
async fn watched(rig: &mut Rig<'_>, stage: &Stage, work: &Work, bench: &mut Bench) -> Result<RoundStatus, Halt> {
    trial::preflight(rig, stage, bench, Arm::Proxied).await?;
    bench.drive(&rig.interrupt, async |generator| generator.open(Arm::Proxied).await).await?;
    let begun = Mono::now().after(rig.lead());
    let start = begun.after(work.load.warmup);
    bench.announce(start, start.after(work.load.window));
    let order = trial::order(&work.load, Arm::Proxied, begun);
    let Rig { interrupt, events, .. } = rig;
    let events = &mut **events;
    let reported = |reported: LoadEvent| {
        if let LoadEvent::Second(second) = reported {
            events(Event::Second(Arm::Proxied, second));
        }
    };
    let load = async |generator: &mut Generator| generator.follow(order, reported).await;
    let triggers = async |target: &Running| triggered(work, target, start).await;
    let (mut load, reloads) = bench.drive_beside(interrupt, load, triggers).await?;
    let window = edges(&bench.window().await);
    let upstream = trial::hits(bench, &stage.requests).await?;
    let is_signalled = matches!(work.trigger.act, Some(Act::Signal(_)))
        && matches!(rig.plan.target_of(Build::Head).launch, Launch::Process(_));
    let signals = if is_signalled { reloads.as_slice() } else { &[] };
    let stalls = stalls(&mut load, upstream.as_ref(), signals);
    let instance = Instance { reloads, stalls };
    let measured = Measured { arm: Arm::Proxied, load, window, ledger: None, relays: Vec::new() };
    let trial = audited(trial::judge(stage, &work.load, bench, measured), &instance);
    rig.recorder.instance_facts(bench.index, instance);
    Ok(trial::record_alone(rig, bench, ROUND, trial))
}

/// Triggers every reload at its time.
async fn triggered(work: &Work, target: &Running, start: Mono) -> Result<Vec<Triggered>, Halt> {
    let files = trigger::Contents::read(&work.trigger, target)?;
    let mut reloads = Vec::new();
    for number in 0..work.reloads {
        let due = start.after(work.before).after(work.every.times(number));
        tokio::time::sleep(due.remaining().duration()).await;
        let (at, took) = trigger::fire(&work.trigger, target, &files, number).await?;
        reloads.push(Triggered { at_ns: at.since(start).0, took_ns: took.0 });
    }
    Ok(reloads)
}

/// Collects when the generator and the upstream were stalled, and when the keeper was, which sends the signals.
fn stalls(load: &mut LoadFacts, upstream: Option<&Count>, signals: &[Triggered]) -> Vec<Stall> {
    let of_generator = load.watched.as_mut().map(|watched| std::mem::take(&mut watched.stalls)).unwrap_or_default();
    let of_generator = of_generator.into_iter().map(|stall| (OwnProcess::Generator, stall.from_ns, stall.until_ns));
    let since = |ns: u64| ns as i64 - load.window_start.0 as i64;
    let of_upstream = upstream.and_then(|count| count.stalls.as_ref()).into_iter().flatten();
    let of_upstream = of_upstream.map(|span| (OwnProcess::Upstream, since(span.from_ns), since(span.until_ns)));
    // A shorter time is that of the way to the keeper and back.
    let late = signals.iter().filter(|signal| signal.took_ns >= LEAST.0);
    let of_keeper = late
        .map(|signal| (OwnProcess::Keeper, signal.at_ns as i64, signal.at_ns.saturating_add(signal.took_ns) as i64));
    let all = of_generator.chain(of_upstream).chain(of_keeper);
    all.map(|(process, from_ns, until_ns)| Stall { process, from_ns, until_ns }).collect()
}

/// Keeps the rules that apply, and adds that of stalls within a reload.
fn audited(mut trial: TrialRecord, instance: &Instance) -> TrialRecord {
    trial.audit.retain(|check| RULES.contains(&check.rule()));
    let disturbed = trial.load.watched.as_deref().and_then(|watched| disturbance(instance, watched));
    trial.audit.extend(disturbed.map(|(process, share)| {
        let found = Found::Stall { process, share, share_of: ShareOf::Reload, limit: LARGEST_PART };
        let blame = match process {
            OwnProcess::Generator => Blame::Generator,
            OwnProcess::Upstream => Blame::Upstream,
            OwnProcess::Stopwatch | OwnProcess::Egress | OwnProcess::Keeper | OwnProcess::Relay => Blame::Host,
        };
        Check::new(found, false, blame)
    }));
    trial
}
