//! Sends one request at a time, and compares it with what the foreign host saw.

use std::sync::Arc;

use super::derive::{Asked, matched};
use super::facts::{Faults, Instance};
use super::work::Work;
use crate::measure::Outcome;
use crate::measure::audit::{Check, launch_disturbances};
use crate::run::admin::{Admin, Cause};
use crate::run::bench::Bench;
use crate::run::builds::{launch, named};
use crate::run::engine;
use crate::run::event::Event;
use crate::run::halt::Halt;
use crate::run::interrupt::Interrupt;
use crate::run::launches::{self, Launching};
use crate::run::rig::Rig;
use crate::work::Stage;
use harness_base::clock::Mono;
use harness_load::{Answered, Single};
use mock_upstream::egress::HitsReport;

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
    let mut facts = Instance::default();
    let done = ask_all(rig, stage, work, &bench, &mut facts).await;
    let done = match done {
        Ok(()) => bench.launch_readings(&rig.interrupt).await,
        Err(halt) => Err(halt),
    };
    facts.readings = done.as_ref().ok().cloned();
    let record = bench.launch().clone();
    rig.recorder.instance_facts(index, facts);
    bench.stop(rig).await;
    let readings = done.map_err(|halt| named(rig, stage, build, halt))?;
    Ok(launch_disturbances(&record, &readings, &stage.audit))
}

/// Sends all requests of a launch.
async fn ask_all(rig: &Rig<'_>, stage: &Stage, work: &Work, bench: &Bench, facts: &mut Instance) -> Result<(), Halt> {
    let Some(request) = stage.requests.first() else { return Err(Halt::tool("the stage has no request")) };
    let Some(admin) = bench.foreign() else { return Err(Halt::tool("the scenario has no foreign host")) };
    let address = engine::proxied(rig, stage, bench.proxied())?;
    let client = Single::new(&address, request, rig.plan.scenario.seed).map_err(|error| Halt::tooling(&error))?;
    let mut agent = Agent { client, admin, egress: &work.egress };
    let begun = Mono::now();
    for number in 0..work.count {
        let due = begun.after(work.rate.period().times(number));
        let seen = agent.ask(&rig.interrupt, bench, due).await?;
        count(facts, seen);
    }
    Ok(())
}

/// The agent whose requests need an approval.
struct Agent<'a> {
    client: Single,
    admin: Arc<Admin>,
    egress: &'a str,
}

/// What became of a request, and the requests for approval meanwhile.
struct Seen {
    answered: Answered,
    asked: Vec<Asked>,
}

impl Agent<'_> {
    /// Sends a request at `due`.
    async fn ask(&mut self, interrupt: &Interrupt, bench: &Bench, due: Mono) -> Result<Seen, Halt> {
        let answered = bench
            .during(interrupt, async {
                tokio::time::sleep(due.remaining().duration()).await;
                self.client.send().await
            })
            .await?;
        let report: Result<HitsReport, Cause> = self.admin.ask("hits").await;
        let HitsReport { hits } = report.map_err(|cause| Halt::tooling(&Error { cause }))?;
        let own = hits.iter().filter(|hit| hit.egress == self.egress);
        let asked = own.filter_map(|hit| Some(Asked { at: Mono(hit.at_ns), approved: Mono(hit.approved_ns?) }));
        Ok(Seen { answered, asked: asked.collect() })
    }
}

/// Counts a request.
fn count(facts: &mut Instance, Seen { answered, asked }: Seen) {
    if answered.outcome != Outcome::Ok {
        facts.outcomes.add(answered.outcome, 1);
        facts.example = facts.example.take().or(answered.example);
        return;
    }
    match matched((answered.sent, answered.ended), &asked) {
        Ok(approval) => {
            facts.outcomes.add(Outcome::Ok, 1);
            facts.approvals.push(approval);
        }
        Err(fault) => {
            facts.outcomes.add(Outcome::WrongBody, 1);
            facts.faults.add(fault);
            facts.example.get_or_insert_with(|| words(fault));
        }
    }
}

fn words(fault: Faults) -> String {
    let (_, words) = fault.each().into_iter().find(|(count, _)| *count > 0).unwrap_or_default();
    format!("the target {words}")
}
