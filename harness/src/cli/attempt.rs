//! Makes attempts at a run: the first, and those that follow an INVALID one.

use super::against::Against;
use super::args::RunArgs;
use super::confirm;
use super::convert::fail_on;
use super::error::{Error, print_warning};
use super::keep;
use super::measuring::Measuring;
use crate::measure::record::Retry;
use crate::plan::Plan;
use crate::report::Summary;
use crate::run::Home;
use crate::verdict::{self, Stored};
use harness_base::exit::Exit;

/// An attempt that was judged, and the state of its files.
pub(super) struct Attempt {
    pub(super) stored: Stored,
    pub(super) home: Home,
    /// Whether the result and its reports could be written.
    pub(super) written: Result<(), Error>,
}

/// The inputs that all attempts of a command share.
pub(super) struct Attempts<'a> {
    pub(super) plan: &'a Plan,
    pub(super) against: Against,
    pub(super) measuring: Measuring,
    pub(super) args: &'a RunArgs,
}

impl Attempts<'_> {
    /// Runs, and repeats the run while it ends INVALID and `--retry-invalid` permits it. The last attempt counts; the
    /// others remain in separate folders. Returns the exit code of the failure that prevented a retry, too.
    pub(super) fn run(&self) -> Result<(Attempt, Exit), Error> {
        let first = Home::make(&self.args.out, &self.plan.scenario.name).map_err(|error| Error::tooling(&error))?;
        let mut last = self.attempt(first.clone(), Vec::new())?;
        let mut retries = Vec::new();
        while last.is_invalid() && retries.len() < usize::from(self.args.retry_invalid) {
            if self.measuring.is_interrupted() {
                print_warning("interrupted before the run was measured again");
                return Ok((last, Exit::Interrupted));
            }
            if !self.measuring.may_repeat(self.plan) {
                print_warning(
                    "the run was not measured again, because nodes of its fleet are gone; start them again, and then the run",
                );
                break;
            }
            retries.push(last.retry());
            self.announce(&last, retries.len());
            match self.again(&first, &retries) {
                Ok(next) => last = next,
                Err(error) => return Ok((last, error.print())),
            }
        }
        Ok((last, Exit::Pass))
    }

    fn again(&self, first: &Home, retries: &[Retry]) -> Result<Attempt, Error> {
        let home = first.retrying(retries.len()).map_err(|error| Error::tooling(&error))?;
        self.attempt(home, retries.to_vec())
    }

    fn attempt(&self, home: Home, retries: Vec<Retry>) -> Result<Attempt, Error> {
        let record = self.measuring.run(self.plan, &home, &retries)?;
        let options = verdict::Options {
            fail_on: fail_on(self.args.fail_on),
            gates: self.plan.gates.clone(),
            context: self.against.context(&record, self.args, &home),
        };
        let judgement = confirm::judge(self.plan, &home, &record, options, &self.measuring);
        let stored = Stored::new(record, judgement).map_err(|error| Error::tooling(&error))?;
        let written = keep::write(&stored, &self.summary(&stored, &home), &home);
        Ok(Attempt { stored, home, written })
    }

    /// Returns the view of an attempt that its reports show.
    pub(super) fn summary<'a>(&self, stored: &'a Stored, home: &Home) -> Summary<'a> {
        let artifacts = self.args.artifacts.with(&self.plan.artifacts);
        Summary::new(&stored.record, &stored.judgement).in_folder(&home.shown).writing(artifacts)
    }

    fn announce(&self, last: &Attempt, retries: usize) {
        print_warning(&format!(
            "{}; measuring again, retry {retries} of {}; this attempt stays in {}",
            last.stored.judgement.headline(),
            self.args.retry_invalid,
            last.home.shown.display()
        ));
    }
}

impl Attempt {
    /// Returns whether the attempt ended INVALID and in nothing more urgent.
    fn is_invalid(&self) -> bool {
        self.stored.judgement.exit == Exit::Invalid && self.written.is_ok()
    }

    /// Returns the entry for this attempt in the record of the next one.
    fn retry(&self) -> Retry {
        let judgement = &self.stored.judgement;
        Retry { run_id: self.home.run_id.clone(), exit: judgement.exit, reasons: judgement.reasons() }
    }
}
