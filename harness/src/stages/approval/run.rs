//! Sends one request at a time, and compares it with what the foreign host saw.

use std::cell::RefCell;
use std::sync::Arc;

use super::derive::{Asked, INVOLVED, Paused, disturbed, matched};
use super::facts::{Faults, Instance};
use super::work::Work;
use crate::measure::Outcome;
use crate::measure::audit::{Blame, Check, Found, OwnProcess, Rule, ShareOf, launch_disturbances};
use crate::run::admin::{Admin, Cause};
use crate::run::bench::Bench;
use crate::run::builds::{launch, named};
use crate::run::engine;
use crate::run::event::Event;
use crate::run::halt::Halt;
use crate::run::interrupt::Interrupt;
use crate::run::launches::{self, Launching};
use crate::run::rig::Rig;
use crate::run::trial;
use crate::work::Stage;
use harness_base::clock::Mono;
use harness_base::heartbeat::{Heartbeat, Stall};
use harness_load::{Answered, Single};
use mock_upstream::egress::HitsReport;
use mock_upstream::upstream::StallSpan;

/// The foreign hosts did not say what they saw.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the hits of the foreign hosts: {cause}; see the log of egress beside the result")]
struct Error {
    cause: Cause,
}

/// Launches each build until `launches` of them were undisturbed.
///
/// # Errors
/// Returns [`Halt::Failed`] if a launch fails or the target ends by itself, or [`Halt::Invalid`] if too many launches are disturbed.
pub(crate) async fn run(rig: &mut Rig<'_>, stage: &Stage, work: &Work) -> Result<(), Halt> {
    launches::repeat(rig, stage, work.launches, async |rig, launching| one(rig, stage, work, launching).await).await
}

async fn one(rig: &mut Rig<'_>, stage: &Stage, work: &Work, launching: Launching) -> Result<Vec<Check>, Halt> {
    let Launching { index, build, turn } = launching;
    rig.emit(Event::Doing(format!("{}, {} approvals", launch(stage, build, turn), work.count)));
    let mut bench = Bench::start(rig, stage, (index.into(), build), None).await?;
    let (mut seen, mut pauses) = (Vec::new(), Pauses::default());
    let done = ask_all(rig, stage, work, &bench, &mut seen, &mut pauses).await;
    let done = match done {
        Ok(()) => bench.launch_readings(&rig.interrupt).await,
        Err(halt) => Err(halt),
    };
    let (mut facts, stalls) = count_all(seen, &pauses, stage.audit.stall.0);
    facts.readings = done.as_ref().ok().cloned();
    let record = bench.launch().clone();
    rig.recorder.instance_facts(index, facts);
    bench.stop(rig).await;
    let readings = done.map_err(|halt| named(rig, stage, build, halt))?;
    Ok(stalls.into_iter().chain(launch_disturbances(&record, &readings, &stage.audit)).collect())
}

/// Sends all requests of a launch.
async fn ask_all(
    rig: &Rig<'_>,
    stage: &Stage,
    work: &Work,
    bench: &Bench,
    seen: &mut Vec<Seen>,
    pauses: &mut Pauses,
) -> Result<(), Halt> {
    let Some(request) = stage.requests.first() else { return Err(Halt::tool("the stage has no request")) };
    let Some(admin) = bench.foreign() else { return Err(Halt::tool("the scenario has no foreign host")) };
    let address = engine::proxied(rig, stage, bench.proxied())?;
    let client = Single::new(&address, request, rig.plan.scenario.seed).map_err(|error| Halt::tooling(&error))?;
    let heartbeat = Heartbeat::default();
    pauses.are_unknown |= !heartbeat.is_known();
    let mut agent = Agent { client, heartbeat, admin, egress: &work.egress };
    let begun = Mono::now();
    for number in 0..work.count {
        let due = begun.after(work.rate.period().times(number));
        seen.push(agent.ask(&rig.interrupt, bench, due, pauses).await?);
    }
    if let Some(count) = trial::hits(bench, &stage.requests).await? {
        pauses.of_process(OwnProcess::Upstream, count.stalls);
    }
    Ok(())
}

/// The agent whose requests need an approval.
struct Agent<'a> {
    client: Single,
    heartbeat: Heartbeat,
    admin: Arc<Admin>,
    egress: &'a str,
}

