//! Runs the tool whose numbers are read.

use crate::measure::reason::Cause;
use crate::measure::{Ending, Failure};
use crate::run::bench::{LINES, launch_halt};
use crate::run::halt::Halt;
use crate::run::profile::Under;
use crate::run::rig::Rig;
use crate::stages::import::work::Tool;
use crate::work::Stage;
use harness_base::exit::Exit;
use harness_base::units::Nanos;
use harness_rig::keeper::{Command, clean_env};

/// Time between SIGTERM and SIGKILL for a tool beyond its time limit.
const PATIENCE: Nanos = Nanos::from_secs(1);
/// Added to the duration of the tool, because file systems store times in steps.
const STEP: Nanos = Nanos::from_millis(20);

impl Tool {
    /// Waits until the tool has ended with success, and returns how long ago it was started.
    ///
    /// # Errors
    /// Returns [`Halt::Failed`] with its last lines if it cannot be started, fails, or exceeds the time limit.
    pub(super) async fn run(&self, rig: &Rig<'_>, name: &str) -> Result<Nanos, Halt> {
        let started = std::time::Instant::now();
        let (ending, log) = self.once(rig, name, &[]).await?;
        let how = match ending {
            Some(Ending::Code(0)) => return Ok(Nanos::of(started.elapsed()).plus(STEP)),
            Some(ending) => ending.to_string(),
            None => format!("did not end within {}", self.time_limit),
        };
        let message = format!("import.run: {} {how}", self.argv.join(" "));
        let failure = Failure::new(Cause::Error(vec![message]), Exit::InvalidInput);
        Err(failure.with_log(log).into())
    }

    /// Runs the tool again behind other words. Its numbers are not read.
    ///
    /// # Errors
    /// Returns [`Halt::Failed`] if it cannot be started, or [`Halt::Interrupted`].
    pub(super) async fn under(
        &self,
        rig: &Rig<'_>,
        stage: &Stage,
        (words, number): (&[String], u64),
    ) -> Result<Under, Halt> {
        let (ending, log) = self.once(rig, &format!("{}-profiled-{number}", stage.name), words).await?;
        Ok(Under { is_success: ending == Some(Ending::Code(0)), ending, log })
    }

    /// Waits for the end of one run behind `front`; `None` if it was stopped at the time limit.
    async fn once(&self, rig: &Rig<'_>, name: &str, front: &[String]) -> Result<(Option<Ending>, Vec<String>), Halt> {
        let site = &rig.site;
        let log = site.logs.join(format!("import-{name}.log"));
        let cwd = site.folder.join(&self.cwd);
        let argv = front.iter().chain(&self.argv).cloned().collect();
        let command = Command::new(name, argv, clean_env(&site.scratch, &self.env), cwd, log);
        let child = site.keeper.spawn(command).map_err(|error| launch_halt(&error.into()))?;
        let ended = rig.interrupt.or(tokio::time::timeout(self.time_limit.duration(), child.wait())).await;
        child.stop(PATIENCE).await;
        Ok((ended?.ok(), child.log_tail(LINES)))
    }
}
