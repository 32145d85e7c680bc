//! Counts what became of requests.

use super::failure::Failure;
use crate::measure::{Outcome, Outcomes};

/// The outcomes of requests, and an example of one that failed.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) outcomes: Outcomes,
    pub(super) example: Option<String>,
}

impl Tally {
    /// Counts a request. Returns its answer.
    pub(super) fn note<T>(&mut self, answer: Result<T, Failure>) -> Option<T> {
        match answer {
            Ok(answer) => {
                self.outcomes.add(Outcome::Ok, 1);
                Some(answer)
            }
            failed => self.beside(failed),
        }
    }

    /// Counts a failed step that is not a request, such as opening a connection. Returns the result of the step.
    pub(super) fn beside<T>(&mut self, answer: Result<T, Failure>) -> Option<T> {
        let failure = match answer {
            Ok(answer) => return Some(answer),
            Err(failure) => failure,
        };
        self.outcomes.add(failure.outcome(), 1);
        self.example.get_or_insert_with(|| failure.to_string());
        None
    }

    /// Counts a failure and returns itself.
    pub(super) fn failed(mut self, failure: &Failure) -> Self {
        self.outcomes.add(failure.outcome(), 1);
        self.example.get_or_insert_with(|| failure.to_string());
        self
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.outcomes.merge(&other.outcomes);
        self.example = self.example.take().or(other.example);
    }
}
