//! `harness run`: the spine.

use std::time::Duration;

use super::against::Against;
use super::args::{self, FailOn, Format, RunArgs};
use super::attempt::{Attempt, Attempts};
use super::error::{Error, print_text, print_warning};
use super::keep;
use super::measuring::Measuring;
use super::terminal::coloured;
use crate::measure::profile::Stacks;
use crate::plan::{self, Plan};
use crate::report::{self, Summary};
use crate::run;
use crate::scenario::Scenario;
use crate::verdict;
use harness_base::exit::Exit;
use harness_rig::host;

/// How long a run waits for another one that measures on this host.
const PATIENCE: Duration = Duration::from_secs(600);

/// The format that people read at a terminal.
const TABLE: &str = "table";

/// Ask, plan, do, judge, tell.
pub(super) fn run(args: &RunArgs) -> Result<Exit, Error> {
    keep::outlive_the_file_limit();
    let scenario = Scenario::read(&args.scenario, &args.selection.overrides()).map_err(|error| Error::input(&error))?;
    let plan = Plan { profile: args.profile.map(stacks), ..plan(&scenario, &args.selection)? };
    run::no_profile(&plan).iter().for_each(|why| print_warning(&format!("no profile: {why}")));
    let against = Against::find(args, &plan)?;
    let _alone = alone()?;
    let attempts = Attempts { plan: &plan, against, measuring: Measuring::begin(args.quiet)?, args };
    let (last, unmade) = attempts.run()?;
    Ok(tell(&attempts, last, args)?.join(unmade))
}

/// The host for this run alone. Whoever has to wait is told for whom.
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

/// The plan of a scenario, with what the command line picks.
pub(super) fn plan(scenario: &Scenario, selection: &super::args::Selection) -> Result<Plan, Error> {
    let options = plan::Options { quick: selection.quick, stages: selection.stage.clone() };
    Plan::new(scenario, &options).map_err(|error| Error::input(&error))
}

/// `--profile` as the plan knows it.
const fn stacks(wanted: args::Stacks) -> Stacks {
    match wanted {
        args::Stacks::Dwarf => Stacks::Dwarf,
        args::Stacks::Fp => Stacks::Fp,
    }
}

/// `--fail-on` as the verdict knows it.
pub(super) const fn fail_on(wanted: Option<FailOn>) -> verdict::FailOn {
    match wanted {
        None | Some(FailOn::Block) => verdict::FailOn::Block,
        Some(FailOn::Alert) => verdict::FailOn::Alert,
        Some(FailOn::Inconclusive) => verdict::FailOn::Inconclusive,
    }
}

/// The name of a format.
const fn name(format: Format) -> &'static str {
    match format {
        Format::Table => TABLE,
        Format::Json => "json",
        Format::Markdown => "markdown",
    }
}

/// Prints the summary of the attempt that counts, also where its files could not be written.
fn tell(attempts: &Attempts<'_>, last: Attempt, args: &RunArgs) -> Result<Exit, Error> {
    let Attempt { stored, home, written } = last;
    let summary = attempts.summary(&stored, &home);
    print_text(&shown(&summary, name(args.format), args.quiet)?);
    args.github.tell(&summary, &home.shown)?;
    // Below the summary, where it is not overlooked.
    let told = written.map_or_else(|error| error.tell(), |()| Exit::Pass);
    Ok(stored.judgement.exit.join(told))
}

/// What stdout carries: a format by its name, or the verdict's line alone.
pub(super) fn shown(summary: &Summary<'_>, name: &str, quiet: bool) -> Result<String, Error> {
    if quiet && name == TABLE {
        return Ok(coloured(&format!("{}\n", summary.headline), summary.judgement.exit));
    }
    let Some(format) = report::format(name) else { return Ok(String::new()) };
    let rendered = format.render(summary).map_err(|error| Error::tooling(&error))?;
    let text = String::from_utf8_lossy(&rendered).into_owned();
    Ok(if name == TABLE { coloured(&text, summary.judgement.exit) } else { text })
}
