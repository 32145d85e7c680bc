//! Reads what other tools have measured.

mod criterion;
mod json;
mod tool;

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::facts::{self, Import};
use super::work::{Source, Work};
use crate::interop::Error;
use crate::run::halt::Halt;
use crate::run::profile;
use crate::run::rig::Rig;
use crate::work::Stage;
use harness_base::units::Nanos;

/// Runs the tool that measures, if one is given, and reads its numbers.
///
/// # Errors
/// Returns [`Halt::Failed`] if the tool fails, or a file or a number is missing, outdated or malformed.
pub(crate) async fn run(rig: &mut Rig<'_>, stage: &Stage, work: &Work) -> Result<(), Halt> {
    let mut work = work.clone();
    let tool = work.run.take();
    if let Some(tool) = &tool {
        let took = tool.run(rig, &stage.name).await?;
        // A file that the tool did not write is not its result.
        work.max_age = work.max_age.min(took);
    }
    let found = work.collect(&rig.plan.folder).map_err(|error| Halt::failed(error.exit(), &error))?;
    rig.recorder.stage_facts(facts::Stage { imports: found });
    let Some(tool) = &tool else { return Ok(()) };
    let under = async |rig: &Rig<'_>, words: &[String], number: u64| tool.under(rig, stage, (words, number)).await;
    profile::of_program(rig, stage, under).await
}

impl Work {
    /// Reads the numbers; `folder` is that of the scenario.
    ///
    /// # Errors
    /// Returns an [`Error`] if a file or a number is missing, outdated or malformed.
    fn collect(&self, folder: &Path) -> Result<Vec<Import>, Error> {
        match &self.source {
            Source::Criterion { dir } => self.import_criterion(folder, dir),
            Source::Json => self.names.iter().map(|(place, metric)| self.import_json(folder, place, metric)).collect(),
        }
    }

    /// Returns when the file was written, in seconds since 1970, if it is recent enough. `number` is named by the error.
    fn fresh(&self, file: &Path, number: &str) -> Result<u64, Error> {
        let unreadable = |cause: std::io::Error| match cause.kind() {
            std::io::ErrorKind::NotFound => Error::Missing { path: file.to_owned() },
            _ => Error::Unreadable { path: file.to_owned(), cause },
        };
        let about = std::fs::metadata(file).map_err(unreadable)?;
        // A FIFO has no date that means anything, and opening one can wait without end.
        if !about.is_file() {
            return Err(Error::NotAFile { path: file.to_owned() });
        }
        let written = about.modified().map_err(unreadable)?;
        let age = SystemTime::now().duration_since(written).unwrap_or_default();
        if age > self.max_age.duration() {
            let age = Nanos::from_secs(age.as_secs());
            return Err(Error::Stale { path: file.to_owned(), bench: number.to_owned(), age, max_age: self.max_age });
        }
        Ok(written.duration_since(UNIX_EPOCH).map_or(0, |span| span.as_secs()))
    }
}
