//! Stops the target while it is under load, and starts it again if asked to.

use super::{Behind, Bench, start_target};
use crate::measure::Failure;
use crate::measure::exit::ExitFacts;
use crate::measure::reason::{Cause, When};
use crate::run::halt::{Halt, Stop};
use crate::run::rig::Rig;
use crate::work::Stage;
use harness_base::clock::Mono;
use harness_base::exit::Exit;
use harness_load::{self, Generator};

/// The end of a target that was stopped.
#[derive(Debug)]
pub(crate) struct Changed {
    /// The moment just before it was stopped.
    pub(crate) asked: Mono,
    /// The moment just before it was started again.
    pub(crate) started: Option<Mono>,
    pub(crate) exit: ExitFacts,
}

impl Bench {
    /// Runs `work` of the generator and stops the target at `at`; `again` starts it again immediately, on the same
    /// ports. Afterwards the launch of the bench is the last one.
    ///
    /// # Errors
    /// Returns [`Halt::Failed`] if the target ended before, does not start again, or the generator ended, or
    /// [`Halt::Interrupted`].
    pub(crate) async fn change<T>(
        &mut self,
        rig: &Rig<'_>,
        stage: &Stage,
        (at, again): (Mono, bool),
        work: impl AsyncFnOnce(&mut Generator) -> Result<T, harness_load::Error>,
    ) -> Result<(T, Changed), Halt> {
        let name = format!("{}-{}", stage.name, self.index);
        let patience = rig.plan.target.stop_within;
        let Self { engine, target, behind, foreign, launch, stopped, build, .. } = self;
        let Some(engine) = engine else { return Err(Halt::tool("this stage has no load generator")) };
        let load = async { work(&mut engine.generator).await.map_err(Stop::Load) };
        let change = async {
            tokio::time::sleep(at.remaining().duration()).await;
            if let Some(ending) = target.ended() {
                let cause = Cause::TargetEnded { ending, when: When::Early };
                return Err(Stop::Halt(Halt::from(Failure::new(cause, Exit::TargetFailed))));
            }
            let asked = Mono::now();
            let Some(ended) = target.stop(patience).await else {
                return Err(Stop::Halt(Halt::tool("harness did not start the target, so it cannot stop it")));
            };
            let exit = ExitFacts { ending: ended.ending.clone(), took_ns: ended.took.0, killed: ended.killed };
            if !again {
                *stopped = Some(ended);
                return Ok(Changed { asked, started: None, exit });
            }
            let allotted = target.allotted.clone();
            let behind = Behind { upstream: behind.as_ref(), egress: foreign.as_ref().map(|foreign| &foreign.place) };
            let started = start_target(rig, stage, *build, (&name, Some(&allotted)), behind).await;
            (*target, *launch) = started.map_err(Stop::Halt)?;
            Ok(Changed { asked, started: target.spawned, exit })
        };
        match rig.interrupt.or(async { tokio::try_join!(load, change) }).await? {
            Ok(both) => Ok(both),
            Err(Stop::Load(error)) => Err(engine.halt(&error)),
            Err(Stop::Halt(halt)) => Err(halt),
        }
    }
}
