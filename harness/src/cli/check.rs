//! Implements `harness check`: prints the plan without starting anything.

use super::args::CheckArgs;
use super::convert::plan;
use super::error::{Error, print_text, print_warning};
use crate::measure::Calibration;
use crate::measure::stored_calibration;
use crate::plan::Plan;
use crate::plan::proposal;
use crate::report::calibration::quote;
use crate::report::text::wrap;
use crate::scenario::{self, Scenario};
use harness_base::exit::Exit;
use harness_base::printable::Printable;
use harness_rig::host;

/// Width of a line, and of a label.
const WIDTH: usize = 80;
const LABEL: usize = 10;

/// Prints the plan and what the calibration of this host would change in it, or the schema.
pub(super) fn check(args: &CheckArgs) -> Result<Exit, Error> {
    if let Some(path) = args.scenario.as_ref().filter(|_| !args.schema) {
        let scenario = Scenario::read(path, &args.selection.settings()).map_err(|error| Error::input(&error))?;
        let plan = plan(&scenario, &args.selection)?;
        print_text(plan.to_string());
        match stored_calibration::stored() {
            Ok(found) => found.iter().for_each(|found| print_text(calibrated(&plan, found))),
            Err(error) => print_warning(&error.to_string()),
        }
    } else {
        let schema = serde_json::to_string_pretty(&scenario::schema()).map_err(|error| Error::tooling(&error))?;
        print_text(Printable::json(&(schema + "\n")));
    }
    Ok(Exit::Pass)
}

/// Describes the resolution of this host, the proposed changes, and the command that applies them.
fn calibrated(plan: &Plan, found: &Calibration) -> String {
    let line = |label: &str, text: &str| wrap(text, WIDTH, &format!("{label:<LABEL$}"), &" ".repeat(LABEL));
    let (host, tool) = (host::facts(), host::tool());
    let mut text = line("host", &quote(found, &host, &tool));
    if found.unfit(&host, &tool).is_some() {
        return text;
    }
    let proposals = plan.proposals(found);
    text.extend(proposals.iter().map(|proposal| line("proposal", &proposal.message)));
    // On one line, so that it can be copied.
    text.extend(proposal::command(plan, &proposals).map(|command| format!("{:<LABEL$}{command}\n", "type")));
    text
}
