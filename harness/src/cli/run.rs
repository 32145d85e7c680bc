//! `harness run`: the spine.

use std::time::Duration;

use super::against::Against;
use super::args::{self, FailOn, Format, RunArgs};
use super::confirm;
use super::error::{Error, print_text, print_warning};
use super::keep;
use super::terminal::coloured;
use crate::measure::Record;
use crate::measure::profile::Stacks;
use crate::plan::{self, Plan};
use crate::progress::Progress;
use crate::report::{self, Summary};
use crate::run::{self, Home, Interrupt};
use crate::scenario::Scenario;
use crate::verdict::{self, Stored};
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
    let home = Home::make(&args.out, &plan.scenario.name).map_err(|error| Error::tooling(&error))?;
    let record = measure(&plan, &home, args.quiet)?;
    let options = verdict::Options {
        fail_on: fail_on(args.fail_on),
        gates: plan.gates.clone(),
        context: against.context(&record, args, &home),
    };
    let judgement = confirm::judge(&plan, &home, &record, options, args.quiet);
    let stored = Stored::new(record, judgement).map_err(|error| Error::tooling(&error))?;
    tell(&stored, &home, args)
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

/// Runs the plan. Nobody else may measure on this host meanwhile.
pub(super) fn measure(plan: &Plan, home: &Home, quiet: bool) -> Result<Record, Error> {
    let mut progress = Progress::new(&plan.scenario.name, plan.expected_duration(), quiet);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let record = runtime.map_err(|error| Error::tooling(&error))?.block_on(async {
        let interrupt = Interrupt::listen().map_err(|error| Error::tooling(&error))?;
        let ran = run::execute(plan, home, interrupt, &mut |event| progress.show(event)).await;
        ran.map_err(|error| Error::tooling(&error))
    })?;
    progress.finish();
    Ok(record)
}

/// The name of a format.
const fn name(format: Format) -> &'static str {
    match format {
        Format::Table => TABLE,
        Format::Json => "json",
        Format::Markdown => "markdown",
    }
}

/// Writes every artifact and prints the summary, which is printed also where nothing can be written.
fn tell(stored: &Stored, home: &Home, args: &RunArgs) -> Result<Exit, Error> {
    let summary = Summary::new(&stored.record, &stored.judgement).in_folder(&home.shown);
    let written = keep::write(stored, &summary, home);
    print_text(&shown(&summary, name(args.format), args.quiet)?);
    args.github.tell(&summary, &home.shown)?;
    // Told last, below the summary.
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
