//! Implements `harness run`.

use std::time::Duration;

use super::against::Against;
use super::args::{Format, RunArgs};
use super::attempt::{Attempt, Attempts};
use super::convert::{plan, stacks};
use super::error::{Error, print_text, print_warning};
use super::keep;
use super::measuring::Measuring;
use super::one_command;
use super::shown::{TABLE, shown};
use super::terminal::coloured;
use crate::plan::Plan;
use crate::report::{self, Summary};
use crate::run;
use crate::scenario::Scenario;
use harness_base::exit::Exit;
use harness_rig::host;
use harness_rig::target::spec::Launch;

/// How long a run waits for another one on this host.
const PATIENCE: Duration = Duration::from_secs(600);

/// A profile needs the processes of the target on this machine.
#[derive(Debug, thiserror::Error)]
#[error("--profile samples processes of this machine, and this target runs in a pod; leave it out")]
struct ProfileInPod;

/// Plans, runs and judges a scenario, and prints the result.
pub(super) fn run(args: &RunArgs) -> Result<Exit, Error> {
    keep::outlive_the_file_limit();
    let settings = args.selection.settings();
    let scenario = match &args.scenario {
        Some(path) => Scenario::read(path, &settings).map_err(|error| Error::input(&error))?,
        None => one_command::scenario(&args.one, &settings)?,
    };
    let plan = Plan { profile: args.profile.map(stacks), ..plan(&scenario, &args.selection)? };
    if plan.profile.is_some() && matches!(plan.target.launch, Launch::Pod(_)) {
        return Err(Error::input(&ProfileInPod));
    }
    run::no_profile(&plan).iter().for_each(|why| print_warning(&format!("no profile: {why}")));
    let against = Against::find(args, &plan)?;
    let _alone = alone()?;
    let measuring = Measuring::begin(&plan, args.detail.quiet)?;
    let measuring = if args.retry_invalid > 0 { measuring.keeping_nodes(&plan) } else { measuring };
    let attempts = Attempts { plan: &plan, against, measuring, args };
    let ran = attempts.run();
    attempts.measuring.release();
    let (last, unmade) = ran?;
    Ok(finish(&attempts, last, args)?.join(unmade))
}

/// Takes the lock of the host. If another run holds it, prints which one and waits.
pub(super) fn alone() -> Result<host::Lock, Error> {
    let held = host::Lock::acquire().or_else(|busy| {
        if let host::Error::Busy { pid } = busy {
            let run = pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
            print_warning(&format!("another run{run} measures on this host; waiting for it, at most {PATIENCE:?}"));
        }
        host::Lock::acquire_within(PATIENCE)
    });
    held.map_err(|error| Error::tooling(&error))
}

/// Returns the name of a format.
const fn name(format: Format) -> &'static str {
    match format {
        Format::Table => TABLE,
        Format::Json => "json",
        Format::Markdown => "markdown",
    }
}

/// Prints the summary of the last attempt, even if its files could not be written.
fn finish(attempts: &Attempts<'_>, last: Attempt, args: &RunArgs) -> Result<Exit, Error> {
    let Attempt { stored, home, written } = last;
    let complete = attempts.summary(&stored, &home);
    // Names no file that may be absent.
    let summary = if written.is_ok() { complete } else { Summary { folder: None, ..complete } };
    let brief = args.scenario.is_none() && args.format == Format::Table && !args.detail.quiet && !args.detail.verbose;
    if brief {
        print_text(coloured(&report::one_command::render(&summary), stored.judgement.exit));
    } else {
        print_text(shown(&summary, name(args.format), &args.detail)?);
    }
    args.github.write(&summary, &home.shown)?;
    // Printed below the summary, where it is visible.
    let reports = written.map_or_else(|error| error.print(), |()| Exit::Pass);
    Ok(stored.judgement.exit.join(reports))
}