/// What became of a request, and the requests for approval meanwhile.
struct Seen {
    answered: Answered,
    asked: Vec<Asked>,
}

/// When processes of the harness did not run although they were due.
#[derive(Default)]
struct Pauses {
    all: Vec<Paused>,
    /// Whether one of them cannot tell.
    are_unknown: bool,
}

impl Pauses {
    fn of_process(&mut self, process: OwnProcess, stalls: Option<Vec<StallSpan>>) {
        self.are_unknown |= stalls.is_none();
        let paused = |span: StallSpan| Paused { process, from: Mono(span.from_ns), until: Mono(span.until_ns) };
        self.all.extend(stalls.into_iter().flatten().map(paused));
    }
}

impl Agent<'_> {
    /// Sends a request at `due`.
    async fn ask(
        &mut self,
        interrupt: &Interrupt,
        bench: &Bench,
        due: Mono,
        pauses: &mut Pauses,
    ) -> Result<Seen, Halt> {
        let Self { client, heartbeat, .. } = self;
        let stalls = RefCell::new(Vec::new());
        let answered = bench
            .during(interrupt, async {
                tokio::time::sleep(due.remaining().duration()).await;
                heartbeat.beat_until(client.send(), |stall| stalls.borrow_mut().push(stall)).await
            })
            .await?;
        // A request can end before the beat that a stall has delayed.
        let stalls = stalls.into_inner().into_iter().chain(heartbeat.check(Mono::now()));
        let paused = |stall: Stall| Paused { process: OwnProcess::Generator, from: stall.from, until: stall.until };
        pauses.all.extend(stalls.map(paused));
        let report: Result<HitsReport, Cause> = self.admin.ask("hits").await;
        let HitsReport { hits, stalls } = report.map_err(|cause| Halt::tooling(&Error { cause }))?;
        pauses.of_process(OwnProcess::Egress, stalls);
        let own = hits.iter().filter(|hit| hit.egress == self.egress);
        let asked = own.filter_map(|hit| Some(Asked { at: Mono(hit.at_ns), approved: Mono(hit.approved_ns?) }));
        Ok(Seen { answered, asked: asked.collect() })
    }
}

/// Counts all requests of a launch. Returns the stalls of the harness too if they made more than the `limit` of them (0 to 1) longer.
fn count_all(seen: Vec<Seen>, pauses: &Pauses, limit: f64) -> (Instance, Vec<Check>) {
    let (mut facts, of) = (Instance::default(), seen.len().max(1) as f64);
    let disturbed: Vec<OwnProcess> = seen.into_iter().filter_map(|seen| count(&mut facts, seen, &pauses.all)).collect();
    let checks = INVOLVED.into_iter().filter_map(|process| {
        let share = disturbed.iter().filter(|one| **one == process).count() as f64 / of;
        let found = Found::Stall { process, share, share_of: ShareOf::Requests, limit };
        (share > limit).then(|| Check::new(found, false, Blame::Host))
    });
    let unread = Some(Check::unread(Rule::Stall, limit)).filter(|check| pauses.are_unknown && !check.passed);
    (facts, checks.chain(unread).collect())
}

/// Counts a request. Returns the process of the harness whose stalls made it longer.
fn count(facts: &mut Instance, Seen { answered, asked }: Seen, paused: &[Paused]) -> Option<OwnProcess> {
    if answered.outcome != Outcome::Ok {
        facts.outcomes.add(answered.outcome, 1);
        facts.example = facts.example.take().or(answered.example);
        return None;
    }
    let span = (answered.sent, answered.ended);
    match matched(span, &asked) {
        Ok(approval) => {
            facts.outcomes.add(Outcome::Ok, 1);
            let process = asked.first().and_then(|asked| disturbed(span, *asked, paused));
            match process {
                Some(_) => facts.disturbed += 1,
                None => facts.approvals.push(approval),
            }
            process
        }
        Err(fault) => {
            facts.outcomes.add(Outcome::WrongBody, 1);
            facts.faults.add(fault);
            facts.example.get_or_insert_with(|| words(fault));
            None
        }
    }
}

fn words(fault: Faults) -> String {
    let (_, words) = fault.each().into_iter().find(|(count, _)| *count > 0).unwrap_or_default();
    format!("the target {words}")
}
