//! `harness run`: the spine.

use std::time::Duration;

use super::args::{FailOn, Format, RunArgs};
use super::error::{Error, print_text};
use crate::exit::Exit;
use crate::host;
use crate::measure::Record;
use crate::plan::{self, Plan};
use crate::progress::Progress;
use crate::report::{self, Summary};
use crate::run::{self, Home, Interrupt};
use crate::scenario::Scenario;
use crate::verdict::{self, Stored, stored};

/// How long a run waits for another one that measures on this host.
const PATIENCE: Duration = Duration::from_secs(600);

/// Ask, plan, do, judge, tell.
pub(super) fn run(args: &RunArgs) -> Result<Exit, Error> {
    let scenario = Scenario::read(&args.scenario, &args.selection.set).map_err(|error| Error::input(&error))?;
    let plan = plan(&scenario, &args.selection)?;
    let (home, record) = measure(&plan, args)?;
    let judgement = verdict::judge(&record, &plan.claims, options(args.fail_on));
    let stored = Stored::new(record, judgement).map_err(|error| Error::tooling(&error))?;
    tell(&stored, &home, args.format)
}

/// The plan of a scenario, with what the command line picks.
pub(super) fn plan(scenario: &Scenario, selection: &super::args::Selection) -> Result<Plan, Error> {
    let options = plan::Options { quick: selection.quick, stages: selection.stage.clone() };
    Plan::new(scenario, &options).map_err(|error| Error::input(&error))
}

fn options(wanted: Option<FailOn>) -> verdict::Options {
    verdict::Options { fail_on: fail_on(wanted) }
}

/// `--fail-on` as the verdict knows it.
pub(super) const fn fail_on(wanted: Option<FailOn>) -> verdict::FailOn {
    match wanted {
        None | Some(FailOn::Block) => verdict::FailOn::Block,
        Some(FailOn::Alert) => verdict::FailOn::Alert,
        Some(FailOn::Inconclusive) => verdict::FailOn::Inconclusive,
    }
}

/// Runs the plan while nobody else measures on this host.
fn measure(plan: &Plan, args: &RunArgs) -> Result<(Home, Record), Error> {
    let _alone = host::Lock::acquire_within(PATIENCE).map_err(|error| Error::tooling(&error))?;
    let home = Home::make(&args.out, &plan.scenario.name).map_err(|error| Error::tooling(&error))?;
    let mut progress = Progress::new(&plan.scenario.name, plan.expected_duration());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let record = runtime.map_err(|error| Error::tooling(&error))?.block_on(async {
        let interrupt = Interrupt::listen().map_err(|error| Error::tooling(&error))?;
        let ran = run::execute(plan, &home, interrupt, &mut |event| progress.show(event)).await;
        ran.map_err(|error| Error::tooling(&error))
    })?;
    progress.finish();
    Ok((home, record))
}

/// Writes every artifact and prints the summary.
fn tell(stored: &Stored, home: &Home, format: Format) -> Result<Exit, Error> {
    let summary = Summary::new(&stored.record, &stored.judgement).in_folder(&home.shown);
    stored.write(&home.results.join(stored::RESULT)).map_err(|error| Error::tooling(&error))?;
    report::write_all(&summary, &home.results).map_err(|error| Error::tooling(&error))?;
    print_text(&shown(&summary, format)?);
    Ok(stored.judgement.exit)
}

/// What stdout carries.
pub(super) fn shown(summary: &Summary<'_>, format: Format) -> Result<String, Error> {
    let name = match format {
        Format::Table => "table",
        Format::Json => "json",
        Format::Markdown => "markdown",
        Format::Bencher => "bencher",
        Format::Flat => "flat",
        Format::Perf => "perf",
        Format::Aether => "aether",
    };
    let Some(format) = report::format(name) else { return Ok(String::new()) };
    let rendered = format.render(summary).map_err(|error| Error::tooling(&error))?;
    Ok(String::from_utf8_lossy(&rendered).into_owned())
}
