//! Runs the generator and something that is done to the target at the same time.

use super::Bench;
use super::alive::alive;
use crate::run::halt::{Halt, Stop};
use crate::run::interrupt::Interrupt;
use harness_load::{self, Generator};
use harness_rig::target::Running;

impl Bench {
    /// Runs `work` of the generator, and `other` with the target, while the target lives and no interrupt arrives.
    ///
    /// # Errors
    /// Returns [`Halt::Failed`] if the target or the generator ended, [`Halt::Interrupted`], or the error of `other`.
    pub(crate) async fn drive_beside<T, O>(
        &mut self,
        interrupt: &Interrupt,
        work: impl AsyncFnOnce(&mut Generator) -> Result<T, harness_load::Error>,
        other: impl AsyncFnOnce(&Running) -> Result<O, Halt>,
    ) -> Result<(T, O), Halt> {
        let Self { engine, target, .. } = self;
        let Some(engine) = engine else { return Err(Halt::tool("this stage has no load generator")) };
        let target = &*target;
        let both = async {
            let load = async { work(&mut engine.generator).await.map_err(Stop::Load) };
            let other = async { other(target).await.map_err(Stop::Halt) };
            tokio::try_join!(load, other)
        };
        match interrupt.or(alive(target, both)).await?? {
            Ok(both) => Ok(both),
            Err(Stop::Load(error)) => Err(engine.halt(&error)),
            Err(Stop::Halt(halt)) => Err(halt),
        }
    }
}
